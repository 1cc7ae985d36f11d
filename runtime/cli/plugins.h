// SPDX-License-Identifier: Apache-2.0
// run.oci.seccomp.plugins: a process of ours that answers for the container's seccomp filter by
// plugins. To the container it is a seccomp agent like any other, at a socket in the state
// directory. It is outside of the container, and lives until no process has the filter any more,
// whoever has started the container.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/plan/plan.h"
#include "runtime/spec/spec.h"
#include "runtime/state/state.h"

namespace oci::cli {

class PluginHost {
 public:
  struct Request {
    std::vector<std::string> plugins;
    // What they are told. Absolute paths, but the ID.
    std::string state_directory;
    std::string id;
    std::string bundle;
    std::string socket;                       // to be made
    ctr::BorrowedFd complaints = ctr::kNoFd;  // their stderr, or none
  };
  // The plugins are loaded and started when this returns.
  static ctr::Result<PluginHost> start(const Request& request);
  PluginHost(PluginHost&& other) noexcept;
  PluginHost& operator=(PluginHost&&) = delete;
  ~PluginHost();  // ends what was not let go

  // It goes on without us. To be called when the container's process is connected to it.
  void let_go();
  // To be called when nobody is left who may ask, or never will be: it has its time to stop the
  // plugins, and is reaped.
  void end();

 private:
  PluginHost(pid_t pid, ctr::UniqueFd pidfd, ctr::UniqueFd control, std::string socket)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        control_(std::move(control)),
        socket_(std::move(socket)) {}
  void forget_socket();

  pid_t pid_;
  ctr::UniqueFd pidfd_;
  ctr::UniqueFd control_;
  std::string socket_;  // empty: removed
  bool kept_ = true;
};

// What the annotation asks for; none: nothing.
std::vector<std::string> seccomp_plugins(const Spec& spec);
// Where the plan is to look for the agent. `name` tells the processes of one container apart.
std::string plugin_socket(const std::string& state_directory, const std::string& name);
// What it is told of the process that asks: it knows whose it is.
inline std::string nothing_to_tell(pid_t /*pid*/) { return "{}"; }
// None where the plan asks no agent, or another.
ctr::Result<std::optional<PluginHost>> start_plugins(const ctr::ContainerPlan& plan,
                                                     const Spec& spec,
                                                     const std::string& state_directory,
                                                     const ContainerState& state, bool detach);

}  // namespace oci::cli
