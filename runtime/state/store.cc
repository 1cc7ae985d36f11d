// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/spec/json.h"
#include "runtime/state/id.h"

namespace oci {
namespace {

using ctr::BorrowedFd;
using ctr::Error;
using ctr::kCwd;
using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

constexpr const char* kStateFile = "/state.json";
constexpr const char* kConfigFile = "/config.json";
constexpr std::size_t kMaxStateSize = 8U << 20U;
constexpr std::size_t kMaxConfigSize = 16U << 20U;

// Our own file, unless somebody has damaged the directory: no link is followed, and a FIFO or a
// device in its place does not make us wait.
Result<UniqueFd> open_record(const std::string& path) {
  return ctr::sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

// A short read of a regular file is its end: one system call instead of two for usual records.
Result<std::string> read_record(BorrowedFd fd) {
  char usual[2048];
  const std::size_t size = TRY(ctr::sys::read(fd, usual, sizeof usual));
  std::string text;
  text.reserve(size + json::kPadding);
  text.assign(usual, size);
  if (size < sizeof usual) return text;
  const std::string more = TRY(ctr::sys::read_all(fd, kMaxStateSize));
  return text + more;
}

Result<ContainerState> decode_record(std::string text, const std::string& path,
                                     std::string_view id) {
  Result<ContainerState> state = decode_state(std::move(text));
  if (!state.ok())
    state = with_context(state.error(), "damaged record " + path);
  else if (state->id != id)
    state = make_error(Kind::InvalidSpec, "damaged record %s: it is of container %s", path.c_str(),
                       ctr::quote(state->id).c_str());
  return state;
}

Result<void> write_new_file(const std::string& path, std::string_view text) {
  const UniqueFd fd = TRY(ctr::sys::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return ctr::sys::write_all(fd, text);
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// mkdir -p: only the last component gets `mode`.
Result<void> make_directories(const std::string& path, mode_t mode) {
  Result<void> made = ctr::sys::mkdirat(kCwd, path, mode);
  if (made.ok() || made.error().code == EEXIST) return {};
  const std::size_t slash = path.rfind('/');
  if (made.error().code != ENOENT || slash == std::string::npos || slash == 0) return made;
  TRY(make_directories(path.substr(0, slash), 0755));
  made = ctr::sys::mkdirat(kCwd, path, mode);
  // Another create may have been faster.
  if (!made.ok() && made.error().code == EEXIST) return {};
  return made;
}

Error already_exists(std::string_view id) {
  return make_error(Kind::Exists, "container with given ID already exists: %s",
                    ctr::quote(id).c_str());
}

}  // namespace

// --- one container -------------------------------------------------------------------------------

Error ContainerDir::not_found() const {
  return make_error(Kind::NotFound, "container %s does not exist", ctr::quote(id_).c_str());
}

Result<ContainerState> ContainerDir::load() const {
  const std::string path = path_ + kStateFile;
  const Result<UniqueFd> fd = open_record(path);
  if (!fd.ok()) {
    if (fd.error().code == ENOENT) return not_found();
    return with_context(fd.error(), "record of the container");
  }
  std::string text = TRY(read_record(*fd));
  return decode_record(std::move(text), path, id_);
}

Result<void> ContainerDir::save(const ContainerState& state) const {
  TRY_CTX(ctr::sys::replace_file_at(kCwd, path_ + kStateFile, encode_state(state), 0600),
          "save the state");
  return {};
}

Result<void> ContainerDir::save_new(const ContainerState& state) const {
  TRY_CTX(write_new_file(path_ + kStateFile, encode_state(state)), "save the state");
  return {};
}

Result<void> ContainerDir::save_config(std::string_view text) const {
  TRY_CTX(write_new_file(path_ + kConfigFile, text), "save the configuration");
  return {};
}

Result<std::string> ContainerDir::load_config() const {
  const UniqueFd fd = TRY_CTX(open_record(path_ + kConfigFile), "saved configuration");
  return ctr::sys::read_all(fd, kMaxConfigSize);
}

Result<UniqueFd> ContainerDir::lock() const {
  Result<UniqueFd> fd = ctr::sys::open(path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd.ok()) {
    if (fd.error().code == ENOENT) return not_found();
    return fd;
  }
  TRY(ctr::sys::flock(*fd, LOCK_EX));
  // Whoever had the lock may have removed the container, and a third one may have made a new one.
  const struct stat locked = TRY(ctr::sys::fstat(*fd));
  const Result<struct stat> named = ctr::sys::fstatat(kCwd, path_, AT_SYMLINK_NOFOLLOW);
  if (!named.ok() || !same_file(locked, *named)) return not_found();
  return fd;
}

Result<void> ContainerDir::remove() const {
  const std::string root = path_.substr(0, path_.size() - id_.size());
  const Result<UniqueFd> fd = ctr::sys::open(root, O_RDONLY | O_DIRECTORY);
  if (!fd.ok() && fd.error().code == ENOENT) return {};
  if (!fd.ok()) return with_context(fd.error(), "state root");
  TRY_CTX(ctr::sys::remove_tree(*fd, id_), "remove the container's directory");
  return {};
}

// --- all of them ---------------------------------------------------------------------------------

Result<void> StateRoot::make() const {
  TRY_CTX(make_directories(path_, 01700), "state root");
  return {};
}

Result<void> StateRoot::check_free(std::string_view id) const {
  TRY(check_id(id));
  const bool taken = TRY(ctr::sys::exists(kCwd, path_ + '/' + std::string(id)));
  if (taken) return already_exists(id);
  return {};
}

Result<ContainerDir> StateRoot::create(std::string_view id) const {
  TRY(check_id(id));
  ContainerDir dir(path_ + '/' + std::string(id), std::string(id));
  const Result<void> made = ctr::sys::mkdirat(kCwd, dir.path(), 0700);
  if (made.ok()) return dir;
  if (made.error().code == EEXIST) return already_exists(id);
  return with_context(made.error(), "state directory");
}

Result<ContainerDir> StateRoot::open(std::string_view id) const {
  TRY(check_id(id));
  return ContainerDir(path_ + '/' + std::string(id), std::string(id));
}

Result<std::vector<std::string>> StateRoot::list() const {
  const Result<UniqueFd> root = ctr::sys::open(path_, O_RDONLY | O_DIRECTORY);
  if (!root.ok()) {
    if (root.error().code != ENOENT) return with_context(root.error(), "state root");
    return make_error(Kind::NotFound, "state root %s does not exist", ctr::quote(path_).c_str());
  }
  const std::vector<ctr::sys::DirEntry> entries = TRY(ctr::sys::list_dir(*root));
  std::vector<std::string> ids;
  for (const ctr::sys::DirEntry& entry : entries) {
    const bool maybe_directory = entry.type == DT_DIR || entry.type == DT_UNKNOWN;
    if (maybe_directory && check_id(entry.name).ok()) ids.push_back(entry.name);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace oci
