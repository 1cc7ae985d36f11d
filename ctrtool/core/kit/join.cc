// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/join.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

using Handles = std::vector<JoinHandle>;

std::string kinds(int types) {
  std::string out;
  for (const NsKind& kind : kNsKinds)
    if ((types & kind.flag) != 0) out += std::string(out.empty() ? "" : ",") + kind.file;
  return out;
}

std::string shown(const JoinRequest& request, int types) {
  return strf("%s namespace of %s", kinds(types).c_str(), quote(request.text).c_str());
}

Error mistake(const JoinRequest& request, const std::string& why) {
  return make_error(Kind::InvalidSpec, "join %s: %s", quote(request.text).c_str(), why.c_str());
}

Error gone(const JoinRequest& request) {
  return make_error(Kind::NotFound, "join %s: the process is gone", quote(request.text).c_str());
}

// A link of our own: the same text stands for the same namespace.
bool is_ours(const std::string& link, const char* file) {
  const Result<std::string> own = sys::readlinkat(kCwd, strf("/proc/self/ns/%s", file));
  return own.ok() && *own == link;
}

// The kinds of the directory `ns` that are not ours.
int foreign_kinds(BorrowedFd process) {
  int types = 0;
  for (const NsKind& kind : kNsKinds) {
    const Result<std::string> link = sys::readlinkat(process, strf("ns/%s", kind.file));
    if (link.ok() && !is_ours(*link, kind.file)) types |= kind.flag;
  }
  return types;
}

Result<JoinHandle> namespace_file(const JoinRequest& request, BorrowedFd fd) {
  const Result<int> type = sys::namespace_type(fd);
  if (!type.ok()) return mistake(request, "not a namespace");
  if (request.all || std::popcount(static_cast<unsigned>(request.types)) > 1)
    return mistake(request, "a namespace file is of one kind only");
  if (request.types != 0 && request.types != *type)
    return mistake(request, strf("it is a %s namespace", ns_kind_of(*type).file));
  return JoinHandle{.types = *type, .fd = fd, .shown = shown(request, *type)};
}

Result<Handles> pidfd_handles(const JoinRequest& request, BorrowedFd pidfd, UniqueFd own) {
  int types = request.types;
  if (request.all) {
    const Result<pid_t> pid = pidfd_pid(pidfd);
    if (!pid.ok() || *pid == 0) return gone(request);
    const UniqueFd process = TRY(sys::open(strf("/proc/%d", *pid), O_PATH | O_DIRECTORY));
    types |= foreign_kinds(process);
    // The number may have gone to another process meanwhile.
    if (!sys::pidfd_send_signal(pidfd, 0).ok()) return gone(request);
  } else if (types == 0) {
    return mistake(request, "a pidfd needs letters");
  }
  Handles handles;
  if (types != 0)
    handles.push_back(
        {.types = types, .fd = pidfd, .own = std::move(own), .shown = shown(request, types)});
  return handles;
}

Result<Handles> descriptor_handles(const JoinRequest& request) {
  const BorrowedFd fd(request.fd);
  const Result<struct stat> open = sys::fstat(fd);
  if (!open.ok()) return mistake(request, strf("descriptor %d is closed", request.fd));
  const Result<pid_t> pid = pidfd_pid(fd);
  Handles handles;
  if (pid.ok()) {
    handles = TRY(pidfd_handles(request, fd, {}));
  } else if (pid.error().code == ESRCH) {
    return gone(request);
  } else {
    JoinHandle handle = TRY(namespace_file(request, fd));
    handles.push_back(std::move(handle));
  }
  if (!handles.empty()) handles.back().close = request.close;
  return handles;
}

Result<Handles> file_handles(const JoinRequest& request) {
  UniqueFd fd = TRY_CTX(sys::open(request.path, O_RDONLY | O_NONBLOCK | O_NOCTTY), "join %s",
                        quote(request.text).c_str());
  JoinHandle handle = TRY(namespace_file(request, fd));
  handle.own = std::move(fd);
  Handles handles;
  handles.push_back(std::move(handle));
  return handles;
}

Result<Handles> directory_handles(const JoinRequest& request) {
  const UniqueFd process = TRY_CTX(sys::open(request.path, O_PATH | O_DIRECTORY), "join %s",
                                   quote(request.text).c_str());
  const int types = request.types | (request.all ? foreign_kinds(process) : 0);
  Handles handles;
  for (const NsKind& kind : kNsKinds) {
    if ((types & kind.flag) == 0) continue;
    UniqueFd fd = TRY_CTX(sys::openat(process, strf("ns/%s", kind.file), O_RDONLY | O_NOCTTY),
                          "join %s", quote(request.text).c_str());
    const BorrowedFd borrowed = fd;
    handles.push_back({.types = kind.flag,
                       .fd = borrowed,
                       .own = std::move(fd),
                       .shown = shown(request, kind.flag)});
  }
  return handles;
}

Result<Handles> process_handles(const JoinRequest& request) {
  Result<UniqueFd> pidfd = sys::pidfd_open(request.pid);
  if (!pidfd.ok() && pidfd.error().code == ESRCH) return gone(request);
  if (!pidfd.ok()) return pidfd.error();
  const BorrowedFd borrowed = *pidfd;
  return pidfd_handles(request, borrowed, std::move(*pidfd));
}

}  // namespace

Result<Handles> open_join(const JoinRequest& request) {
  switch (request.from) {
    case JoinRequest::From::Descriptor:
      return descriptor_handles(request);
    case JoinRequest::From::File:
      return file_handles(request);
    case JoinRequest::From::Directory:
      return directory_handles(request);
    case JoinRequest::From::Process:
      return process_handles(request);
  }
  return Handles{};
}

Result<void> join_namespaces(Handles handles) {
  if (handles.empty()) return {};
  TRY(sys::prctl_set_dumpable(sys::Switch::Off));
  for (JoinHandle& handle : handles) {
    Result<void> joined = sys::setns(handle.fd, handle.types);
    if (!joined.ok() && joined.error().code == ESRCH)
      return make_error(Kind::NotFound, "join the %s: the process is gone", handle.shown.c_str());
    if (!joined.ok()) return sys_error(joined.error().code, "join the %s", handle.shown.c_str());
    if (handle.close) ::close(handle.fd.raw());
  }
  return {};
}

Result<void> join_namespaces(const JoinRequest& request) {
  Handles handles = TRY(open_join(request));
  return join_namespaces(std::move(handles));
}

int types_of(const Handles& handles) {
  int types = 0;
  for (const JoinHandle& handle : handles) types |= handle.types;
  return types;
}

}  // namespace ctr
