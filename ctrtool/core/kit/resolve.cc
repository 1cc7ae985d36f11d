// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cerrno>
#include <deque>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel (path_resolution(7))
constexpr std::uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;

// EAGAIN: somebody renames below the root right now and the kernel cannot vouch for "..".
template <typename Open>
auto again(Open open) {
  constexpr int kTries = 128;
  for (int i = 0;; ++i) {
    auto fd = open();
    if (fd.ok() || fd.error().code != EAGAIN || i == kTries) return fd;
  }
}

Result<UniqueFd> openat2_again(BorrowedFd root, const std::string& path, int flags,
                               std::uint64_t resolve) {
  return again([&] { return sys::openat2(root, path, flags, 0, resolve); });
}

struct Lookup {
  int flags;
  std::uint64_t resolve;
};

Lookup lookup(int flags, Follow follow, std::uint64_t inside = kInRoot) {
  Lookup how{flags, inside};
  if (follow == Follow::Never) how.resolve |= RESOLVE_NO_SYMLINKS;
  if (follow == Follow::NotLast) how.flags |= O_NOFOLLOW;
  return how;
}

// Walks component by component, so that what is missing can be made. `done` holds only names that
// were seen not to be links; each use is checked again by RESOLVE_NO_SYMLINKS.
class Walk {
 public:
  Walk(BorrowedFd root, const std::string& path) : root_(root) { push_front(path); }

  // Everything but the last component exists afterwards, as directories.
  Result<void> to_last(bool follow_last) {
    while (!todo_.empty()) {
      const std::string name = std::move(todo_.front());
      todo_.pop_front();
      if (name == "..") {
        if (!done_.empty()) done_.pop_back();
        continue;
      }
      const bool last = todo_.empty();
      const bool gone_on = TRY(step(name, last, follow_last));
      if (!gone_on) {
        last_ = name;
        return {};
      }
    }
    last_.clear();  // the path ends at a directory that exists: "/", "a/.."
    return {};
  }

  const std::string& last() const { return last_; }
  Result<UniqueFd> open_done(int flags) const {
    return openat2_again(root_, done_path(), flags | O_DIRECTORY,
                         RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  }

 private:
  // True: the component was entered (or was a link, now in todo). False: it is the last one.
  Result<bool> step(const std::string& name, bool last, bool follow_last) {
    const UniqueFd parent = TRY(open_done(O_PATH));
    const std::optional<struct stat> found =
        TRY(sys::fstatat_if_exists(parent, name, AT_SYMLINK_NOFOLLOW));
    if (found.has_value() && S_ISLNK(found->st_mode) && (!last || follow_last)) {
      if (++links_ > kMaxLinks) return sys_error(ELOOP, "open %s", quote(name).c_str());
      const std::string target = TRY(sys::readlinkat(parent, name));
      if (target.starts_with('/')) done_.clear();
      push_front(target);
      return true;
    }
    if (last) return false;
    if (!found.has_value()) {
      const Result<void> made = sys::mkdirat(parent, name, 0755);
      if (!made.ok() && made.error().code != EEXIST) return made.error();
    } else if (!S_ISDIR(found->st_mode)) {
      return sys_error(ENOTDIR, "open %s", quote(name).c_str());
    }
    done_.push_back(name);
    return true;
  }

  void push_front(const std::string& path) {
    std::deque<std::string> parts;
    for (const std::string_view part : split(path, '/'))
      if (!part.empty() && part != ".") parts.emplace_back(part);
    todo_.insert(todo_.begin(), parts.begin(), parts.end());
  }

  std::string done_path() const { return done_.empty() ? "." : join(done_, "/"); }

  BorrowedFd root_;
  std::vector<std::string> done_;
  std::deque<std::string> todo_;
  std::string last_;
  int links_ = 0;
};

// False when something, a dangling link perhaps, has the name already.
Result<bool> make_last(const Parent& parent, Missing missing, mode_t mode) {
  Result<void> made;
  if (missing == Missing::Directory) {
    made = sys::mkdirat(parent.directory, parent.name, mode);
  } else {
    // mknod of a regular file: never follows, never truncates, opens nothing.
    made = sys::mknodat(parent.directory, parent.name, S_IFREG | mode, 0);
  }
  if (!made.ok() && made.error().code == EEXIST) return false;
  TRY(made);
  return true;
}

// The common case without a walk: everything but the last component is there.
Result<std::optional<Parent>> existing_parent(BorrowedFd root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return std::optional<Parent>();
  const std::string directory =
      slash == std::string::npos || slash == 0 ? "." : path.substr(0, slash);
  std::optional<UniqueFd> fd = TRY(again(
      [&] { return sys::openat2_if_exists(root, directory, O_PATH | O_DIRECTORY, kInRoot); }));
  if (!fd.has_value()) return std::optional<Parent>();
  return std::optional<Parent>(Parent{*std::move(fd), std::move(name)});
}

Result<UniqueFd> open_made(const Parent& parent) {
  return openat2_again(parent.directory, parent.name, O_PATH | O_NOFOLLOW,
                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace

Result<UniqueFd> open_in_root(BorrowedFd root, const std::string& path, int flags, Follow follow) {
  const Lookup how = lookup(flags, follow);
  return openat2_again(root, path, how.flags, how.resolve);
}

Result<std::optional<UniqueFd>> open_in_root_if_exists(BorrowedFd root, const std::string& path,
                                                       int flags, Follow follow) {
  const Lookup how = lookup(flags, follow);
  return again([&] { return sys::openat2_if_exists(root, path, how.flags, how.resolve); });
}

Result<UniqueFd> open_beneath(BorrowedFd top, const std::string& path, int flags, Follow follow) {
  const Lookup how = lookup(flags, follow, kBeneath);
  Result<UniqueFd> fd = openat2_again(top, path, how.flags, how.resolve);
  if (fd.ok() || fd.error().code != EXDEV) return fd;
  Error error = make_error(Kind::System, "%s leads out of the directory", quote(path).c_str());
  error.code = EXDEV;
  return error;
}

Result<Parent> ensure_parent_in_root(BorrowedFd root, const std::string& path) {
  std::optional<Parent> existing = TRY(existing_parent(root, path));
  if (existing.has_value()) return *std::move(existing);
  Walk walk(root, path);
  TRY(walk.to_last(false));
  if (walk.last().empty()) return sys_error(EEXIST, "make %s", quote(path).c_str());
  Parent parent;
  parent.directory = TRY(walk.open_done(O_PATH));
  parent.name = walk.last();
  return parent;
}

Result<UniqueFd> ensure_in_root(BorrowedFd root, const std::string& path, Missing missing,
                                mode_t mode, Follow follow) {
  const Lookup how = lookup(O_PATH, follow);
  std::optional<UniqueFd> found =
      TRY(again([&] { return sys::openat2_if_exists(root, path, how.flags, how.resolve); }));
  if (found.has_value()) return *std::move(found);
  const std::optional<Parent> existing = TRY(existing_parent(root, path));
  if (existing.has_value()) {
    const bool made = TRY(make_last(*existing, missing, mode));
    if (made) return open_made(*existing);
  }
  Walk walk(root, path);
  TRY(walk.to_last(follow == Follow::Yes));
  Parent parent;
  parent.directory = TRY(walk.open_done(O_PATH));
  if (walk.last().empty()) return std::move(parent.directory);
  parent.name = walk.last();
  TRY(make_last(parent, missing, mode));
  return open_made(parent);
}

}  // namespace ctr
