// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/mount_items.h"

#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/escapes.h"
#include "ctrtool/cmd/quoted_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/idmap.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

enum Long : int {
  kBeneath = kLongOnly,
  kSourceBeneath,
  kIdMap,
  kUnlessMounted,
  kRollback,
  kDryRun,
  kItems,
  kParameter,
  kParameterFd,
  kParameterPath,
  kParameterBinary,
};

constexpr OptionRow kOptions[] = {
    {'m', "mount", "TARGET", "operation: mount"},
    {'u', "unmount", "TARGET", "operation: unmount"},
    {'D', "mkdir", "TARGET", "operation: create a directory"},
    {'l', "symlink", "TARGET", "operation: create a symbolic link, contents by -s"},
    {'w', "write", "TARGET", "operation: create or replace a file, contents by -d or -b"},
    {'c', "chdir", "DIR", "operation: change the working directory of what follows"},
    {'S', "shell", "COMMAND", "operation: run COMMAND with /bin/sh -c"},
    {'s', "source", "TEXT", "m: what is mounted; l: contents", "/dev/null", "ml"},
    {'t', "type", "TYPE", "m: type of the file system", "none", "m"},
    {'O', "flags", "LETTERS", "m, u, D: flags by letter", "none", "muD"},
    {'F', "flag", "N", "m, u, D: flag by the number of its bit, 0 to 31", "", "muD"},
    {'o', "data", "TEXT", "m: the file system's own options", "none", "m"},
    {kParameter, "param", "KEY=VALUE", "m: one more of them, alone: VALUE may have commas", "",
     "m"},
    {kParameterFd, "param-fd", "KEY=SPEC", "m: one that is a descriptor: N, /VAR, :VAR or =PATH",
     "", "m"},
    {kParameterPath, "param-path", "KEY=PATH", "m: one that is a file, found by the kernel", "",
     "m"},
    {kParameterBinary, "param-binary", "KEY=SPEC", "m: one that is bytes, read from a descriptor",
     "", "m"},
    {'E', "make-directory", "", "m: create TARGET as a directory if missing", "", "m"},
    {'f', "make-file", "", "m: create TARGET as an empty node if missing", "", "m"},
    {'p', "parents", "", "m, D: create missing directories on the way, 0755", "", "mD"},
    {'x', "exclusive", "", "m with -E or -f, w: an existing TARGET is an error", "", "mw"},
    {'r', "remount", "", "m: then remount with the same flags", "", "m"},
    {'K', "follow-source", "", "m: links in the source are fine", "", "m"},
    {'k', "follow-target", "", "links in TARGET are fine", "", "muDlwcS"},
    {kBeneath, "beneath", "DIR", "TARGET begins at DIR, and what leads out of it is refused", "",
     "muDlwc"},
    {kSourceBeneath, "source-beneath", "DIR", "m of a bind or move: the same for the source", "",
     "m"},
    {'e', "tolerate", "", "go on if this operation fails; given twice, if a check fails too", "",
     "muDlwcS"},
    {'y', "sync", "", "sync afterwards", "", "muDlwcS"},
    {'M', "mode", "OCTAL", "D, w: the mode of what is created", "0700, w: 0644", "Dw"},
    {'d', "text", "TEXT", "w: contents, as they are", "", "w"},
    {'b', "escaped", "TEXT", "w: contents, with \\n \\t \\r \\0 \\\\ \\xHH \\ooo", "", "w"},
    {'a', "append", "", "w: append to the file", "", "w"},
    {kIdMap, "idmap", "MAPS|FILE", "m of a bind: uids=IN-OUT-COUNT;gids=..., or a user namespace",
     "", "m"},
    {kUnlessMounted, "unless-mounted", "", "m: do nothing if TARGET is a mount point", "", "m"},
    {kRollback, "rollback", "", "if anything fails, undo what was made"},
    {kDryRun, "dry-run", "", "print the plan, do nothing"},
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
constexpr Letter kDirectoryLetters[] = {{'e', kMayExist}};

std::span<const Letter> letters_of(int operation) {
  if (operation == 'm') return kMountLetters;
  if (operation == 'u') return kUnmountLetters;
  return kDirectoryLetters;
}

Result<void> add_letters(const Given& given, MountItem& item) {
  for (const char c : given.value) {
    const std::span<const Letter> letters = letters_of(item.operation);
    const auto found = std::ranges::find(letters, c, &Letter::letter);
    if (found == letters.end()) return usage_error(given, strf("no flag has the letter '%c'", c));
    item.flags |= found->flag;
  }
  return {};
}

Result<void> add_bit(const Given& given, MountItem& item) {
  constexpr unsigned kLastBit = 31;  // the kernel looks at 32 flags
  const unsigned bit = TRY(number_of<unsigned>(given));
  if (bit > kLastBit) return usage_error(given, "not a number from 0 to 31");
  item.flags |= 1UL << bit;
  return {};
}

Result<void> set_mode(const Given& given, MountItem& item) {
  constexpr int kOctal = 8;
  constexpr mode_t kAllBits = 07777;
  const mode_t mode = TRY(number_of<mode_t>(given, kOctal));
  if (mode > kAllBits) return usage_error(given, "not a mode");
  item.mode = mode;
  return {};
}

constexpr SwitchRow<MountItem> kSwitches[] = {
    {'E', &MountItem::make_directory}, {'f', &MountItem::make_file},
    {'p', &MountItem::parents},        {'x', &MountItem::exclusive},
    {'r', &MountItem::remount},        {'K', &MountItem::follow_source},
    {'k', &MountItem::follow_target},  {'y', &MountItem::sync},
    {'a', &MountItem::append},         {kUnlessMounted, &MountItem::unless_mounted}};
constexpr TextRow<MountItem, std::string> kTexts[] = {
    {'t', &MountItem::type}, {'o', &MountItem::data}, {'d', &MountItem::text}};
constexpr TextRow<MountItem, std::optional<std::string>> kPaths[] = {
    {'s', &MountItem::source},
    {kBeneath, &MountItem::beneath},
    {kSourceBeneath, &MountItem::source_beneath}};

Result<std::string> read_bytes(std::string_view spec) {
  constexpr std::size_t kMost = 1U << 20;  // as the kernel has it
  const FdArgument from = TRY(take_fd(spec));
  return sys::read_all(from.fd(), kMost);
}

Result<void> add_parameter(const Given& given, MountItem& item) {
  const std::size_t equals = given.value.find('=');
  if (equals == std::string::npos || equals == 0)
    return usage_error(given, "not of the form KEY=...");
  MountParameter added{{.type = FsParameter::Type::Text, .key = given.value.substr(0, equals)}};
  const std::string value = given.value.substr(equals + 1);
  if (given.key == kParameterFd) {
    added.parameter.type = FsParameter::Type::Descriptor;
    FdArgument fd = TRY_CTX(take_fd(value), "%s", given.word.c_str());
    added.parameter.fd = fd.fd();
    added.descriptor.emplace(std::move(fd));
  } else if (given.key == kParameterBinary) {
    added.parameter.type = FsParameter::Type::Binary;
    added.parameter.value = TRY_CTX(read_bytes(value), "%s", given.word.c_str());
  } else {
    const bool path = given.key == kParameterPath;
    added.parameter.type = path ? FsParameter::Type::Path : FsParameter::Type::Text;
    added.parameter.fd = kCwd;
    added.parameter.value = value;
  }
  item.parameters.push_back(std::move(added));
  return {};
}

// Maps, or a file that is the user namespace whose maps they are.
Result<void> set_id_map(const Given& given, MountItem& item) {
  MountIdMapping mapping{.uids = {}, .gids = {}};
  if (given.value.find('=') == std::string::npos) {
    mapping.from = given.value;
  } else {
    MountIdMaps maps = TRY_CTX(parse_mount_id_maps(given.value, {}, {}), "%s", given.word.c_str());
    mapping.uids = std::move(maps.uids);
    mapping.gids = std::move(maps.gids);
  }
  item.id_map = std::move(mapping);
  return {};
}

Result<void> modify(const Given& given, MountItem& item) {
  if (take_switch(given, kSwitches, item) || take_text(given, kTexts, item) ||
      take_text(given, kPaths, item))
    return {};
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
    case kIdMap:
      return set_id_map(given, item);
    case 'e':
      item.tolerate_checks = item.tolerate;
      item.tolerate = true;
      return {};
    default:
      return add_parameter(given, item);
  }
}

