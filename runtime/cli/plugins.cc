// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/plugins.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/kit/memory_program.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "runtime/plugins/program.h"
#include "runtime/plugins/protocol.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;
namespace sys = ctr::sys;

constexpr const char* kAnnotation = "run.oci.seccomp.plugins";
constexpr const char* kName = "seccomp-plugins";
constexpr int kPatienceMs = 10000;

std::vector<std::string> words_for(const PluginHost::Request& request) {
  std::vector<std::string> words{kName, request.state_directory, request.id, request.bundle,
                                 request.state_directory + "/config.json"};
  words.insert(words.end(), request.plugins.begin(), request.plugins.end());
  return words;
}

// --- in the child --------------------------------------------------------------------------------

// Out of the way of the descriptors that the program is to find.
Result<UniqueFd> moved_up(BorrowedFd fd) {
  std::vector<UniqueFd> low;
  UniqueFd copy = TRY(sys::dup(fd));
  while (copy.raw() <= kHostAgent) {
    low.push_back(std::move(copy));
    copy = TRY(sys::dup(fd));
  }
  return copy;
}

struct Inherited {
  BorrowedFd complaints;
  BorrowedFd control;
  BorrowedFd agent;
};

Result<void> arrange_descriptors(const Inherited& fds) {
  const UniqueFd null = TRY(sys::open("/dev/null", O_RDWR));
  const UniqueFd high_null = TRY(moved_up(null));
  const UniqueFd control = TRY(moved_up(fds.control));
  const UniqueFd agent = TRY(moved_up(fds.agent));
  TRY(sys::dup2(fds.complaints.valid() ? fds.complaints : high_null.borrow(), STDERR_FILENO));
  TRY(sys::dup2(high_null, STDIN_FILENO));
  TRY(sys::dup2(high_null, STDOUT_FILENO));
  TRY(sys::dup2(control, kHostControl));
  TRY(sys::dup2(agent, kHostAgent));
  return sys::close_range(kHostAgent + 1, std::numeric_limits<unsigned>::max(),
                          CLOSE_RANGE_CLOEXEC);
}

// A session of its own, or a key at the caller's terminal would end it before the container. Its
// environment is empty: what is the caller's does not steer the loader.
Error become_host(BorrowedFd program, const std::vector<std::string>& words, const Inherited& fds) {
  TRY(sys::prctl_set_pdeathsig(SIGKILL));  // the host takes it back when it is ready
  TRY(sys::setsid());
  TRY(sys::reset_signals());
  TRY(sys::chdir("/"));
  const UniqueFd high_program = TRY(moved_up(program));
  TRY(arrange_descriptors(fds));
  Error error = sys::fexecve(high_program, words, {});
  if (error.code == ENOENT)
    error.message = "plugins need this host's dynamic loader: " + error.message;
  return error;
}

[[noreturn]] void child_side(BorrowedFd program, const std::vector<std::string>& words,
                             const Inherited& fds) {
  const Error error = become_host(program, words, fds);
  (void)sys::send_message(fds.control, error.message.substr(0, kHostMostText), {});
  ctr::child_exit(127);
}

// --- in the parent -------------------------------------------------------------------------------

std::string reap(pid_t pid) {
  const Result<std::optional<int>> status = sys::waitpid(pid, 0);
  if (!status.ok() || !status->has_value()) return "it is gone";
  if (WIFSIGNALED(**status)) return ctr::strf("killed by signal %d", WTERMSIG(**status));
  return ctr::strf("exit status %d", WEXITSTATUS(**status));
}

}  // namespace

PluginHost::PluginHost(PluginHost&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      control_(std::move(other.control_)),
      socket_(std::exchange(other.socket_, {})),
      kept_(other.kept_) {}

PluginHost::~PluginHost() {
  if (kept_) end();
}

Result<PluginHost> PluginHost::start(const Request& request) {
  const UniqueFd program = TRY(ctr::sealed_program(kName, plugin_host_program()));
  const std::vector<std::string> words = words_for(request);
  const UniqueFd agent = TRY(sys::listen_unix(request.socket, SOCK_STREAM | SOCK_NONBLOCK, 1));
  sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
  sys::Cloned cloned = TRY(sys::clone3(0, ctr::kNoFd));
  if (cloned.pid == 0) child_side(program, words, {request.complaints, pair.second, agent});
  pair.second.reset();
  PluginHost host(cloned.pid, std::move(cloned.pidfd), std::move(pair.first), request.socket);
  const sys::Message word =
      TRY(sys::receive_message(host.control_, kHostMostText, sys::Overlong::Cut));
  if (word.data == kHostReady) return host;
  const std::string how = reap(std::exchange(host.pid_, 0));
  if (word.end)
    return make_error(Kind::System, "the process that loads the plugins ended: %s", how.c_str());
  return make_error(Kind::System, "%s", ctr::escape(word.data).c_str());
}

void PluginHost::forget_socket() {
  if (!socket_.empty()) (void)sys::unlinkat(ctr::kCwd, std::exchange(socket_, {}), 0);
}

void PluginHost::let_go() {
  kept_ = false;
  forget_socket();
  control_.reset();
}

void PluginHost::end() {
  forget_socket();
  control_.reset();
  if (pid_ == 0) return;
  const Result<bool> ended = sys::wait_pidfd(pidfd_, kPatienceMs);
  if (!ended.ok() || !*ended) (void)sys::pidfd_send_signal(pidfd_, SIGKILL);
  reap(std::exchange(pid_, 0));
}

std::vector<std::string> seccomp_plugins(const Spec& spec) {
  std::vector<std::string> plugins;
  const auto found = spec.annotations.find(kAnnotation);
  if (found == spec.annotations.end()) return plugins;
  for (const std::string_view plugin : ctr::split(found->second, ':'))
    if (!plugin.empty()) plugins.emplace_back(plugin);
  return plugins;
}

std::string plugin_socket(const std::string& state_directory, const std::string& name) {
  return state_directory + "/plugins-" + name;
}

Result<std::optional<PluginHost>> start_plugins(const ctr::ContainerPlan& plan, const Spec& spec,
                                                const std::string& state_directory,
                                                const ContainerState& state, bool detach) {
  const std::vector<std::string> plugins = seccomp_plugins(spec);
  const auto* const agent = plan.find<ctr::ConnectSeccompAgent>();
  if (plugins.empty() || agent == nullptr) return std::optional<PluginHost>();
  // Who returns before the container's end leaves no stderr to it: the caller may wait for its end.
  const BorrowedFd complaints = detach ? ctr::kNoFd : BorrowedFd(STDERR_FILENO);
  PluginHost host = TRY_CTX(PluginHost::start({.plugins = plugins,
                                               .state_directory = state_directory,
                                               .id = state.id,
                                               .bundle = state.bundle,
                                               .socket = agent->from,
                                               .complaints = complaints}),
                            "/annotations/%s", kAnnotation);
  return std::optional<PluginHost>(std::move(host));
}

}  // namespace oci::cli
