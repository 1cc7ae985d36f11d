// SPDX-License-Identifier: Apache-2.0
// Descriptors that pass through: what the program inherits, what engines get back.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "ctrtool/core/sys/tty.h"
#include "runtime/cli/launch.h"

namespace oci::cli {
namespace {

using ctr::Result;

constexpr unsigned kFirst = 3;
constexpr unsigned kMaxPreserved = 1U << 20;

// sd_listen_fds(3). LISTEN_PID is not looked at: engines start us through others, whose pid it has.
unsigned listen_fds() {
  const char* const text = ::getenv("LISTEN_FDS");
  if (text == nullptr) return 0;
  const Result<unsigned> count = ctr::parse_number<unsigned>(text);
  return count.ok() && *count <= kMaxPreserved ? *count : 0;
}

// The program finds the size of the window it is shown in, unless the config says another.
void adopt_window(ctr::BorrowedFd terminal) {
  const Result<winsize> now = ctr::sys::get_window_size(terminal);
  if (!now.ok() || now->ws_row != 0 || now->ws_col != 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    const Result<winsize> window = ctr::sys::get_window_size(ctr::BorrowedFd(fd));
    if (!window.ok()) continue;
    static_cast<void>(ctr::sys::set_window_size(terminal, *window));
    return;
  }
}

}  // namespace

Result<unsigned> preserved_descriptors(const std::string& preserve_fds) {
  const unsigned count = TRY(option_number<unsigned>("preserve-fds", preserve_fds));
  if (count > kMaxPreserved)
    return ctr::make_error(ctr::Kind::InvalidSpec, "option --preserve-fds: %u is out of range",
                           count);
  return count + listen_fds();
}

// What is in use there already is our log: the child, which writes none, replaces it.
Result<std::vector<ctr::UniqueFd>> reserve_descriptors(const ctr::ContainerPlan& plan) {
  std::vector<ctr::UniqueFd> reserved;
  const auto* const op = plan.find<ctr::OpenSockets>();
  if (op == nullptr) return reserved;
  const auto last = static_cast<int>(op->first + op->sockets.size()) - 1;
  do {
    ctr::UniqueFd fd = TRY(ctr::sys::open("/", O_PATH | O_DIRECTORY));
    reserved.push_back(std::move(fd));
  } while (reserved.back().raw() < last);
  return reserved;
}

std::vector<std::string> socket_activation_env() {
  const unsigned count = listen_fds();
  if (count == 0) return {};
  std::vector<std::string> env{ctr::strf("LISTEN_FDS=%u", count), "LISTEN_PID=1"};
  const char* const names = ::getenv("LISTEN_FDNAMES");
  if (names != nullptr) env.push_back(std::string("LISTEN_FDNAMES=") + names);
  return env;
}

Result<void> close_foreign_descriptors(const std::string& preserve_fds, ctr::BorrowedFd log) {
  const unsigned preserved = TRY(preserved_descriptors(preserve_fds));
  const unsigned first = kFirst + preserved;
  const auto keep = static_cast<unsigned>(log.raw());
  if (!log.valid() || keep < first) return ctr::sys::close_range(first, ~0U, 0);
  if (keep > first) TRY(ctr::sys::close_range(first, keep - 1, 0));
  return ctr::sys::close_range(keep + 1, ~0U, 0);
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  constexpr mode_t kMode = 0644;
  return ctr::sys::replace_file_at(ctr::kCwd, path, ctr::strf("%d", pid), kMode);
}

Result<void> send_pidfd(const std::string& socket_path, ctr::BorrowedFd pidfd) {
  const ctr::UniqueFd socket =
      TRY_CTX(ctr::sys::connect_unix(socket_path, SOCK_STREAM), "pidfd socket");
  return ctr::sys::send_message(socket, "pidfd", {pidfd});
}

Result<Console> open_console(bool terminal, const std::string& socket_path, bool detach) {
  Console console;
  if (!terminal) return console;
  if (!socket_path.empty()) {
    console.to_child = TRY_CTX(ctr::sys::connect_unix(socket_path, SOCK_STREAM), "console socket");
    return console;
  }
  if (detach)
    return ctr::make_error(ctr::Kind::InvalidSpec,
                           "/process/terminal: needs --console-socket, as nobody stays attached");
  ctr::sys::SocketPair pair = TRY(ctr::sys::socketpair(SOCK_STREAM));
  console.to_child = std::move(pair.first);
  console.own_end = std::move(pair.second);
  return console;
}

Result<ctr::UniqueFd> receive_terminal(Console& console) {
  if (!console.own_end.valid()) return ctr::UniqueFd();
  constexpr std::size_t kMaxName = 4096;
  ctr::sys::Message message = TRY(ctr::sys::receive_message(console.own_end, kMaxName));
  console.own_end.reset();
  if (message.fds.size() != 1)
    return ctr::make_error(ctr::Kind::ChildDied, "the container sent no terminal");
  adopt_window(message.fds.front());
  return std::move(message.fds.front());
}

}  // namespace oci::cli
