// SPDX-License-Identifier: Apache-2.0
// What one half of the executor has in its hands while it walks the plan, and the operations it can
// carry out. The child starts with a copy of the parent's Context (clone without CLONE_VM).
#pragma once

#include <linux/filter.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/base/rollback.h"
#include "ctrtool/core/exec/channel.h"
#include "ctrtool/core/exec/hook_runner.h"
#include "ctrtool/core/exec/trace.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/plan/plan.h"

namespace ctr {

struct Context {
  const ContainerPlan* plan = nullptr;
  HookRunner* hooks = nullptr;
  Trace* trace = nullptr;  // or none
  const CgroupLayout* cgroup_layout = nullptr;
  BorrowedFd seccomp_cache = kNoFd;                   // a directory, or none
  BorrowedFd target = kNoFd;                          // pidfd of the process to join
  std::function<std::string(pid_t)> process_state{};  // for the seccomp agent
  std::uint64_t ignored_signals = 0;                  // bit n-1: signal n
  BorrowedFd interrupted = kNoFd;                     // parent: readable: give up. Or none
  bool in_child = false;
  Channel channel;  // to the other half; after the gate, to the starter

  // Parent.
  std::optional<Cgroup> cgroup;
  std::optional<StartedScope> scope;   // that systemd made for it
  std::vector<UniqueFd> cgroup_tasks;  // until the child has them
  std::vector<sock_filter> seccomp;    // both: the child has it after #5
  UniqueFd seccomp_agent;              // both: a connected socket, the child has it after #5
  UniqueFd process_state_file;         // both: what the child is to say there
  std::map<std::string, UniqueFd> user_namespaces;  // for id-mapped mounts, by their maps
  UniqueFd own_pid_namespace;                       // to go back to after the clone
  std::vector<RlimitSetting> own_limits;            // the same
  pid_t child = 0;
  UniqueFd child_pidfd;
  pid_t lender = 0;  // what was the child, and lends the child its memory

  // Child.
  bool setgroups_denied = false;       // in the joined user namespace, by whoever made it
  UniqueFd proc;                       // the host's /proc, seen to be a procfs
  UniqueFd pid_namespace;              // that CloneAgain is to be born into
  UniqueFd root;                       // the container's root mount
  bool confined = false;               // by the filter, before its turn
  UniqueFd seccomp_listener;           // until execve
  UniqueFd late_cgroup;                // `tasks` of the memory hierarchy, written last; on v2 the
                                       // processes of a cgroup made for the program
  UniqueFd console_socket;             // connected; takes the pty's master
  UniqueFd gate;                       // listening; invalid when the parent itself gives the Go
  UniqueFd empty_directory;            // one read-only tmpfs that covers every masked directory
  std::map<unsigned, UniqueFd> slots;  // detached mounts by number
  std::vector<std::string> env;        // the program's
  std::string program_path;            // what FindProgram found
  UniqueFd directory;                  // where TakeRoot found us
  UniqueFd id_mapper;                  // whoever writes the maps of our next user namespace
  UniqueFd script_socket;              // both: the script's end of MakeSocketPair
  UniqueFd source;                     // that CheckPath has left; other paths leave `root`
  bool item_is_done = false;           // the rest of it is left out
  bool item_has_failed = false;        // any, and was tolerated
  Rollback* undo = nullptr;            // what was made, if the plan rolls back

