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

// EAGAIN: somebody renames below the root right now and the kernel cannot vouch for "..".
Result<UniqueFd> openat2_again(BorrowedFd root, const std::string& path, int flags,
                               std::uint64_t resolve) {
  constexpr int kTries = 128;
  for (int i = 0;; ++i) {
    Result<UniqueFd> fd = sys::openat2(root, path, flags, 0, resolve);
    if (fd.ok() || fd.error().code != EAGAIN || i == kTries) return fd;
  }
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
    Result<struct stat> found = sys::fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
    if (!found.ok() && found.error().code != ENOENT) return std::move(found).error();
    if (found.ok() && S_ISLNK(found->st_mode) && (!last || follow_last)) {
      if (++links_ > kMaxLinks) return sys_error(ELOOP, "open %s", quote(name).c_str());
      const std::string target = TRY(sys::readlinkat(parent, name));
      if (target.starts_with('/')) done_.clear();
      push_front(target);
      return true;
    }
    if (last) return false;
    if (!found.ok()) {
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

Result<void> make_last(const Parent& parent, Missing missing, mode_t mode) {
  Result<void> made;
  if (missing == Missing::Directory) {
    made = sys::mkdirat(parent.directory, parent.name, mode);
  } else {
    // mknod of a regular file: never follows, never truncates, opens nothing.
    made = sys::mknodat(parent.directory, parent.name, S_IFREG | mode, 0);
  }
  if (!made.ok() && made.error().code == EEXIST) return {};
  return made;
}

}  // namespace

Result<UniqueFd> open_in_root(BorrowedFd root, const std::string& path, int flags, Follow follow) {
  std::uint64_t resolve = kInRoot;
  if (follow == Follow::Never) resolve |= RESOLVE_NO_SYMLINKS;
  if (follow == Follow::NotLast) flags |= O_NOFOLLOW;
  return openat2_again(root, path, flags, resolve);
}

Result<std::optional<UniqueFd>> open_in_root_if_exists(BorrowedFd root, const std::string& path,
                                                       int flags, Follow follow) {
  Result<UniqueFd> fd = open_in_root(root, path, flags, follow);
  if (fd.ok()) return std::optional<UniqueFd>(std::move(fd).value());
  if (fd.error().code == ENOENT || fd.error().code == ENOTDIR) return std::optional<UniqueFd>();
  return std::move(fd).error();
}

Result<Parent> ensure_parent_in_root(BorrowedFd root, const std::string& path) {
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
  Result<UniqueFd> found = open_in_root(root, path, O_PATH, follow);
  if (found.ok() || found.error().code != ENOENT) return found;
  Walk walk(root, path);
  TRY(walk.to_last(follow == Follow::Yes));
  Parent parent;
  parent.directory = TRY(walk.open_done(O_PATH));
  if (walk.last().empty()) return std::move(parent.directory);
  parent.name = walk.last();
  TRY(make_last(parent, missing, mode));
  return openat2_again(parent.directory, parent.name, O_PATH | O_NOFOLLOW,
                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

}  // namespace ctr
