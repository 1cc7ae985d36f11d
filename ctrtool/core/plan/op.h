// SPDX-License-Identifier: Apache-2.0
// One struct per operation. Operations carry data, not policy: who wrote the list decided what
// happens and in which order; the executor only does it.
//
// Paths named `at` are paths of the container: they are resolved inside its root and never leave
// it. Paths named `from` are the host's. A required field has no default.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ctrtool/core/kit/caps.h"
#include "ctrtool/core/kit/cgroup.h"
#include "ctrtool/core/kit/cgroup_resources.h"
#include "ctrtool/core/kit/fs_config.h"
#include "ctrtool/core/kit/idmap.h"
#include "ctrtool/core/kit/join.h"
#include "ctrtool/core/kit/resctrl.h"
#include "ctrtool/core/kit/rlimit.h"
#include "ctrtool/core/kit/seccomp.h"
#include "ctrtool/core/kit/socket_request.h"
#include "ctrtool/core/kit/systemd_unit.h"
#include "ctrtool/core/plan/here.h"
#include "ctrtool/core/sys/cred.h"

namespace ctr {

// --- the two halves meet -------------------------------------------------------------------------

// Numbered in the order in which they are passed; channel.h has the picture.
enum class Point : std::uint8_t {
  UserMade = 1,      // child → parent: it is in a new user namespace, without maps
  IdsMapped = 2,     // parent → child: the ID maps are written
  CgroupMade = 3,    // parent → child: the limits are set; carries the `tasks` files to join
  MountsDone = 4,    // child → parent: the tree is complete and the host's root still visible
  HooksDone = 5,     // parent → child: the runtime-namespace hooks are through
  SeccompReady = 6,  // parent → child: carries the filter program
  Ready = 7,         // child → parent: nothing is left that can fail but the start itself
};

struct Meet {
  Point point;
};

// --- namespaces ----------------------------------------------------------------------------------

// Parent: its children are born in this pid namespace; undone after the clone. Child: the same for
// the one that OpenPidNamespace has opened.
struct EnterPidNamespace {
  std::string from;  // empty: the namespace of the process to join
};
// Child: who is in it already is not to see us before CloneAgain; what procfs is mounted shows it.
struct OpenPidNamespace {
  std::string from;
};
// Parent: makes the child. `namespaces`: CLONE_NEW* that are new from birth.
struct Clone {
  std::uint64_t namespaces;
  std::optional<uid_t> owner{};  // the effective user meanwhile, to whom a user namespace belongs
  std::vector<pid_t> pids{};     // the child's, innermost pid namespace first (set_tid of clone3)
};
// Parent. Directly, or by newuidmap and newgidmap where the caller lacks the privilege.
struct MapIds {
  IdMap uids;
  IdMap gids;
  IdMap projects{};  // of quotas; never by helpers, which know only the others
  bool deny_setgroups = false;
  bool use_helpers = false;
};
// Child.
struct JoinNamespace {
  int type;  // one CLONE_NEW*
  std::string from;
};
// Child: several namespaces of one process at once, through its pidfd (Linux 5.8).
struct JoinProcess {
  int types;
};
// Child: whatever a join SPEC names. Handles are opened when its turn comes.
struct Join {
  JoinRequest request;
};
struct Unshare {
  int types;
};
// Child: goes on as a child of its own, which takes its place before the parent (CLONE_PARENT): a
// pid or time namespace counts for children only.
struct CloneAgain {
  // What was the child waits until the program is executed, and lends its memory (CLONE_VM,
  // CLONE_VFORK): that copies nothing, but is not for a program that waits at a gate.
  bool lends_memory = false;
};
// Child: goes on as a child of its own; what it was waits and ends as that one does, or ends at
// once.
struct Fork {
  bool wait = true;
};
// Child: the effective user, to whom the next user namespace belongs. Capabilities come with it.
struct BecomeOwner {
  uid_t uid;
};
struct SetTimeOffsets {
  std::string text;  // as /proc/PID/timens_offsets wants it
};
struct BringUpLoopback {};
// Parent: devices of the host go into the child's network namespace.
struct NetDeviceMove {
  std::string from;
  std::string name;  // there; may end in "%d"
};
struct MoveNetDevices {
  std::vector<NetDeviceMove> devices;
};
struct SetHostname {
  std::string name;
};
struct SetDomainname {
  std::string name;
};
// Child: the IDs 0 of a new or joined user namespace, before anything is made there.
struct BecomeRoot {
  uid_t uid = 0;  // another one only where 0 is not mapped
  gid_t gid = 0;
  bool clear_groups = true;
};

// --- cgroup --------------------------------------------------------------------------------------

// Parent, before the clone: the v2 directory, so that the child is born in it.
struct MakeCgroup {
  CgroupRecord record;
};
// Parent, before the clone: a cgroup that exists, for one more process; for single v1 controllers
// one below it.
struct OpenCgroup {
  CgroupRecord record;
  std::map<std::string, std::string> below{};  // by controller
};
// Parent, after the clone: systemd makes the unit, a scope with the child in it or a slice that the
// child then joins; the container's cgroup is the unit's or one below it. The other hierarchies
// follow with LimitCgroup.
struct StartScope {
  SystemdInstance instance;
  std::string unit;
  std::vector<UnitProperty> properties;  // but for the processes
  CgroupRecord record;
};
// Parent, after the clone: one more process in a scope into which only systemd may move it.
struct AttachScope {
  SystemdInstance instance;
  std::string unit;
  CgroupRecord record;
};
// Parent: the other hierarchies, and the limits.
struct LimitCgroup {
  CgroupResources resources;
};
// Child: by its own write to the `tasks` files. The memory hierarchy waits for `Ready`.
struct JoinCgroup {};
struct UnshareCgroup {};
// Parent: ownership of a v2 cgroup for the container's user; or, with a name, of one below it that
// is made for the program, and joined at `Ready`, when the cgroup namespace is made.
struct DelegateCgroup {
  uid_t uid;
  std::string below{};
};
// Parent, when the child is in the cgroup below: it gets the controllers.
struct PassOnControllers {};

// Parent: Intel RDT, through the resctrl file system mounted at `from`.
struct JoinRdtGroup {
  std::string from;
  RdtGroup group;
};

// --- the tree ------------------------------------------------------------------------------------

// What mount_setattr(2) is asked for, and the propagation. Bits are MOUNT_ATTR_* and MS_*.
struct MountAttrs {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;
  std::uint64_t recursive_clear = 0;
  unsigned long propagation = 0;  // one of MS_SHARED..., with or without MS_REC; 0: as it is
  bool operator==(const MountAttrs&) const = default;
};

struct SetPropagation {
  std::string at;
  unsigned long flags;
};
// The container's root, attached over itself; from now on "the root" means this mount.
struct BindRoot {
  std::string from;
};
// Whose IDs an id-mapped mount shows: these maps, or those of the user namespace `from`.
struct MountIdMapping {
  IdMap uids;
  IdMap gids;
  std::string from{};
  bool recursive = false;
};
// The root is what is mounted at `from` already; where nothing is, `from` bound over itself.
struct TakeRoot {
  std::string from;
};
// A tmpfs on a directory of the host, which is the root from here on. If what follows fails it is
// taken away again (execute_in_place).
struct NewRoot {
  std::string at;  // of the host, absolute; a link on the way is refused
  unsigned long flags;
  std::string data;
};
// Another directory than the plan's: a descriptor of the caller.
struct EnterRoot {
  int fd;
  std::string shown;
};
struct EnterDirectory {
  int fd;
  std::string shown;
};
// A procfs of that pid namespace.
struct MountProcOf {
  std::string at;
  int pid_namespace;  // a descriptor of the caller
  unsigned long flags;
  std::string data{};
};
// Back to where TakeRoot found us: mounting leaves the working directory elsewhere.
struct ReturnToDirectory {};
// SELinux's mount options: "context" and its like, and the label.
struct MountLabel {
  std::string option;
  std::string label;
};
// A detached copy of a host path, kept under `slot` until AttachMount. Parent where only it may
// look (a new user namespace), child otherwise.
struct OpenSource {
  unsigned slot;
  std::string from;
  bool recursive = false;
  bool nofollow = false;
  MountAttrs attrs{};
  std::optional<MountIdMapping> id_map{};
  bool checked = false;  // it is what CheckPath has left
};
// A detached new file system, likewise: what a user namespace's root may not mount itself.
struct OpenFs {
  unsigned slot;
  std::string type;
  std::string source;
  unsigned long flags = 0;  // MS_* of the superblock
  std::string data{};
  MountAttrs attrs{};
  std::optional<MountIdMapping> id_map{};
  std::optional<MountLabel> label{};
  std::vector<FsParameter> parameters{};  // what `data` cannot say
};
// What becomes of a source that is a symbolic link: a mount, or a link of the same words.
enum class SourceLink : std::uint8_t { Mount, Copy };
struct AttachMount {
  unsigned slot;
  std::string at;
  bool nofollow = false;
  SourceLink link = SourceLink::Mount;
};
struct BindMount {
  std::string at;
  std::string from;
  bool recursive = false;
  MountAttrs attrs{};
  bool from_nofollow = false;
  bool at_nofollow = false;
  SourceLink link = SourceLink::Mount;
};
struct MountFs {
  std::string at;
  std::string type;
  std::string source;
  unsigned long flags = 0;  // MS_*
  std::string data;
  MountAttrs attrs{};           // what mount(2) cannot say: recursive bits, propagation
  bool copy_up = false;         // a tmpfs that starts with what it covers (tmpcopyup)
  bool keep_mode = false;       // its root gets the mode of the directory that it covers, if any
  bool keep_owner = false;      // likewise the owner
  bool real_directory = false;  // refuse a link on the way: /proc and /sys (CVE-2019-16884)
  std::optional<MountLabel> label{};
  std::string else_bind;  // not permitted: bind this host path instead (sysfs in a user namespace)
};
// The root is a new tmpfs, attached over `from`; likewise "the root" from now on.
struct TmpfsRoot {
  std::string from;
  uid_t uid;
  gid_t gid;
};
// The image in `slot` goes to /_fsroot_ro, and its top-level entries to the root's top: but not
// those which mounts cover, and as links into /_fsroot_rw those which are to be writable.
struct ShowImage {
  unsigned slot;
  std::vector<std::string> covered;
  std::vector<std::string> writable;
};
// The container's own view of the cgroups, as this host has them.
struct MountCgroups {
  std::string at;
  unsigned long flags = 0;
  MountAttrs attrs{};
  bool own_namespace = false;  // a cgroup namespace shows only its part; else it is bound
  bool v2_only = false;
};
// A detached mount that is a descriptor of the caller.
struct AttachFd {
  std::string at;
  int fd;
};
// What is mounted at `from`, as we see it; a link on the way is refused.
struct MoveMount {
  std::string at;
  std::string from;
};
struct Unmount {
  std::string at;  // "/": the root itself
  int flags = 0;   // of umount2(2)
};
// Attributes of a mount that exists (a deferred read-only, for one).
struct SetMountAttrs {
  std::string at;
  MountAttrs attrs{};
};
struct MakeDirectory {
  std::string at;
  mode_t mode = 0755;
};
struct MakeSymlink {
  std::string at;
  std::string target;
  bool replace = false;    // what has the name
  bool exclusive = false;  // else what has the name is an error, or stays
};
struct MakeDevice {
  std::string at;
  mode_t type;  // S_IFCHR, S_IFBLK, S_IFIFO
  unsigned major = 0;
  unsigned minor = 0;
  mode_t mode = 0666;
  uid_t uid = 0;
  gid_t gid = 0;
  bool by_bind = false;            // the host's own node, where mknod is not for us
  std::optional<unsigned> slot{};  // by_bind: rather this one, if OpenNodes found it
};
// Parent: nodes in the new file system `slot`, named by their number; the owners are the host's
// IDs. One that it may not make (mknod is EPERM) is left out.
struct MakeNodes {
  unsigned slot;
  std::vector<MakeDevice> nodes;
};
// Child: each of them as a detached mount, under the slots behind `slot`.
struct OpenNodes {
  unsigned slot;
  unsigned count;
};
struct MaskPath {
  std::string at;
};
struct MakeReadonly {
  std::string at;  // a missing path is skipped
};
struct WriteSysctl {
  std::string key;  // with slashes: net/ipv4/ip_forward
  std::string value;
};
struct PivotRoot {
  bool by_move = false;   // MS_MOVE and chroot, where pivot_root cannot (initramfs)
  std::string put_old{};  // where the old root stays, from the new one on; empty: it is detached
};
// chroot only: there is no mount namespace.
struct ChangeRoot {
  std::string from;  // empty: the root that BindRoot attached
};

// --- the process ---------------------------------------------------------------------------------

struct OpenTerminal {
  uid_t uid = 0;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  bool on_console = true;  // bind it on /dev/console too: init, not exec
  bool controls = true;    // it is the session's at once; else ControlTerminal makes it so
};
// The terminal on fd 0 becomes that of our session.
struct ControlTerminal {};
// Nobody reads in /proc/PID/environ what the runtime was called with.
struct WipeEnvironment {};
struct NewSession {};
// ExecuteOptions::stdio become 0 to 2.
struct TakeStdio {
  bool terminal = false;  // the first of them becomes the controlling terminal
};
// A pair of unix sockets, of SOCK_* `type`, made in the child's network namespace: one end goes to
// the parent with UserMade, the other to the program, in CONTAINER_LAUNCHER_UNIX_FD.
struct MakeSocketPair {
  int type;
};
// Child: sockets for the program, made in the namespaces it is in, on the descriptors from `first`
// on, which the caller keeps free for them. LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say so.
struct OpenSockets {
  unsigned first;
  std::vector<ListenSocket> sockets;
  std::string names;  // of all descriptors from 3 on
};
struct CloseFd {
  int fd;
};
// One byte, so that whoever reads there knows that the program is about to start.
struct NotifyFd {
  int fd;
};
// fds 0 to 2 to the container's user; terminals and /dev/null stay as they are.
struct ChownStdio {
  uid_t uid;
  gid_t gid;
};
struct SetScheduler {
  sys::SchedAttr attr;
};
struct SetIoPriority {
  int value;  // sys::io_priority()
};
struct SetAffinity {
  std::vector<unsigned> cpus;
};
struct SetPersonality {
  unsigned long persona;
};
struct SetMemoryPolicy {
  int mode;  // MPOL_*, with MPOL_F_*
  std::vector<unsigned> nodes;
};
// Child, while the host's /proc is in sight: what a security module makes of the next execve.
enum class Lsm : std::uint8_t { AppArmor, Selinux };
struct SetExecLabel {
  Lsm lsm;
  std::string label;
};
struct JoinSessionKeyring {
  std::string name;
};
struct SetOomScoreAdj {
  int value;
};
struct RaiseRlimits {  // parent, until it has cloned: hard limits that the child could not raise
  std::vector<RlimitSetting> limits;
};
struct LimitChild {  // parent: limits in the tools' form, which may leave a side as it is
  std::vector<RlimitRequest> limits;
};
struct SetRlimits {
  std::vector<RlimitSetting> limits;
};
struct DropBounding {
  CapSet keep;
};
// An ID of -1 stays as it is.
struct SetUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool set_groups = true;  // false: setgroups is denied here, or the caller's groups are to stay
  std::optional<mode_t> umask = 022;  // none: as it is
  bool set_ids = true;
  bool keep_caps = true;         // the permitted set survives the change away from root
  bool raise_permitted = false;  // and is effective after it
};
// Inheritable := the set; absent: what is inheritable or permitted. All permitted is effective.
struct SetInheritable {
  std::optional<CapSet> set;
};
// Absent: all that is inheritable.
struct RaiseAmbient {
  std::optional<CapSet> set;
};
struct SetSecurebits {
  unsigned bits;
};
// Permitted and effective lose what is not inheritable, so that a program of another user namespace
// does not start with all of them.
struct DropUninheritable {};
struct SetUndumpable {};
struct SetTimerSlack {
  std::uint64_t nanoseconds;
};
struct SetHugePages {
  bool disable;
};
// Parent: the child's pid, without a newline.
struct WritePidFile {
  std::string path;
};
// Parent: a file without content, a cgroup without processes.
struct RequireEmpty {
  std::string path;
};
// Parent: a program of the host that configures the held child; see hooks/script.h.
struct RunScript {
  std::string text;
  bool shell = false;
  std::string interpreter = "/bin/sh";
};
// The program's descriptor holds what others have written to it, and nobody writes any more.
struct SealProgram {};
// The working directory, checked to be inside the root (CVE-2024-21626).
struct ChangeDirectory {
  std::string at;
};
// HOME from the container's passwd, for a program that was given none.
struct SetHome {
  uid_t uid;
};
// Looks argv[0] up as execvp would, so that create can say what is missing.
struct FindProgram {};
struct SetNoNewPrivileges {};
struct CompileSeccomp {  // parent
  SeccompProfile profile;
};
struct LoadSeccomp {  // parent: a filter that somebody else compiled
  std::vector<sock_filter> program;
};
// Parent: to the agent that answers notifications. The child sends it the listener and who it is.
struct ConnectSeccompAgent {
  std::string from;
};
// Child, before others see it: the filter, if what is left to do passes it, and capabilities of
// which none is kept to load it with; then InstallSeccomp and SetCapabilities do nothing. Else the
// capabilities that it takes later.
struct ConfineEarly {
  unsigned flags;
  CapSets sets;
  CapSets otherwise;
};
struct InstallSeccomp {
  unsigned flags = 0;  // SECCOMP_FILTER_FLAG_*
};
struct SetCapabilities {
  CapSets sets;
};
// Waits for `start`.
struct WaitForStart {
  bool by_pipe = false;  // the gate is a pipe: a byte starts the program, its end ends us
};
struct Execute {};

