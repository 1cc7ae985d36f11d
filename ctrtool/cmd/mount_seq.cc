// SPDX-License-Identifier: Apache-2.0
// mount_seq: a list of operations on the file system, in order, in one process.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/escapes.h"
#include "ctrtool/cmd/quoted_words.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/user_namespace.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

enum Long : int { kIdMap = kLongOnly, kUnlessMounted, kRollback, kItems };

constexpr OptionRow kOptions[] = {
    {'m', "mount", "TARGET", "operation: mount"},
    {'u', "unmount", "TARGET", "operation: unmount"},
    {'D', "mkdir", "TARGET", "operation: create a directory"},
    {'l', "symlink", "TARGET", "operation: create a symbolic link, contents by -s"},
    {'w', "write", "TARGET", "operation: create or replace a file, contents by -d or -b"},
    {'c', "chdir", "DIR", "operation: change the working directory of what follows"},
    {'S', "shell", "COMMAND", "operation: run COMMAND with /bin/sh -c"},
    {'s', "source", "TEXT", "m: what is mounted; l: contents", "/dev/null"},
    {'t', "type", "TYPE", "m: type of the file system", "none"},
    {'O', "flags", "LETTERS", "m, u, D: flags by letter", "none"},
    {'F', "flag", "N", "m, u, D: flag by the number of its bit, 0 to 31"},
    {'o', "data", "TEXT", "m: the file system's own options", "none"},
    {'E', "make-directory", nullptr, "m: create TARGET as a directory if missing"},
    {'f', "make-file", nullptr, "m: create TARGET as an empty node if missing"},
    {'p', "parents", nullptr, "m, D: create missing directories on the way, 0755"},
    {'x', "exclusive", nullptr, "m with -E or -f, w: an existing TARGET is an error"},
    {'r', "remount", nullptr, "m: then remount with the same flags"},
    {'K', "follow-source", nullptr, "m: links in the source are fine"},
    {'k', "follow-target", nullptr, "links in TARGET are fine"},
    {'e', "tolerate", nullptr, "go on if this operation fails; given twice, if a check fails too"},
    {'y', "sync", nullptr, "sync afterwards"},
    {'M', "mode", "OCTAL", "D, w: the mode of what is created", "0700, w: 0644"},
    {'d', "text", "TEXT", "w: contents, as they are"},
    {'b', "escaped", "TEXT", "w: contents, with \\n \\t \\r \\0 \\\\ \\xHH \\ooo"},
    {'a', "append", nullptr, "w: append to the file"},
    {kIdMap, "idmap", "MAPS|FILE", "m of a bind: uids=IN-OUT-COUNT;gids=..., or a user namespace"},
    {kUnlessMounted, "unless-mounted", nullptr, "m: do nothing if TARGET is a mount point"},
    {kRollback, "rollback", nullptr, "if anything fails, undo what was made"},
    {kItems, "items", "FILE", "more words, quoted as for a shell, any number a line"},
};

constexpr std::string_view kOperations = "muDlwcS";

struct Letter {
  char letter;
  unsigned long flag;
};
constexpr Letter kMountLetters[] = {
    {'a', MS_NOATIME},     {'b', MS_BIND},        {'c', MS_RELATIME},    {'d', MS_NODEV},
    {'e', MS_DIRSYNC},     {'h', MS_SHARED},      {'l', MS_SLAVE},       {'m', MS_MOVE},
    {'n', MS_NOSYMFOLLOW}, {'o', MS_RDONLY},      {'p', MS_PRIVATE},     {'q', MS_SILENT},
    {'r', MS_REMOUNT},     {'s', MS_NOSUID},      {'t', MS_STRICTATIME}, {'u', MS_UNBINDABLE},
    {'v', MS_REC},         {'w', MS_SYNCHRONOUS}, {'x', MS_NOEXEC},      {'z', MS_LAZYTIME},
};
constexpr Letter kUnmountLetters[] = {
    {'f', MNT_FORCE}, {'l', MNT_DETACH}, {'n', UMOUNT_NOFOLLOW}, {'x', MNT_EXPIRE}};