  // As in ExecuteOptions.
  BorrowedFd program = kNoFd;
  BorrowedFd stdio[3] = {kNoFd, kNoFd, kNoFd};
  BorrowedFd cgroup_to_join = kNoFd;
  std::vector<BorrowedFd> parents_own;
  std::function<int(const Program&)> enter_stage;
  std::string complain_as;
  std::function<Result<void>(const Step&, Error)> on_failed_item;
};

// One step. The error names neither phase nor pointer; the loops add them.
Result<void> run(const Meet& op, Context& ctx);
Result<void> run(const EnterPidNamespace& op, Context& ctx);
Result<void> run(const OpenPidNamespace& op, Context& ctx);
Result<void> run(const Clone& op, Context& ctx);
Result<void> run(const MapIds& op, Context& ctx);
Result<void> run(const JoinNamespace& op, Context& ctx);
Result<void> run(const JoinProcess& op, Context& ctx);
Result<void> run(const Join& op, Context& ctx);
Result<void> run(const Unshare& op, Context& ctx);
Result<void> run(const Fork& op, Context& ctx);
Result<void> run(const CloneAgain& op, Context& ctx);
Result<void> run(const SetTimeOffsets& op, Context& ctx);
Result<void> run(const BringUpLoopback& op, Context& ctx);
Result<void> run(const MoveNetDevices& op, Context& ctx);
Result<void> run(const SetHostname& op, Context& ctx);
Result<void> run(const SetDomainname& op, Context& ctx);
Result<void> run(const BecomeRoot& op, Context& ctx);
Result<void> run(const MakeCgroup& op, Context& ctx);
Result<void> run(const OpenCgroup& op, Context& ctx);
Result<void> run(const StartScope& op, Context& ctx);
Result<void> run(const AttachScope& op, Context& ctx);
Result<void> run(const LimitCgroup& op, Context& ctx);
Result<void> run(const JoinRdtGroup& op, Context& ctx);
Result<void> run(const JoinCgroup& op, Context& ctx);
Result<void> run(const UnshareCgroup& op, Context& ctx);
Result<void> run(const DelegateCgroup& op, Context& ctx);
Result<void> run(const PassOnControllers& op, Context& ctx);
Result<void> run(const SetPropagation& op, Context& ctx);
Result<void> run(const BindRoot& op, Context& ctx);
Result<void> run(const TakeRoot& op, Context& ctx);
Result<void> run(const NewRoot& op, Context& ctx);
Result<void> run(const EnterRoot& op, Context& ctx);
Result<void> run(const EnterDirectory& op, Context& ctx);
Result<void> run(const MountProcOf& op, Context& ctx);
Result<void> run(const ReturnToDirectory& op, Context& ctx);
Result<void> run(const ShowImage& op, Context& ctx);
Result<void> run(const TmpfsRoot& op, Context& ctx);
Result<void> run(const OpenSource& op, Context& ctx);
Result<void> run(const OpenFs& op, Context& ctx);
Result<void> run(const AttachMount& op, Context& ctx);
Result<void> run(const AttachFd& op, Context& ctx);
Result<void> run(const MoveMount& op, Context& ctx);
Result<void> run(const Unmount& op, Context& ctx);
Result<void> run(const BindMount& op, Context& ctx);
Result<void> run(const MountFs& op, Context& ctx);
Result<void> run(const MountCgroups& op, Context& ctx);
Result<void> run(const SetMountAttrs& op, Context& ctx);
Result<void> run(const MakeDirectory& op, Context& ctx);
Result<void> run(const MakeSymlink& op, Context& ctx);
Result<void> run(const MakeDevice& op, Context& ctx);
Result<void> run(const MakeNodes& op, Context& ctx);
Result<void> run(const OpenNodes& op, Context& ctx);
Result<void> run(const MaskPath& op, Context& ctx);
Result<void> run(const MakeReadonly& op, Context& ctx);
Result<void> run(const WriteSysctl& op, Context& ctx);
Result<void> run(const PivotRoot& op, Context& ctx);
Result<void> run(const ChangeRoot& op, Context& ctx);
Result<void> run(const OpenTerminal& op, Context& ctx);
Result<void> run(const ControlTerminal& op, Context& ctx);
Result<void> run(const WipeEnvironment& op, Context& ctx);
Result<void> run(const NewSession& op, Context& ctx);
Result<void> run(const TakeStdio& op, Context& ctx);
Result<void> run(const MakeSocketPair& op, Context& ctx);
Result<void> run(const OpenSockets& op, Context& ctx);
Result<void> run(const CloseFd& op, Context& ctx);
Result<void> run(const NotifyFd& op, Context& ctx);
Result<void> run(const ChownStdio& op, Context& ctx);
Result<void> run(const SetScheduler& op, Context& ctx);
Result<void> run(const SetIoPriority& op, Context& ctx);
Result<void> run(const SetAffinity& op, Context& ctx);
Result<void> run(const SetPersonality& op, Context& ctx);
Result<void> run(const SetMemoryPolicy& op, Context& ctx);
Result<void> run(const SetExecLabel& op, Context& ctx);
Result<void> run(const JoinSessionKeyring& op, Context& ctx);
Result<void> run(const SetOomScoreAdj& op, Context& ctx);
Result<void> run(const RaiseRlimits& op, Context& ctx);
Result<void> run(const LimitChild& op, Context& ctx);
Result<void> run(const SetRlimits& op, Context& ctx);
Result<void> run(const DropBounding& op, Context& ctx);
Result<void> run(const SetUser& op, Context& ctx);
Result<void> run(const SetInheritable& op, Context& ctx);
Result<void> run(const RaiseAmbient& op, Context& ctx);
Result<void> run(const SetSecurebits& op, Context& ctx);
Result<void> run(const DropUninheritable& op, Context& ctx);
Result<void> run(const SetUndumpable& op, Context& ctx);
Result<void> run(const SetTimerSlack& op, Context& ctx);
Result<void> run(const SetHugePages& op, Context& ctx);
Result<void> run(const WritePidFile& op, Context& ctx);
Result<void> run(const RequireEmpty& op, Context& ctx);
Result<void> run(const RunScript& op, Context& ctx);
Result<void> run(const SealProgram& op, Context& ctx);
Result<void> run(const ChangeDirectory& op, Context& ctx);
Result<void> run(const SetHome& op, Context& ctx);
Result<void> run(const FindProgram& op, Context& ctx);
Result<void> run(const SetNoNewPrivileges& op, Context& ctx);
Result<void> run(const CompileSeccomp& op, Context& ctx);
Result<void> run(const LoadSeccomp& op, Context& ctx);
Result<void> run(const ConnectSeccompAgent& op, Context& ctx);
Result<void> run(const ConfineEarly& op, Context& ctx);
Result<void> run(const InstallSeccomp& op, Context& ctx);
Result<void> run(const SetCapabilities& op, Context& ctx);
Result<void> run(const WaitForStart& op, Context& ctx);
Result<void> run(const Execute& op, Context& ctx);
Result<void> run(const RunHooks& op, Context& ctx);
Result<void> run(const BecomeOwner& op, Context& ctx);
Result<void> run(const CheckPath& op, Context& ctx);
Result<void> run(const SkipIfMounted& op, Context& ctx);
Result<void> run(const MakeParentsHere& op, Context& ctx);
Result<void> run(const MakeHere& op, Context& ctx);
Result<void> run(const LinkHere& op, Context& ctx);
Result<void> run(const WriteHere& op, Context& ctx);
Result<void> run(const MountHere& op, Context& ctx);
Result<void> run(const UnmountHere& op, Context& ctx);
Result<void> run(const RollBackMount& op, Context& ctx);
Result<void> run(const EnterHere& op, Context& ctx);
Result<void> run(const RunShell& op, Context& ctx);
Result<void> run(const SyncDisks& op, Context& ctx);
Result<void> run(const Refuse& op, Context& ctx);

// Has the process made by a MapIds of the child write the maps of the user namespace just made.
Result<void> finish_mapping(Context& ctx);

// The host's /proc, opened once and seen to be a procfs; every write to procfs goes through it.
Result<BorrowedFd> trusted_proc(Context& ctx);

}  // namespace ctr
