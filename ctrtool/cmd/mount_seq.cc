// SPDX-License-Identifier: Apache-2.0
// mount_seq: a list of operations on the file system, in order, in one process.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/mount_items.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

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

// What --rollback undoes. It holds descriptors, which would keep busy what a later operation
// unmounts: without --rollback nothing is remembered.
struct Undo {
  bool wanted;
  Rollback steps{};
};

// A name that was made, by the directory that it is in.
void undo_name(Undo& undo, const Place& place, int flags) {
  if (!undo.wanted) return;
  Result<UniqueFd> directory = sys::dup(place.directory);
  if (!directory.ok()) return;
  auto shared = std::make_shared<UniqueFd>(std::move(*directory));
  undo.steps.add([shared, name = place.name, flags] { (void)sys::unlinkat(*shared, name, flags); });
}

Result<void> make_target(const MountItem& item, const Place& place, Undo& undo) {
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
Result<void> undo_mount(Undo& undo, const MountItem& item) {
  if (!undo.wanted) return {};
  UniqueFd top = TRY(open_path(item.target, item.follow_target));
  auto shared = std::make_shared<UniqueFd>(std::move(top));
  undo.steps.add(
      [shared, target = item.target] { (void)sys::umount2(path_to(*shared, target), MNT_DETACH); });
  return {};
}

// A detached mount is made by `source` and attached when it is as it shall be: nobody sees it
// before.
Result<void> attach(const MountItem& item, const Op& source) {
  Context ctx;
  ctx.root = TRY(open_path(item.target, item.follow_target));
  TRY(std::visit([&](const auto& op) { return run(op, ctx); }, source));
  return run(AttachMount{.slot = 0, .at = "/"}, ctx);
}

Result<MountIdMapping> id_mapping_of(const MountItem& item) {
  MountIdMapping mapping{.uids = {}, .gids = {}, .recursive = (item.flags & MS_REC) != 0};
  if (item.idmap.find('=') == std::string::npos) {
    mapping.from = item.idmap;
    return mapping;
  }
  MountIdMaps maps = TRY(parse_mount_id_maps(item.idmap, {}, {}));
  mapping.uids = std::move(maps.uids);
  mapping.gids = std::move(maps.gids);
  return mapping;
}

// A bind that shows other owners.
Result<void> bind_mapped(const MountItem& item, const std::string& source) {
  OpenSource open{.slot = 0, .from = source, .recursive = (item.flags & MS_REC) != 0};
  open.id_map = TRY_CTX(id_mapping_of(item), "--idmap");
  return attach(item, open);
}

// A new mount whose options are not all text.
Result<void> mount_configured(const MountItem& item, const std::string& source) {
  MountOptions options;
  options.flags = item.flags;
  OpenFs open{.slot = 0, .type = item.type, .source = source, .flags = item.flags};
  open.data = item.data;
  open.attrs.set = mount_attr_change(options).set;
  for (const MountParameter& one : item.parameters) open.parameters.push_back(one.parameter);
  return attach(item, open);
}

Result<bool> is_mounted(const MountItem& item) {
  const UniqueFd target = TRY(open_path(item.target, item.follow_target));
  const struct statx st = TRY(sys::statx(target, "", AT_EMPTY_PATH, STATX_BASIC_STATS));
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<void> mount_at(const MountItem& item, const std::string& source, Undo& undo) {
  if (!item.idmap.empty()) {
    TRY(bind_mapped(item, source));
  } else if (!item.parameters.empty()) {
    TRY(mount_configured(item, source));
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

Outcome do_mount(const MountItem& item, Undo& undo) {
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

Result<void> unmount_in(const Place& place, int flags) {
  const UniqueFd here = TRY(sys::open(".", O_PATH | O_DIRECTORY));
  Context ctx;
  ctx.root = TRY(sys::dup(place.directory));
  const Result<void> done = run(Unmount{"/" + place.name, flags}, ctx);
  TRY(sys::fchdir(here));
  return done;
}

// An open descriptor would keep the mount busy, so its parent's is used.
Outcome do_unmount(const MountItem& item) {
  const int flags = static_cast<int>(item.flags);
  if (item.follow_target) return failed_unless(sys::umount2(item.target, flags));
  {
    const Result<UniqueFd> target = open_path(item.target, false);
    if (!target.ok()) return Failure{target.error(), true};
  }
  const Result<Place> place = place_of(item.target, false);
  if (!place.ok()) return Failure{place.error(), true};
  if (place->name.empty() || place->name == "." || place->name == "..")
    return failed_unless(sys::umount2(item.target, flags | UMOUNT_NOFOLLOW));
  return failed_unless(unmount_in(*place, flags | UMOUNT_NOFOLLOW));
}

Result<void> make_directory(const MountItem& item, const Place& place, Undo& undo) {
  constexpr mode_t kMode = 0700;
  const Result<void> made = sys::mkdirat(place.directory, place.name, kMode);
  if (!made.ok()) {
    const bool fine = made.error().code == EEXIST && (item.flags & kMayExist) != 0;
    return fine ? Result<void>{} : made;
  }
  undo_name(undo, place, AT_REMOVEDIR);
  if (!item.mode.has_value()) return {};
  return sys::fchmodat(place.directory, place.name, *item.mode);
}

Result<void> make_link(const MountItem& item, const Place& place, Undo& undo) {
  TRY(sys::symlinkat(*item.source, place.directory, place.name));
  undo_name(undo, place, 0);
  return {};
}

// What was there before cannot be brought back: only new files are undone.
Result<void> write_file(const MountItem& item, const Place& place, Undo& undo) {
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

Outcome do_create(const MountItem& item, Undo& undo) {
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

Outcome do_chdir(const MountItem& item, Undo& undo) {
  Result<UniqueFd> here = sys::open(".", O_PATH | O_DIRECTORY);
  if (undo.wanted && here.ok()) {
    auto shared = std::make_shared<UniqueFd>(std::move(*here));
    undo.steps.add([shared] { (void)sys::fchdir(*shared); });
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

Outcome do_item(const MountItem& item, Undo& undo) {
  if (item.operation == 'm') return do_mount(item, undo);
  if (item.operation == 'u') return do_unmount(item);
  if (item.operation == 'c') return do_chdir(item, undo);
  if (item.operation == 'S') return failed_unless(run_shell(item.target));
  return do_create(item, undo);
}

Error failure_of(const MountItem& item, std::size_t index, std::size_t done, const Error& error) {
  return make_error(Kind::System, "item %zu: %s %s: %s (%zu done before)", index + 1, item.name(),
                    quote(item.target).c_str(), error.message.c_str(), done);
}

Result<std::size_t> do_items(const std::vector<MountItem>& items, Undo& undo) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const MountItem& item = items[i];
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
  const MountList list = TRY(read_mount_words(parsed));
  Undo undo{.wanted = list.rolls_back};
  const Result<std::size_t> done = do_items(list.items, undo);
  const bool all_done = done.ok() && *done == list.items.size();
  if (all_done) undo.steps.release();
  TRY(done);
  if (!all_done) return Ending{.status = kExitTolerated};
  return becomes(parsed.words);
}

}  // namespace

int run_mount_seq(const Words& argv) { return run_applet(kMountSeqManual, argv, mount_seq); }

}  // namespace ctr