constexpr unsigned long kExistsIsFine = 1;
constexpr Letter kDirectoryLetters[] = {{'e', kExistsIsFine}};

struct Item {
  int operation;  // a letter of kOperations
  std::string target;
  std::optional<std::string> source{};
  std::string type{};
  std::string data{};
  std::string text{};
  unsigned long flags = 0;
  std::optional<mode_t> mode{};
  bool make_directory = false;
  bool make_file = false;
  bool parents = false;
  bool exclusive = false;
  bool remount = false;
  bool follow_source = false;
  bool follow_target = false;
  bool tolerate = false;
  bool sync = false;
  bool append = false;
  bool tolerate_checks = false;
  bool unless_mounted = false;
  std::string idmap{};
};

// --- words → items -------------------------------------------------------------------------------

struct Scope {
  int key;
  std::string_view operations;
};
constexpr Scope kScopes[] = {
    {'s', "ml"}, {'t', "m"},         {'O', "muD"},       {'F', "muD"},  {'o', "m"},
    {'E', "m"},  {'f', "m"},         {'p', "mD"},        {'x', "mw"},   {'r', "m"},
    {'K', "m"},  {'k', kOperations}, {'M', "Dw"},        {'d', "w"},    {'b', "w"},
    {'a', "w"},  {'e', kOperations}, {'y', kOperations}, {kIdMap, "m"}, {kUnlessMounted, "m"},
};

bool has_scope(int key, int operation) {
  for (const Scope& scope : kScopes)
    if (scope.key == key)
      return scope.operations.find(static_cast<char>(operation)) != scope.operations.npos;
  return false;
}

std::span<const Letter> letters_of(int operation) {
  if (operation == 'm') return kMountLetters;
  if (operation == 'u') return kUnmountLetters;
  return kDirectoryLetters;
}

Result<void> add_letters(const Given& given, Item& item) {
  for (const char c : given.value) {
    const std::span<const Letter> letters = letters_of(item.operation);
    const auto found = std::ranges::find(letters, c, &Letter::letter);
    if (found == letters.end()) return usage_error(given, strf("no flag has the letter '%c'", c));
    item.flags |= found->flag;
  }
  return {};
}

Result<void> add_bit(const Given& given, Item& item) {
  constexpr unsigned kLastBit = 31;  // the kernel looks at 32 flags
  const unsigned bit = TRY(number_of<unsigned>(given));
  if (bit > kLastBit) return usage_error(given, "not a number from 0 to 31");
  item.flags |= 1UL << bit;
  return {};
}

Result<void> set_mode(const Given& given, Item& item) {
  constexpr int kOctal = 8;
  constexpr mode_t kAllBits = 07777;
  const mode_t mode = TRY(number_of<mode_t>(given, kOctal));
  if (mode > kAllBits) return usage_error(given, "not a mode");
  item.mode = mode;
  return {};
}

Result<void> modify(const Given& given, Item& item) {
  switch (given.key) {
    case 'O':
      return add_letters(given, item);
    case 'F':
      return add_bit(given, item);
    case 'M':
      return set_mode(given, item);
    case 'b':
      item.text = TRY_CTX(decode_escapes(given.value), "%s", given.word.c_str());
      return {};
    case 's':
      item.source = given.value;
      break;
    default:
      break;
  }
  if (given.key == 't') item.type = given.value;
  if (given.key == 'o') item.data = given.value;
  if (given.key == 'd') item.text = given.value;
  item.make_directory |= given.key == 'E';
  item.make_file |= given.key == 'f';
  item.parents |= given.key == 'p';
  item.exclusive |= given.key == 'x';
  item.remount |= given.key == 'r';
  item.follow_source |= given.key == 'K';
  item.follow_target |= given.key == 'k';
  item.tolerate_checks |= given.key == 'e' && item.tolerate;
  item.tolerate |= given.key == 'e';
  item.unless_mounted |= given.key == kUnlessMounted;
  if (given.key == kIdMap) item.idmap = given.value;
  item.sync |= given.key == 'y';
  item.append |= given.key == 'a';
  return {};
}

// Deep enough for a list of lists, and an end for one that names itself.
constexpr int kDeepest = 8;

