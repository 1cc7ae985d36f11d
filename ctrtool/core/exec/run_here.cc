// SPDX-License-Identifier: Apache-2.0
// The caller's own tree: paths are walked once, without links unless they are allowed, and then
// only used by descriptor.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr mode_t kParentMode = 0755;
constexpr int kShellNotFound = 127;

Result<UniqueFd> open_here(const std::string& path, bool follow) {
  return sys::openat2(kCwd, path, O_PATH, 0, follow ? 0 : RESOLVE_NO_SYMLINKS);
}

Result<UniqueFd> open_here(const PathHere& path) { return open_here(path.path, path.follow); }

// Empty where the path ends with a slash, or is the root.
std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<UniqueFd> open_directory_of(const std::string& path, bool follow) {
  const std::size_t slash = path.rfind('/');
  return open_here(slash == std::string::npos ? "." : path.substr(0, slash + 1), follow);
}

// mount(2) knows only paths. Without a /proc the checked path itself has to do.
std::string path_to(BorrowedFd fd, const std::string& path) {
  const std::string link = sys::proc_path(fd);
  const Result<bool> there = sys::exists(kCwd, link);
  return there.ok() && *there ? link : path;
}

// A name that was made, by the directory that it is in.
void remember_name(Context& ctx, const std::string& at, int flags) {
  if (ctx.undo == nullptr) return;
  Result<UniqueFd> directory = sys::dup(ctx.root);
  if (!directory.ok()) return;
  auto shared = std::make_shared<UniqueFd>(std::move(*directory));
  ctx.undo->add([shared, name = name_in(at), flags] {
    static_cast<void>(sys::unlinkat(*shared, name, flags));
  });
}

}  // namespace

Result<void> run(const CheckPath& op, Context& ctx) {
  if (op.role == PathRole::Source) {
    ctx.source = TRY_CTX(open_here(op.path), "source");
  } else if (op.role == PathRole::Directory) {
    ctx.root = TRY(open_directory_of(op.path.path, op.path.follow));
  } else {
    ctx.root = TRY(open_here(op.path));
  }
  return {};
}

namespace {

Result<bool> is_mounted(const PathHere& at) {
  const UniqueFd there = TRY(open_here(at));
  const struct statx st = TRY(sys::statx(there, "", AT_EMPTY_PATH, STATX_BASIC_STATS));
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

// What cannot be looked at, because it is still to be made for one, is for the next steps to
// report.
Result<void> run(const SkipIfMounted& op, Context& ctx) {
  const Result<bool> mounted = is_mounted(op.at);
  ctx.item_is_done = mounted.ok() && *mounted;
  return {};
}

Result<void> run(const MakeParentsHere& op, Context&) {
  const std::string& path = op.at.path;
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    const UniqueFd directory = TRY(open_directory_of(parent, op.at.follow));
    const std::string name = name_in(parent);
    if (name.empty()) continue;
    const Result<void> made = sys::mkdirat(directory, name, kParentMode);
    if (!made.ok() && made.error().code != EEXIST) return made;
  }
  return {};
}

Result<void> run(const MakeHere& op, Context& ctx) {
  const std::string name = name_in(op.at);
  const bool directory = op.type == S_IFDIR;
  const Result<void> made = directory ? sys::mkdirat(ctx.root, name, op.mode)
                                      : sys::mknodat(ctx.root, name, op.type | op.mode, 0);
  if (!made.ok()) {
    const bool fine = made.error().code == EEXIST && op.may_exist;
    return fine ? Result<void>{} : made;
  }
  remember_name(ctx, op.at, directory ? AT_REMOVEDIR : 0);
  if (!op.exact_mode.has_value()) return {};
  return sys::fchmodat(ctx.root, name, *op.exact_mode);
}

Result<void> run(const LinkHere& op, Context& ctx) {
  TRY(sys::symlinkat(op.target, ctx.root, name_in(op.at)));
  remember_name(ctx, op.at, 0);
  return {};
}

// What was there before cannot be brought back: only new files are undone.
Result<void> run(const WriteHere& op, Context& ctx) {
  const std::string name = name_in(op.at);
  const bool there = TRY(sys::exists(ctx.root, name));
  if (!there) remember_name(ctx, op.at, 0);
  if (!op.append && !op.exclusive) return sys::replace_file_at(ctx.root, name, op.text, op.mode);
  const int how = (op.append ? O_APPEND : 0) | (op.exclusive ? O_EXCL : 0);
  const UniqueFd file =
      TRY(sys::openat(ctx.root, name, O_WRONLY | O_CREAT | O_NOFOLLOW | how, op.mode));
  return sys::write_all(file, op.text);
}

Result<void> run(const MountHere& op, Context& ctx) {
  // The name of another source is shown by the kernel, and means something to the file system.
  const bool moves = (op.flags & (MS_BIND | MS_MOVE)) != 0 && (op.flags & MS_REMOUNT) == 0;
  const bool from_source = moves && ctx.source.valid();
  const std::string source = from_source ? path_to(ctx.source, op.source) : op.source;
  return sys::mount(source, path_to(ctx.root, op.at), op.type, op.flags, op.data);
}

namespace {

// An open descriptor would keep the mount busy, so its directory's is used.
Result<void> unmount_by_name(const UnmountHere& op, const std::string& name, Context& ctx) {
  const UniqueFd here = TRY(sys::open(".", O_PATH | O_DIRECTORY));
  const Result<void> done = run(Unmount{"/" + name, op.flags}, ctx);
  TRY(sys::fchdir(here));
  return done;
}

}  // namespace

Result<void> run(const UnmountHere& op, Context& ctx) {
  const std::string name = name_in(op.at.path);
  const bool has_name = !name.empty() && name != "." && name != "..";
  if (has_name && !op.at.follow) return unmount_by_name(op, name, ctx);
  return sys::umount2(op.at.path, op.flags);
}

// By the top of what is mounted there, which is held until it is detached.
Result<void> run(const RollBackMount& op, Context& ctx) {
  if (ctx.undo == nullptr) return {};
  UniqueFd top = TRY(open_here(op.at));
  auto shared = std::make_shared<UniqueFd>(std::move(top));
  ctx.undo->add([shared, path = op.at.path] {
    static_cast<void>(sys::umount2(path_to(*shared, path), MNT_DETACH));
  });
  return {};
}

Result<void> run(const EnterHere&, Context& ctx) {
  Result<UniqueFd> here = sys::open(".", O_PATH | O_DIRECTORY);
  if (ctx.undo != nullptr && here.ok()) {
    auto shared = std::make_shared<UniqueFd>(std::move(*here));
    ctx.undo->add([shared] { static_cast<void>(sys::fchdir(*shared)); });
  }
  return sys::fchdir(ctx.root);
}

Result<void> run(const RunShell& op, Context&) {
  const sys::Cloned child = TRY(sys::clone3(0, kNoFd));
  if (child.pid == 0) {
    ::execl("/bin/sh", "sh", "-c", op.command.c_str(), static_cast<char*>(nullptr));
    child_exit(kShellNotFound);
  }
  const std::optional<int> status = TRY(sys::waitpid(child.pid, 0));
  const int code = sys::exit_code(status.value_or(0));
  if (code == 0) return {};
  return make_error(Kind::System, "ended with status %d", code);
}

Result<void> run(const SyncDisks&, Context&) {
  ::sync();
  return {};
}

Result<void> run(const Refuse& op, Context&) {
  return make_error(Kind::System, "%s", op.why.c_str());
}

}  // namespace ctr
