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
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mount.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr mode_t kParentMode = 0755;
constexpr int kShellNotFound = 127;

Result<UniqueFd> open_here(const PathHere& at) {
  if (!at.beneath.has_value())
    return sys::openat2(kCwd, at.path, O_PATH, 0, at.follow ? 0 : RESOLVE_NO_SYMLINKS);
  const UniqueFd top = TRY_CTX(sys::open(*at.beneath, O_PATH | O_DIRECTORY), "beneath");
  return TRY_CTX(open_beneath(top, at.path, O_PATH, at.follow ? Follow::Yes : Follow::Never),
                 "beneath %s", quote(*at.beneath).c_str());
}

// Empty where the path ends with a slash, or is the root.
std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<UniqueFd> open_directory_of(PathHere at) {
  const std::size_t slash = at.path.rfind('/');
  at.path = slash == std::string::npos ? "." : at.path.substr(0, slash + 1);
  return open_here(at);
}

// For calls that know only paths; nothing without a /proc.
std::optional<std::string> link_of(BorrowedFd fd) {
  std::string link = sys::proc_path(fd);
  const Result<bool> there = sys::exists(kCwd, link);
  if (!there.ok() || !*there) return std::nullopt;
  return link;
}

// Without a /proc the checked path itself has to do, unless more was promised about it.
Result<std::string> path_to(BorrowedFd fd, const PathHere& at) {
  std::optional<std::string> link = link_of(fd);
  if (link.has_value()) return *std::move(link);
  if (!at.beneath.has_value()) return at.path;
  return make_error(Kind::Unsupported, "%s beneath %s needs a /proc", quote(at.path).c_str(),
                    quote(*at.beneath).c_str());
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

// mkdirat(2) and its like do not follow a link, but take it for what is there already.
Result<void> refuse_link(BorrowedFd directory, const std::string& path) {
  const std::string name = name_in(path);
  if (name.empty()) return {};
  const std::optional<struct stat> found =
      TRY(sys::fstatat_if_exists(directory, name, AT_SYMLINK_NOFOLLOW));
  if (!found.has_value() || !S_ISLNK(found->st_mode)) return {};
  return sys_error(ELOOP, "open %s", quote(path).c_str());
}

}  // namespace

Result<void> run(const CheckPath& op, Context& ctx) {
  if (op.role == PathRole::Source) {
    ctx.source = TRY_CTX(open_here(op.path), "source");
  } else if (op.role == PathRole::Directory) {
    ctx.root = TRY(open_directory_of(op.path));
    if (!op.path.follow) return refuse_link(ctx.root, op.path.path);
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
    const UniqueFd directory = TRY(open_directory_of({parent, op.at.follow, op.at.beneath}));
    const std::string name = name_in(parent);
    if (name.empty()) continue;
    const Result<void> made = sys::mkdirat(directory, name, kParentMode);
    if (!made.ok() && made.error().code != EEXIST) return made;
  }
  return {};
}

namespace {

Result<void> make_node(const MakeHere& op, BorrowedFd directory, const std::string& name) {
  if (name.empty()) return sys_error(EEXIST, "make %s", quote(op.at).c_str());  // "a/", "/"
  return op.type == S_IFDIR ? sys::mkdirat(directory, name, op.mode)
                            : sys::mknodat(directory, name, op.type | op.mode, 0);
}

// By its descriptor, where there is a /proc: by its name it might be somebody else's link by now.
Result<void> set_mode(BorrowedFd directory, const std::string& name, mode_t mode) {
  const UniqueFd made = TRY(sys::openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  const std::optional<std::string> link = link_of(made);
  return link.has_value() ? sys::fchmodat(kCwd, *link, mode) : sys::fchmodat(directory, name, mode);
}

}  // namespace

Result<void> run(const MakeHere& op, Context& ctx) {
  const std::string name = name_in(op.at);
  const Result<void> made = make_node(op, ctx.root, name);
  if (!made.ok()) {
    const bool fine = made.error().code == EEXIST && op.may_exist;
    return fine ? Result<void>{} : made;
  }
  remember_name(ctx, op.at, op.type == S_IFDIR ? AT_REMOVEDIR : 0);
  if (!op.exact_mode.has_value()) return {};
  return set_mode(ctx.root, name, *op.exact_mode);
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
  std::string source = op.source.path;
  if (from_source) source = TRY(path_to(ctx.source, op.source));
  const std::string target = TRY(path_to(ctx.root, op.at));
  return sys::mount(source, target, op.type, op.flags, op.data);
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
  const bool beneath = op.at.beneath.has_value();
  if (has_name && (beneath || !op.at.follow)) return unmount_by_name(op, name, ctx);
  if (beneath)
    return make_error(Kind::InvalidSpec, "%s is no name of what is to be unmounted",
                      quote(op.at.path).c_str());
  ctx.root = UniqueFd();  // it would keep the mount busy
  return sys::umount2(op.at.path, op.flags);
}

// By the top of what is mounted there, which is held until it is detached.
Result<void> run(const RollBackMount& op, Context& ctx) {
  if (ctx.undo == nullptr) return {};
  UniqueFd top = TRY(open_here(op.at));
  auto shared = std::make_shared<UniqueFd>(std::move(top));
  ctx.undo->add([shared, at = op.at] {
    const Result<std::string> path = path_to(*shared, at);
    if (path.ok()) static_cast<void>(sys::umount2(*path, MNT_DETACH));
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