Result<void> add_items(const Parsed& parsed, int depth, std::vector<Item>& items);

Result<void> add_file(const Given& given, int depth, std::vector<Item>& items) {
  if (depth == kDeepest) return usage_error(given, "lists in lists, too deep");
  const std::string text = TRY_CTX(sys::read_file_at(kCwd, given.value), "%s", given.word.c_str());
  Words words{"mount_seq"};
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).starts_with('#')) continue;
    const Words more = TRY_CTX(split_quoted(line), "%s", quote(given.value).c_str());
    words.insert(words.end(), more.begin(), more.end());
  }
  const Parsed parsed =
      TRY_CTX(parse_words(kMountSeqManual, words), "%s", quote(given.value).c_str());
  if (parsed.dashes || parsed.help || parsed.version)
    return usage_error(given, "only operations and modifiers go there");
  return add_items(parsed, depth + 1, items);
}

Result<void> add_items(const Parsed& parsed, int depth, std::vector<Item>& items) {
  for (const Given& given : parsed.options) {
    if (given.key == kBareWord)
      return make_error(Kind::InvalidSpec, "%s is no option; a program goes after \"--\"",
                        quote(given.value).c_str());
    if (given.key == kRollback) continue;
    if (given.key == kItems) {
      TRY(add_file(given, depth, items));
      continue;
    }
    if (given.key < kLongOnly &&
        kOperations.find(static_cast<char>(given.key)) != kOperations.npos) {
      items.push_back({.operation = given.key, .target = given.value});
      continue;
    }
    if (items.empty())
      return make_error(Kind::InvalidSpec, "%s before any operation", given.word.c_str());
    if (!has_scope(given.key, items.back().operation))
      return make_error(Kind::InvalidSpec, "%s does not go with operation -%c", given.word.c_str(),
                        items.back().operation);
    TRY(modify(given, items.back()));
  }
  return {};
}

Result<std::vector<Item>> items_of(const Parsed& parsed) {
  std::vector<Item> items;
  TRY(add_items(parsed, 0, items));
  if (!parsed.dashes && !parsed.words.empty())
    return make_error(Kind::InvalidSpec, "%s is no option", quote(parsed.words[0]).c_str());
  for (const Item& item : items)
    if (!item.idmap.empty() && (item.flags & MS_BIND) == 0)
      return make_error(Kind::InvalidSpec, "--idmap is for binds (-O b)");
  return items;
}

// --- paths: walked once, without links unless allowed, then only used by descriptor --------------

Result<UniqueFd> open_path(const std::string& path, bool follow) {
  return sys::openat2(kCwd, path, O_PATH, 0, follow ? 0 : RESOLVE_NO_SYMLINKS);
}

struct Place {
  UniqueFd directory;
  std::string name;  // empty: the path ends with a slash, or is the root
};

Result<Place> place_of(const std::string& path, bool follow) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    UniqueFd here = TRY(open_path(".", follow));
    return Place{std::move(here), path};
  }
  UniqueFd directory = TRY(open_path(path.substr(0, slash + 1), follow));
  return Place{std::move(directory), path.substr(slash + 1)};
}

Result<void> make_parents(const std::string& path, bool follow) {
  constexpr mode_t kMode = 0755;
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const Place place = TRY(place_of(path.substr(0, slash), follow));
    if (place.name.empty()) continue;
    const Result<void> made = sys::mkdirat(place.directory, place.name, kMode);
    if (!made.ok() && made.error().code != EEXIST) return made;
  }
  return {};
}

// mount(2) knows only paths. Without a /proc the checked path itself has to do.
std::string path_to(BorrowedFd fd, const std::string& path) {
  const std::string link = sys::proc_path(fd);
  const Result<bool> there = sys::exists(kCwd, link);
  return there.ok() && *there ? link : path;
}

// --- operations ----------------------------------------------------------------------------------

// A failed check is fatal even where a failed operation is tolerated.
struct Failure {
  Error error;
  bool fatal;
};
using Outcome = std::optional<Failure>;

Outcome failed_unless(Result<void> done) {
  if (done.ok()) return std::nullopt;
  return Failure{std::move(done).error(), false};
}