Result<void> add_items(const Parsed& parsed, int depth, std::vector<MountItem>& items);

Result<void> add_file(const Given& given, int depth, std::vector<MountItem>& items) {
  if (depth == kDeepestFile) return usage_error(given, "lists in lists, too deep");
  Words words = TRY_CTX(words_of_file(given.value), "%s", given.word.c_str());
  words.insert(words.begin(), kMountSeqManual.name);
  const Parsed parsed =
      TRY_CTX(parse_words(kMountSeqManual, words), "%s", quote(given.value).c_str());
  if (parsed.dashes || parsed.help || parsed.version)
    return usage_error(given, "only operations and modifiers go there");
  return add_items(parsed, depth + 1, items);
}

Result<void> add_items(const Parsed& parsed, int depth, std::vector<MountItem>& items) {
  for (const Given& given : parsed.options) {
    if (given.key == kBareWord)
      return make_error(Kind::InvalidSpec, "%s is no option; a program goes after \"--\"",
                        quote(given.value).c_str());
    if (given.key == kRollback || given.key == kDryRun) continue;
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
    if (!goes_with(kOptions, given.key, static_cast<char>(items.back().operation)))
      return make_error(Kind::InvalidSpec, "%s does not go with operation -%c", given.word.c_str(),
                        items.back().operation);
    TRY(modify(given, items.back()));
  }
  return {};
}