// --- hooks ---------------------------------------------------------------------------------------

enum class HookStage : std::uint8_t {
  Prestart,
  CreateRuntime,
  CreateContainer,
  StartContainer,
  Poststart,
  Poststop,
};

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::optional<std::vector<std::string>> env;  // absent: the caller's own
  std::optional<int> timeout_s;
  bool operator==(const Hook&) const = default;
};

struct RunHooks {
  HookStage stage;
  std::vector<Hook> hooks;
};

using OneOp = std::variant<
    Meet, EnterPidNamespace, OpenPidNamespace, Clone, MapIds, JoinNamespace, JoinProcess, Unshare,
    CloneAgain, SetTimeOffsets, BringUpLoopback, MoveNetDevices, SetHostname, SetDomainname,
    BecomeRoot, MakeCgroup, OpenCgroup, StartScope, AttachScope, LimitCgroup, JoinRdtGroup,
    JoinCgroup, UnshareCgroup, DelegateCgroup, PassOnControllers, SetPropagation, BindRoot,
    TmpfsRoot, ShowImage, OpenSource, OpenFs, AttachMount, AttachFd, MoveMount, Unmount, BindMount,
    MountFs, MountCgroups, SetMountAttrs, MakeDirectory, MakeSymlink, MakeDevice, MaskPath,
    MakeReadonly, MakeNodes, OpenNodes, WriteSysctl, PivotRoot, ChangeRoot, OpenTerminal,
    ControlTerminal, WipeEnvironment, NewSession, ChownStdio, SetScheduler, SetIoPriority,
    SetAffinity, SetPersonality, SetMemoryPolicy, SetExecLabel, JoinSessionKeyring, SetOomScoreAdj,
    RaiseRlimits, SetRlimits, DropBounding, SetUser, ChangeDirectory, SetHome, FindProgram,
    SetNoNewPrivileges, CompileSeccomp, LoadSeccomp, ConnectSeccompAgent, ConfineEarly,
    InstallSeccomp, SetCapabilities, WaitForStart, Execute, RunHooks, Join, Fork, TakeRoot, NewRoot,
    EnterRoot, EnterDirectory, MountProcOf, ReturnToDirectory, TakeStdio, MakeSocketPair, CloseFd,
    NotifyFd, LimitChild, SetInheritable, RaiseAmbient, SetSecurebits, DropUninheritable,
    SetUndumpable, SetTimerSlack, SetHugePages, WritePidFile, RequireEmpty, RunScript, SealProgram,
    OpenSockets, BecomeOwner, CheckPath, SkipIfMounted, MakeParentsHere, MakeHere, LinkHere,
    WriteHere, MountHere, UnmountHere, RollBackMount, EnterHere, RunShell, SyncDisks, Refuse>;

// The class below is none: to ask whether it is would lead clang back to its constructor.
template <typename T>
concept OneOfOps =
    !std::is_same_v<T, class Op> && std::is_constructible_v<OneOp, std::in_place_type_t<T>, T>;

// One operation. A class around the variant, so that what so many alternatives take to be copied,
// moved and destroyed is compiled once, in plan.cc, and not wherever a plan is written or read.
class Op {
 public:
  template <OneOfOps T>
  Op(T op) : one_(std::in_place_type<T>, std::move(op)) {}
  Op(const Op& other);
  Op(Op&& other) noexcept;
  Op& operator=(const Op& other);
  Op& operator=(Op&& other) noexcept;
  ~Op();

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(one_);
  }
  // Null if it is another operation.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&one_);
  }
  template <typename Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), one_);
  }

 private:
  OneOp one_;
};

// "mount_fs": the operation's name in plans.
std::string_view op_name(const Op& op);
// One line: bind "/data" on "/srv", ro nosuid, recursive.
std::string describe(const Op& op);
// The beginning of it, for errors: where it would list all that is set, they name what was refused.
std::string brief(const Op& op);

}  // namespace ctr