// What --rollback undoes: names that were made, by the directory they are in.
void undo_name(Rollback& undo, const Place& place, int flags) {
  Result<UniqueFd> directory = sys::dup(place.directory);
  if (!directory.ok()) return;
  auto shared = std::make_shared<UniqueFd>(std::move(*directory));
  undo.add([shared, name = place.name, flags] { (void)sys::unlinkat(*shared, name, flags); });
}

Result<void> make_target(const Item& item, const Place& place, Rollback& undo) {
  constexpr mode_t kDirectoryMode = 0700;
  constexpr mode_t kNodeMode = 0600;
  // A socket's node: nothing can be done with it, and making it takes no privilege.
  const Result<void> made =
      item.make_directory ? sys::mkdirat(place.directory, place.name, kDirectoryMode)
                          : sys::mknodat(place.directory, place.name, S_IFSOCK | kNodeMode, 0);
  if (made.ok()) undo_name(undo, place, item.make_directory ? AT_REMOVEDIR : 0);
  if (made.ok() || (made.error().code == EEXIST && !item.exclusive)) return {};
  return made;
}

// The top of what is mounted there, which holds on to it until it is detached.
Result<void> undo_mount(Rollback& undo, const Item& item) {
  UniqueFd top = TRY(open_path(item.target, item.follow_target));
  auto shared = std::make_shared<UniqueFd>(std::move(top));
  undo.add(
      [shared, target = item.target] { (void)sys::umount2(path_to(*shared, target), MNT_DETACH); });
  return {};
}