Result<void> check(const MountItem& item) {
  constexpr unsigned long kNoNewFs =
      MS_BIND | MS_MOVE | MS_REMOUNT | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;
  constexpr unsigned long kFromPath = MS_BIND | MS_MOVE;
  if (item.source_beneath.has_value() && (item.flags & kFromPath) == 0)
    return make_error(Kind::InvalidSpec, "--source-beneath is for binds and moves (-O b, -O m)");
  if (item.id_map.has_value() && (item.flags & MS_BIND) == 0)
    return make_error(Kind::InvalidSpec, "--idmap is for binds (-O b)");
  if (!item.parameters.empty() && (item.type.empty() || (item.flags & kNoNewFs) != 0))
    return make_error(Kind::InvalidSpec, "--param... is for new mounts of a type (-t)");
  return {};
}

}  // namespace

const char* MountItem::name() const {
  for (const OptionRow& row : kOptions)
    if (row.key == operation) return row.name.c_str();
  return "";
}

Result<MountList> read_mount_words(const Parsed& parsed) {
  MountList list;
  TRY(add_items(parsed, 0, list.items));
  if (!parsed.dashes && !parsed.words.empty())
    return make_error(Kind::InvalidSpec, "%s is no option", quote(parsed.words[0]).c_str());
  for (const MountItem& item : list.items) TRY(check(item));
  for (const Given& given : parsed.options) {
    list.rolls_back |= given.key == kRollback;
    list.dry_run |= given.key == kDryRun;
  }
  return list;
}

const Manual kMountSeqManual = {
    .name = "mount_seq",
    .synopsis = "OPERATION [MODIFIER...] [OPERATION [MODIFIER...]]... [-- PROGRAM [ARG...]]",
    .purpose =
        "Carries out operations on the file system in their order; a modifier belongs to the\n"
        "operation before it. All words are checked before anything is done. PROGRAM is executed\n"
        "if every operation succeeded. Links in paths are refused unless -k or -K allows them.\n"
        "With --beneath DIR a TARGET begins at DIR, which may be a link itself. A path that leads\n"
        "out of it is refused: an absolute one, .., and with -k a link to somewhere else (to be\n"
        "unmounted, the last name is no link at all), also if that is changed meanwhile.\n"
        "Mount flags: a noatime, b bind, c relatime, d nodev, e dirsync, h shared, l slave,\n"
        "m move, n nosymfollow, o read-only, p private, q silent, r remount, s nosuid,\n"
        "t strictatime, u unbindable, v recursive, w synchronous, x noexec, z lazytime.\n"
        "Options of -o are text for mount(2); with --param... fsconfig(2) sets all of them.\n"
        "A daemon's pid file that cannot lie is a bind of its own /proc/self, see the examples.\n"
        "Unmount flags: f force, l lazy, n no-follow, x expire. Directory flag: e may exist.",
    .options = kOptions,
    .exit_codes =
        "0  all done\n1  usage; nothing was done\n2  done, but tolerated failures\n3  an "
        "operation failed\nelse PROGRAM's, 126 or 127 if it can't be executed",
    .examples =
        "ctrtool mount_seq -m root -E -t tmpfs -c root -D data -M 0755 -l latest -s data\n"
        "ctrtool mount_seq -m ro -E -s /etc -O bo -r\n"
        "ctrtool mount_seq -m etc/passwd -f -p --beneath root -s /etc/passwd -O b\n"
        "ctrtool mount_seq -m /run/daemon -E -s /proc/self -K -O b -- daemon",
    .order = Order::InPlace,
    .failure_status = kExitFailed,
};

}  // namespace ctr
