// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/notify.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Kind;
using ctr::Result;
using ctr::UniqueFd;
namespace sys = ctr::sys;

constexpr std::size_t kLongestDatagram = 4096;  // systemd takes no more
constexpr int kDatagramsAtOnce = 16;            // then others have their turn
constexpr int kManagerMs = 30000;               // runc's patience

// sd_notify(3): the words that name a process, a descriptor, or who may talk.
constexpr std::array<std::string_view, 8> kKept{"MAINPID", "MAINPIDFDID", "MAINPIDFD",
                                                "BARRIER", "FDSTORE",     "FDSTOREREMOVE",
                                                "FDNAME",  "NOTIFYACCESS"};

bool may_pass(std::string_view line) {
  const std::string_view word = line.substr(0, line.find('='));
  return !line.empty() && std::find(kKept.begin(), kKept.end(), word) == kKept.end();
}

Result<UniqueFd> connect_manager(const std::string& address) {
  constexpr int kType = SOCK_DGRAM | SOCK_NONBLOCK;
  if (address.starts_with('/')) return sys::connect_unix(address, kType);
  if (address.starts_with('@')) return sys::connect_abstract(address.substr(1), kType);
  return ctr::make_error(Kind::Unsupported, "address %s", ctr::quote(address).c_str());
}

Result<UniqueFd> bind_program_socket(const std::string& path) {
  const Result<void> stale = sys::unlinkat(ctr::kCwd, path, 0);
  if (!stale.ok() && stale.error().code != ENOENT) return stale.error();
  UniqueFd fd = TRY(sys::bind_unix(path, SOCK_DGRAM | SOCK_NONBLOCK));
  // Whoever the program becomes may talk; only the container sees the directory.
  TRY(sys::fchmodat(ctr::kCwd, path, 0777));
  return fd;
}

}  // namespace

std::string forwardable_lines(std::string_view datagram) {
  std::string out;
  for (const std::string_view line : ctr::split(datagram, '\n')) {
    if (!may_pass(line)) continue;
    if (!out.empty()) out += '\n';
    out += line;
  }
  return out;
}

bool says_ready(std::string_view lines) {
  const std::vector<std::string_view> all = ctr::split(lines, '\n');
  return std::find(all.begin(), all.end(), "READY=1") != all.end();
}

Result<void> make_notify_directory(BorrowedFd state_directory) {
  const Result<void> made = sys::mkdirat(state_directory, kNotifyDirectory, 0755);
  if (!made.ok() && made.error().code != EEXIST) return made.error();
  return sys::fchmodat(state_directory, kNotifyDirectory, 0755);  // whatever the umask is
}

NotifyRelay::NotifyRelay(UniqueFd program, UniqueFd manager)
    : program_(std::move(program)), manager_(std::move(manager)) {}

Result<std::optional<NotifyRelay>> NotifyRelay::open(const std::string& state_directory,
                                                     const std::string& manager,
                                                     const ctr::Log& log) {
  Result<UniqueFd> to = connect_manager(manager);
  if (!to.ok()) {
    to.error().message.insert(0, "NOTIFY_SOCKET: ");
    if (to.error().code != ENOENT && to.error().code != ECONNREFUSED) return to.error();
    log.warning(to.error().message + "; nobody is told that the program is ready");
    return std::optional<NotifyRelay>();
  }
  UniqueFd from =
      TRY_CTX(bind_program_socket(state_directory + "/" + kNotifyDirectory + "/notify.sock"),
              "NOTIFY_SOCKET of the container");
  return std::optional<NotifyRelay>(NotifyRelay(std::move(from), std::move(to).value()));
}

pollfd NotifyRelay::wanted() const {
  if (pending_.empty()) return {program_.raw(), POLLIN, 0};
  return {manager_.raw(), POLLOUT, 0};
}

void NotifyRelay::step() {
  for (int i = 0; i < kDatagramsAtOnce; ++i)
    if ((pending_.empty() && !receive()) || !send()) return;
}

bool NotifyRelay::receive() {
  // Descriptors that came along (a barrier's pipe, a store) are closed with the message.
  const Result<sys::Message> message = sys::receive_message(program_, kLongestDatagram);
  if (message.ok()) pending_ = forwardable_lines(message->data);
  return message.ok() || message.error().code != EAGAIN;
}

bool NotifyRelay::send() {
  if (pending_.empty()) return true;
  const Result<void> sent = sys::send_message(manager_, pending_, {});
  if (!sent.ok() && (sent.error().code == EAGAIN || sent.error().code == ENOBUFS)) return false;
  // A manager that is gone can't be told; the program is as ready as it says.
  if (says_ready(pending_)) ready_ = true;
  pending_.clear();
  return true;
}

Result<bool> NotifyRelay::wait_until_ready(BorrowedFd container, pid_t pid) {
  while (!ready_) {
    std::array<pollfd, 2> fds{{wanted(), {container.raw(), POLLIN, 0}}};
    TRY(sys::poll(fds, -1));
    step();  // first: its last words may have been the right ones
    if (fds[1].revents != 0) break;
  }
  if (!ready_) return false;
  TRY(hand_over(pid));
  return true;
}

Result<void> NotifyRelay::hand_over(pid_t pid) {
  std::array<pollfd, 1> manager{{{manager_.raw(), POLLOUT, 0}}};
  TRY(sys::poll(manager, kManagerMs));
  if (manager[0].revents == 0)
    return ctr::make_error(Kind::System, "NOTIFY_SOCKET: the service manager takes no messages");
  TRY_CTX(sys::send_message(manager_, ctr::strf("MAINPID=%d", pid), {}), "NOTIFY_SOCKET");
  // The manager tells by our cgroup whose message it is, so we stay until it has read it: it closes
  // the pipe then.
  sys::Pipe barrier = TRY(sys::pipe());
  TRY_CTX(sys::send_message(manager_, "BARRIER=1", {barrier.write}), "NOTIFY_SOCKET");
  barrier.write.reset();
  std::array<pollfd, 1> read{{{barrier.read.raw(), 0, 0}}};
  return sys::poll(read, kManagerMs);
}

}  // namespace oci::cli