Result<UniqueFd> id_map_namespace(const std::string& text) {
  if (text.find('=') == std::string::npos) return sys::open(text, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  const MountIdMaps maps = TRY(parse_mount_id_maps(text, {}, {}));
  return make_user_namespace(maps.uids, maps.gids);
}

// A bind that shows other owners: it has to get its map before anybody can see it.
Result<void> bind_mapped(const Item& item, const std::string& source) {
  const UniqueFd users = TRY_CTX(id_map_namespace(item.idmap), "--idmap");
  const unsigned deep = (item.flags & MS_REC) != 0 ? static_cast<unsigned>(AT_RECURSIVE) : 0U;
  const UniqueFd tree = TRY(sys::open_tree(kCwd, source, OPEN_TREE_CLONE | deep));
  struct mount_attr attr {};
  attr.attr_set = MOUNT_ATTR_IDMAP;
  attr.userns_fd = static_cast<std::uint64_t>(users.raw());
  TRY(sys::mount_setattr(tree, "", deep, attr));
  const UniqueFd target = TRY(open_path(item.target, item.follow_target));
  return sys::move_mount(tree, target, "");
}

Result<bool> is_mounted(const Item& item) {
  const UniqueFd target = TRY(open_path(item.target, item.follow_target));
  const struct statx st = TRY(sys::statx(target, "", AT_EMPTY_PATH, STATX_BASIC_STATS));
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<void> mount_at(const Item& item, const std::string& source, Rollback& undo) {
  if (!item.idmap.empty()) {
    TRY(bind_mapped(item, source));
  } else {
    const UniqueFd target = TRY(open_path(item.target, item.follow_target));
    TRY(sys::mount(source, path_to(target, item.target), item.type, item.flags, item.data));
  }
  const bool makes =
      (item.flags & (MS_REMOUNT | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE | MS_MOVE)) ==
      0;
  if (makes) TRY(undo_mount(undo, item));
  if (!item.remount) return {};
  const UniqueFd top = TRY(open_path(item.target, item.follow_target));
  return sys::mount("", path_to(top, item.target), "", item.flags | MS_REMOUNT, "");
}

Outcome do_mount(const Item& item, Rollback& undo) {
  if (item.unless_mounted) {
    const Result<bool> mounted = is_mounted(item);
    if (mounted.ok() && *mounted) return std::nullopt;
  }
  std::string source = item.source.value_or("/dev/null");
  UniqueFd from;
  if (!item.follow_source) {
    Result<UniqueFd> opened = open_path(source, false);
    if (!opened.ok()) return Failure{with_context(std::move(opened).error(), "source"), true};
    from = std::move(*opened);
    // The name of another source is shown by the kernel, and means something to the file system.
    if ((item.flags & (MS_BIND | MS_MOVE)) != 0) source = path_to(from, source);
  }
  if (item.parents) {
    const Result<void> made = make_parents(item.target, item.follow_target);
    if (!made.ok()) return Failure{made.error(), false};
  }
  if (item.make_directory || item.make_file) {
    const Result<Place> place = place_of(item.target, item.follow_target);
    if (!place.ok()) return Failure{place.error(), true};
    const Result<void> made = make_target(item, *place, undo);
    if (!made.ok()) return Failure{made.error(), false};
  }
  const Result<UniqueFd> target = open_path(item.target, item.follow_target);
  if (!target.ok()) return Failure{target.error(), true};
  return failed_unless(mount_at(item, source, undo));
}

// An open descriptor would keep the mount busy, so its parent's is used.
Outcome do_unmount(const Item& item) {
  const int flags = static_cast<int>(item.flags);
  if (item.follow_target) return failed_unless(sys::umount2(item.target, flags));
  {
    const Result<UniqueFd> target = open_path(item.target, false);
    if (!target.ok()) return Failure{target.error(), true};
  }
  const Result<Place> place = place_of(item.target, false);
  if (!place.ok()) return Failure{place.error(), true};
  std::string path = item.target;
  if (!place->name.empty() && place->name != "." && place->name != "..")
    path = path_to(place->directory, ".") + "/" + place->name;
  return failed_unless(sys::umount2(path, flags | UMOUNT_NOFOLLOW));
}

Result<void> make_directory(const Item& item, const Place& place, Rollback& undo) {
  constexpr mode_t kMode = 0700;
  const Result<void> made = sys::mkdirat(place.directory, place.name, kMode);
  if (!made.ok()) {
    const bool fine = made.error().code == EEXIST && (item.flags & kExistsIsFine) != 0;
    return fine ? Result<void>{} : made;
  }
  undo_name(undo, place, AT_REMOVEDIR);
  if (!item.mode.has_value()) return {};
  return sys::fchmodat(place.directory, place.name, *item.mode);
}

Result<void> make_link(const Item& item, const Place& place, Rollback& undo) {
  TRY(sys::symlinkat(*item.source, place.directory, place.name));
  undo_name(undo, place, 0);
  return {};
}

// What was there before cannot be brought back: only new files are undone.
Result<void> write_file(const Item& item, const Place& place, Rollback& undo) {
  constexpr mode_t kMode = 0644;
  const bool there = TRY(sys::exists(place.directory, place.name));
  if (!there) undo_name(undo, place, 0);
  const mode_t mode = item.mode.value_or(kMode);
  if (!item.append && !item.exclusive)
    return sys::replace_file_at(place.directory, place.name, item.text, mode);
  const int how = (item.append ? O_APPEND : 0) | (item.exclusive ? O_EXCL : 0);
  const UniqueFd file =
      TRY(sys::openat(place.directory, place.name, O_WRONLY | O_CREAT | O_NOFOLLOW | how, mode));
  return sys::write_all(file, item.text);
}

Outcome do_create(const Item& item, Rollback& undo) {
  if (item.operation == 'l' && !item.source.has_value())
    return Failure{make_error(Kind::System, "a link needs its contents (-s)"), true};
  if (item.parents) {
    const Result<void> made = make_parents(item.target, item.follow_target);
    if (!made.ok()) return Failure{made.error(), false};
  }
  const Result<Place> place = place_of(item.target, item.follow_target);
  if (!place.ok()) return Failure{place.error(), true};
  if (item.operation == 'D') return failed_unless(make_directory(item, *place, undo));
  if (item.operation == 'l') return failed_unless(make_link(item, *place, undo));
  return failed_unless(write_file(item, *place, undo));
}

Outcome do_chdir(const Item& item, Rollback& undo) {
  Result<UniqueFd> here = sys::open(".", O_PATH | O_DIRECTORY);
  if (here.ok()) {
    auto shared = std::make_shared<UniqueFd>(std::move(*here));
    undo.add([shared] { (void)sys::fchdir(*shared); });
  }
  const Result<UniqueFd> target = open_path(item.target, item.follow_target);
  if (!target.ok()) return Failure{target.error(), true};
  return failed_unless(sys::fchdir(*target));
}

Result<void> run_shell(const std::string& command) {
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    const std::string text = command;
    ::execl("/bin/sh", "sh", "-c", text.c_str(), static_cast<char*>(nullptr));
    ::_exit(kExitNotFound);
  }
  const std::optional<int> status = TRY(sys::waitpid(child.pid, 0));
  const int code = sys::exit_code(status.value_or(0));
  if (code == 0) return {};
  return make_error(Kind::System, "ended with status %d", code);
}

Outcome do_item(const Item& item, Rollback& undo) {
  if (item.operation == 'm') return do_mount(item, undo);
  if (item.operation == 'u') return do_unmount(item);
  if (item.operation == 'c') return do_chdir(item, undo);
  if (item.operation == 'S') return failed_unless(run_shell(item.target));
  return do_create(item, undo);
}

const char* operation_name(int operation) {
  for (const OptionRow& row : kOptions)
    if (row.key == operation) return row.name;
  return "";
}

Error failure_of(const Item& item, std::size_t index, std::size_t done, const Error& error) {
  return make_error(Kind::System, "item %zu: %s %s: %s (%zu done before)", index + 1,
                    operation_name(item.operation), quote(item.target).c_str(),
                    error.message.c_str(), done);
}

Result<std::size_t> do_items(const std::vector<Item>& items, Rollback& undo) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const Outcome failure = do_item(item, undo);
    if (!failure.has_value()) ++done;
    if (failure.has_value()) {
      const Error error = failure_of(item, i, done, failure->error);
      if (!item.tolerate || (failure->fatal && !item.tolerate_checks)) return error;
      complain("mount_seq", error.message);
    }
    if (item.sync) ::sync();
  }
  return done;
}

Result<Ending> mount_seq(const Parsed& parsed) {
  const std::vector<Item> items = TRY(items_of(parsed));
  const bool rolls_back = std::ranges::any_of(
      parsed.options, [](const Given& given) { return given.key == kRollback; });
  Rollback undo;
  const Result<std::size_t> done = do_items(items, undo);
  const bool all_done = done.ok() && *done == items.size();
  if (all_done || !rolls_back) undo.release();
  TRY(done);
  if (!all_done) return Ending{.status = kExitTolerated};
  return becomes(parsed.words);
}

}  // namespace

const Manual kMountSeqManual = {
    .name = "mount_seq",
    .synopsis = "OPERATION [MODIFIER...] [OPERATION [MODIFIER...]]... [-- PROGRAM [ARG...]]",
    .purpose =
        "Carries out operations on the file system in their order; a modifier belongs to the\n"
        "operation before it. All words are checked before anything is done. PROGRAM is executed\n"
        "if every operation succeeded. Links in paths are refused unless -k or -K allows them.\n"
        "Mount flags: a noatime, b bind, c relatime, d nodev, e dirsync, h shared, l slave,\n"
        "m move, n nosymfollow, o read-only, p private, q silent, r remount, s nosuid,\n"
        "t strictatime, u unbindable, v recursive, w synchronous, x noexec, z lazytime.\n"
        "A daemon's pid file that cannot lie is a bind of its own /proc/self, see the examples.\n"
        "Unmount flags: f force, l lazy, n no-follow, x expire. Directory flag: e may exist.",
    .options = kOptions,
    .exit_codes =
        "0  all done\n1  usage; nothing was done\n2  done, but tolerated failures\n3  an "
        "operation failed\nelse PROGRAM's, 126 or 127 if it can't be executed",
    .examples =
        "ctrtool mount_seq -m root -E -t tmpfs -c root -D data -M 0755 -l latest -s data\n"
        "ctrtool mount_seq -m ro -E -s /etc -O bo -r\n"
        "ctrtool mount_seq -m /run/daemon -E -s /proc/self -K -O b -- daemon",
    .order = Order::InPlace,
    .failure_status = kExitFailed,
};

int run_mount_seq(const Words& argv) { return run_applet(kMountSeqManual, argv, mount_seq); }

}  // namespace ctr
