// SPDX-License-Identifier: Apache-2.0
// Operations in words: one line each. Error messages use the same words.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/plan/plan.h"
#include "ctrtool/core/sys/compat.h"

namespace ctr {
namespace {

struct NamespaceName {
  std::uint64_t flag;
  const char* name;
};
constexpr NamespaceName kNamespaceNames[] = {
    {CLONE_NEWUSER, "user"}, {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWIPC, "ipc"},
    {CLONE_NEWNS, "mount"},  {CLONE_NEWNET, "network"},   {CLONE_NEWPID, "pid"},
    {CLONE_NEWTIME, "time"}, {CLONE_NEWUTS, "uts"},
};

std::string namespaces(std::uint64_t flags) {
  std::string out;
  for (const NamespaceName& entry : kNamespaceNames)
    if ((flags & entry.flag) != 0) out += std::string(out.empty() ? "" : " ") + entry.name;
  return out.empty() ? "none" : out;
}

struct AttrName {
  std::uint64_t attr;
  const char* set;
  const char* clear;
};
constexpr AttrName kAttrNames[] = {
    {MOUNT_ATTR_RDONLY, "ro", "rw"},
    {MOUNT_ATTR_NOSUID, "nosuid", "suid"},
    {MOUNT_ATTR_NODEV, "nodev", "dev"},
    {MOUNT_ATTR_NOEXEC, "noexec", "exec"},
    {MOUNT_ATTR_NODIRATIME, "nodiratime", "diratime"},
    {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow", "symfollow"},
};

// One attribute change as mount options, each with `prefix` ("r" for recursive ones).
std::string attr_words(std::uint64_t set, std::uint64_t clear, const char* prefix) {
  std::string out;
  for (const AttrName& entry : kAttrNames) {
    if ((set & entry.attr) != 0) out += strf(" %s%s", prefix, entry.set);
    if ((clear & entry.attr) != 0) out += strf(" %s%s", prefix, entry.clear);
  }
  if ((clear & MOUNT_ATTR__ATIME) != 0) {
    const std::uint64_t atime = set & MOUNT_ATTR__ATIME;
    out += strf(" %s%s", prefix,
                atime == MOUNT_ATTR_NOATIME       ? "noatime"
                : atime == MOUNT_ATTR_STRICTATIME ? "strictatime"
                                                  : "relatime");
  }
  return out;
}

std::string words_of(unsigned long flags, unsigned long propagation) {
  MountOptions options;
  options.flags = flags;
  options.propagation = propagation;
  std::string out;
  for (const std::string& word : mount_option_words(options)) out += " " + word;
  return out;
}

// "" or ", ro nosuid rslave".
std::string attrs(const MountAttrs& attrs, unsigned long flags = 0) {
  std::string out = words_of(flags, attrs.propagation) + attr_words(attrs.set, attrs.clear, "") +
                    attr_words(attrs.recursive_set, attrs.recursive_clear, "r");
  return out.empty() ? out : "," + out;
}

std::string id_ranges(const IdMap& map) { return map.empty() ? "unmapped" : map.words(); }

std::string id_mapping(const std::optional<MountIdMapping>& map) {
  if (!map.has_value()) return {};
  const std::string recursive = map->recursive ? ", recursively" : "";
  if (!map->from.empty()) return ", ids as in " + quote(map->from) + recursive;
  return strf(", uids %s, gids %s%s", id_ranges(map->uids).c_str(), id_ranges(map->gids).c_str(),
              recursive.c_str());
}

std::string mount_label(const std::optional<MountLabel>& label) {
  return label.has_value() ? ", " + label->option + " " + quote(label->label) : "";
}

std::string numbers(const std::vector<unsigned>& list) {
  std::string out;
  for (const unsigned number : list) out += strf("%s%u", out.empty() ? "" : ",", number);
  return out.empty() ? "none" : out;
}

std::string limits(const std::vector<RlimitSetting>& list) {
  std::string out;
  for (const RlimitSetting& limit : list)
    out += (out.empty() ? "" : ", ") + rlimit_name(limit.resource) + "=" +
           show_rlimit(limit.soft, limit.hard);
  return out;
}

const char* device_letter(mode_t type) {
  return type == S_IFBLK ? "b" : type == S_IFIFO ? "p" : "c";
}

struct Named {
  std::string_view name;
  std::string text;
  std::string lists{};  // goes on with all that it sets
};

Named show(const Meet& op) {
  return {"meet", strf("meet #%d: %s", static_cast<int>(op.point),
                       std::string(to_string(op.point)).c_str())};
}
Named show(const EnterPidNamespace& op) {
  return {"enter_pid_namespace",
          "children in pid namespace " + (op.from.empty() ? "of the container" : quote(op.from))};
}
Named show(const OpenPidNamespace& op) {
  return {"open_pid_namespace", "open pid namespace " + quote(op.from) + ", not seen there yet"};
}
Named show(const Clone& op) {
  std::string text = "clone with new namespaces: " + namespaces(op.namespaces);
  if (op.owner.has_value()) text += strf(", owned by uid %u", *op.owner);
  for (std::size_t i = 0; i < op.pids.size(); ++i)
    text += strf("%s%d", i == 0 ? ", as pid " : ",", op.pids[i]);
  return {"clone", text};
}
Named show(const MapIds& op) {
  const std::string projects = op.projects.empty() ? "" : ", projects " + op.projects.words();
  return {"map_ids",
          strf("map uids %s, gids %s%s%s%s", id_ranges(op.uids).c_str(), id_ranges(op.gids).c_str(),
               projects.c_str(), op.deny_setgroups ? ", setgroups denied" : "",
               op.use_helpers ? ", by newuidmap and newgidmap" : "")};
}
Named show(const JoinNamespace& op) {
  return {"join_namespace", "join " + namespaces(static_cast<std::uint64_t>(op.type)) +
                                " namespace " + quote(op.from)};
}
Named show(const JoinProcess& op) {
  return {"join_process",
          "join the container's namespaces: " + namespaces(static_cast<std::uint64_t>(op.types))};
}
Named show(const Join& op) { return {"join", "join " + quote(op.request.text)}; }
Named show(const Fork& op) {
  return {"fork", op.wait ? "fork; the parent waits" : "fork; the parent ends"};
}
Named show(const Unshare& op) {
  return {"unshare", "unshare: " + namespaces(static_cast<std::uint64_t>(op.types))};
}
Named show(const CloneAgain& op) {
  return {"clone_again", op.lends_memory ? "go on as a child of its own, in the same memory"
                                         : "go on as a child of its own"};
}
Named show(const SetTimeOffsets& op) {
  return {"set_time_offsets", "time offsets " + quote(trim(op.text))};
}
Named show(const BringUpLoopback&) { return {"bring_up_loopback", "bring up lo"}; }
Named show(const MoveNetDevices& op) {
  std::string list;
  for (const NetDeviceMove& device : op.devices)
    list += (list.empty() ? ": " : ", ") + quote(device.from) + " as " + quote(device.name);
  return {"move_net_devices", "hand over network devices", list};
}
Named show(const SetHostname& op) { return {"set_hostname", "hostname " + quote(op.name)}; }
Named show(const SetDomainname& op) { return {"set_domainname", "domainname " + quote(op.name)}; }
Named show(const BecomeRoot& op) {
  return {"become_root",
          strf("become uid %u, gid %u%s", op.uid, op.gid, op.clear_groups ? ", no groups" : "")};
}
Named show(const MakeCgroup& op) { return {"make_cgroup", "make cgroup " + quote(op.record.path)}; }
Named show(const OpenCgroup& op) {
  std::string text = "open cgroup " + quote(op.record.path);
  for (const auto& [controller, below] : op.below)
    text += strf(", %s of it for %s", quote(below).c_str(), controller.c_str());
  return {"open_cgroup", text};
}
const char* manager(SystemdInstance instance) {
  return instance == SystemdInstance::User ? "the user's systemd" : "systemd";
}
Named show(const StartScope& op) {
  std::string text =
      strf("%s: %s %s for cgroup %s", manager(op.instance), is_slice(op.unit) ? "slice" : "scope",
           quote(op.unit).c_str(), quote(op.record.path).c_str());
  std::string properties;
  for (const UnitProperty& property : op.properties)
    properties += ", " + property.name + "=" + dbus_text(property.value);
  return {"start_scope", std::move(text), std::move(properties)};
}
Named show(const AttachScope& op) {
  return {"attach_scope", strf("%s: attach to %s", manager(op.instance), quote(op.unit).c_str())};
}
Named show(const LimitCgroup& op) {
  return {"limit_cgroup",
          has_limits(op.resources) ? "set the cgroup's limits" : "set the cgroup's defaults"};
}
Named show(const JoinRdtGroup& op) {
  std::string lines;
  for (const auto* list : {&op.group.compared, &op.group.written})
    for (const std::string& line : *list) lines += " " + quote(line);
  return {"join_rdt_group", strf("%s RDT group %s of %s%s%s", op.group.own ? "new" : "join",
                                 quote(op.group.name).c_str(), quote(op.from).c_str(),
                                 lines.c_str(), op.group.monitor.empty() ? "" : ", monitored")};
}
Named show(const JoinCgroup&) { return {"join_cgroup", "join the cgroup"}; }
Named show(const UnshareCgroup&) { return {"unshare_cgroup", "unshare: cgroup"}; }
Named show(const DelegateCgroup& op) {
  return {"delegate_cgroup",
          op.below.empty() ? strf("give the cgroup to uid %u", op.uid)
                           : strf("cgroup %s below, for uid %u", quote(op.below).c_str(), op.uid)};
}
Named show(const PassOnControllers&) {
  return {"pass_on_controllers", "pass the controllers on to the cgroup below"};
}
Named show(const SetPropagation& op) {
  return {"set_propagation", "propagation of " + quote(op.at) + ":" + words_of(0, op.flags)};
}
Named show(const BindRoot& op) { return {"bind_root", "root " + quote(op.from)}; }
Named show(const TakeRoot& op) { return {"take_root", "root " + quote(op.from) + ", as mounted"}; }
Named show(const NewRoot& op) {
  return {"new_root", strf("new tmpfs root on %s%s, data %s", quote(op.at).c_str(),
                           attrs({}, op.flags).c_str(), quote(op.data).c_str())};
}
Named show(const EnterRoot& op) { return {"enter_root", "root of " + quote(op.shown)}; }
Named show(const EnterDirectory& op) {
  return {"enter_directory", "directory of " + quote(op.shown)};
}
Named show(const MountProcOf& op) {
  return {"mount_proc_of", strf("mount proc of pid namespace fd %d on %s%s", op.pid_namespace,
                                quote(op.at).c_str(), attrs({}, op.flags).c_str())};
}
Named show(const ReturnToDirectory&) {
  return {"return_to_directory", "back to the working directory"};
}
Named show(const TmpfsRoot& op) {
  return {"tmpfs_root", strf("root on a new tmpfs, owner %u:%u, over %s", op.uid, op.gid,
                             quote(op.from).c_str())};
}
Named show(const ShowImage& op) {
  return {"show_image",
          strf("source %u at \"/_fsroot_ro\" and, but for %s, at the top%s%s", op.slot,
               join(op.covered, " ").c_str(),
               op.writable.empty() ? "" : "; writable: ", join(op.writable, " ").c_str())};
}
Named show(const OpenSource& op) {
  return {"open_source", strf("source %u: %s%s%s%s", op.slot, quote(op.from).c_str(),
                              op.recursive ? ", recursive" : "", attrs(op.attrs).c_str(),
                              id_mapping(op.id_map).c_str())};
}
// Read-only is said twice, of the file system and of its mount.
constexpr unsigned long kAlsoAttrs = MS_RDONLY;

Named show(const OpenFs& op) {
  return {"open_fs", strf("source %u: new %s of %s%s%s%s", op.slot, op.type.c_str(),
                          quote(op.source).c_str(), attrs(op.attrs, op.flags & ~kAlsoAttrs).c_str(),
                          op.data.empty() ? "" : (", data " + quote(op.data)).c_str(),
                          (id_mapping(op.id_map) + mount_label(op.label)).c_str())};
}
Named show(const AttachMount& op) {
  return {"attach_mount", strf("attach source %u on %s%s", op.slot, quote(op.at).c_str(),
                               op.link == SourceLink::Copy ? ", or copy a link" : "")};
}
Named show(const AttachFd& op) {
  return {"attach_fd", strf("attach descriptor %d on %s", op.fd, quote(op.at).c_str())};
}
Named show(const MoveMount& op) {
  return {"move_mount", strf("move %s to %s", quote(op.from).c_str(), quote(op.at).c_str())};
}
std::string unmount_words(int flags) {
  return strf("%s%s", (flags & MNT_DETACH) != 0 ? ", detached" : "",
              (flags & MNT_FORCE) != 0 ? ", by force" : "");
}
Named show(const Unmount& op) {
  return {"unmount", "unmount " + quote(op.at) + unmount_words(op.flags)};
}
Named show(const BindMount& op) {
  return {"bind_mount", strf("bind %s on %s%s%s%s", quote(op.from).c_str(), quote(op.at).c_str(),
                             op.recursive ? ", recursive" : "", attrs(op.attrs).c_str(),
                             op.link == SourceLink::Copy ? ", or copy a link" : "")};
}
Named show(const MountFs& op) {
  return {"mount_fs",
          strf("mount %s on %s%s%s%s%s%s", op.type.c_str(), quote(op.at).c_str(),
               attrs(op.attrs, op.flags).c_str(),
               op.data.empty() ? "" : (", data " + quote(op.data)).c_str(),
               op.keep_owner  ? ", mode and owner of what it covers"
               : op.keep_mode ? ", mode of what it covers"
                              : "",
               op.copy_up ? ", with what it covers" : "", mount_label(op.label).c_str())};
}
Named show(const MountCgroups& op) {
  return {"mount_cgroups",
          strf("cgroups on %s%s%s", quote(op.at).c_str(), attrs(op.attrs, op.flags).c_str(),
               op.own_namespace ? ", of the own namespace" : "")};
}
Named show(const SetMountAttrs& op) {
  return {"set_mount_attrs", "mount " + quote(op.at) + attrs(op.attrs)};
}
Named show(const MakeDirectory& op) {
  return {"make_directory", strf("directory %s, mode %04o", quote(op.at).c_str(), op.mode)};
}
Named show(const MakeSymlink& op) {
  return {"make_symlink", "link " + quote(op.at) + " to " + quote(op.target)};
}
std::string origin(const MakeDevice& op) {
  if (op.slot.has_value()) return strf(", bound from source %u", *op.slot);
  return op.by_bind ? ", bound from the host" : "";
}
Named show(const MakeDevice& op) {
  return {"make_device", strf("device %s %s %u:%u, mode %04o, owner %u:%u%s", quote(op.at).c_str(),
                              device_letter(op.type), op.major, op.minor, op.mode, op.uid, op.gid,
                              origin(op).c_str())};
}
Named show(const MakeNodes& op) {
  std::vector<std::string> nodes;
  for (const MakeDevice& node : op.nodes)
    nodes.push_back(strf("%s %u:%u mode %04o owner %u:%u", device_letter(node.type), node.major,
                         node.minor, node.mode, node.uid, node.gid));
  return {"make_nodes", strf("nodes in source %u: %s", op.slot, join(nodes, ", ").c_str())};
}
Named show(const OpenNodes& op) {
  return {"open_nodes", strf("sources %u to %u: the nodes in source %u", op.slot + 1,
                             op.slot + op.count, op.slot)};
}
Named show(const MaskPath& op) { return {"mask_path", "mask " + quote(op.at)}; }
Named show(const MakeReadonly& op) { return {"make_readonly", "read-only " + quote(op.at)}; }
Named show(const WriteSysctl& op) {
  return {"write_sysctl", "sysctl " + quote(op.key) + " = " + quote(op.value)};
}
Named show(const PivotRoot& op) {
  if (!op.put_old.empty())
    return {"pivot_root", "pivot_root, the old root to " + quote(op.put_old)};
  return {"pivot_root", op.by_move ? "move the root to / and chroot" : "pivot_root"};
}
Named show(const ChangeRoot& op) {
  return {"change_root", "chroot to " + (op.from.empty() ? "the root" : quote(op.from))};
}
Named show(const OpenTerminal& op) {
  return {"open_terminal", strf("terminal for uid %u, %ux%u%s", op.uid, op.columns, op.rows,
                                op.on_console ? ", also as /dev/console" : "")};
}
Named show(const ControlTerminal&) { return {"control_terminal", "the terminal is the session's"}; }
Named show(const WipeEnvironment&) { return {"wipe_environment", "wipe what we were called with"}; }
Named show(const NewSession&) { return {"new_session", "new session"}; }
Named show(const TakeStdio& op) {
  return {"take_stdio", op.terminal ? "fds 0 to 2 are a terminal" : "fds 0 to 2 are the caller's"};
}
Named show(const MakeSocketPair& op) {
  return {"make_socket_pair", strf("socket pair of type %d for script and program", op.type)};
}
Named show(const OpenSockets& op) {
  std::string list;
  unsigned number = op.first;
  for (const ListenSocket& socket : op.sockets)
    list += strf("%s %u %s: ", number == op.first ? "" : ";", number, quote(socket.name).c_str()) +
            describe(socket.request),
        ++number;
  return {"open_sockets", "open sockets", list};
}
Named show(const CloseFd& op) { return {"close_fd", strf("close fd %d", op.fd)}; }
Named show(const NotifyFd& op) { return {"notify_fd", strf("a byte to fd %d", op.fd)}; }
Named show(const ChownStdio& op) {
  return {"chown_stdio", strf("fds 0 to 2 to %u:%u", op.uid, op.gid)};
}
Named show(const SetScheduler& op) {
  std::string text = strf("scheduler policy %u, nice %d, priority %u", op.attr.policy, op.attr.nice,
                          op.attr.priority);
  if (op.attr.flags != 0) text += strf(", flags 0x%jx", std::uintmax_t{op.attr.flags});
  if (op.attr.runtime != 0)
    text += strf(", %ju ns within %ju of each %ju", std::uintmax_t{op.attr.runtime},
                 std::uintmax_t{op.attr.deadline}, std::uintmax_t{op.attr.period});
  return {"set_scheduler", std::move(text)};
}
Named show(const SetIoPriority& op) {
  constexpr int kClassShift = 13;
  return {"set_io_priority", strf("I/O priority class %d, %d", op.value >> kClassShift,
                                  op.value & ((1 << kClassShift) - 1))};
}
Named show(const SetAffinity& op) { return {"set_affinity", "CPUs " + numbers(op.cpus)}; }
Named show(const SetPersonality& op) {
  return {"set_personality", strf("personality 0x%lx", op.persona)};
}
Named show(const SetMemoryPolicy& op) {
  return {"set_memory_policy", strf("memory policy 0x%x, nodes %s", static_cast<unsigned>(op.mode),
                                    numbers(op.nodes).c_str())};
}
Named show(const SetExecLabel& op) {
  return {"set_exec_label",
          strf("%s %s at execve", op.lsm == Lsm::AppArmor ? "AppArmor profile" : "SELinux label",
               quote(op.label).c_str())};
}
Named show(const JoinSessionKeyring& op) {
  return {"join_session_keyring", "session keyring " + quote(op.name)};
}
Named show(const SetOomScoreAdj& op) {
  return {"set_oom_score_adj", strf("oom_score_adj %d", op.value)};
}
Named show(const RaiseRlimits& op) {
  return {"raise_rlimits", "raise limits " + limits(op.limits)};
}
Named show(const LimitChild& op) {
  std::string text;
  const auto side = [](const std::optional<std::uint64_t>& value) {
    return value.has_value() ? show_rlimit(*value, *value) : std::string("as it is");
  };
  for (const RlimitRequest& limit : op.limits)
    text +=
        strf("%s%s soft %s, hard %s", text.empty() ? "" : "; ", rlimit_name(limit.resource).c_str(),
             side(limit.soft).c_str(), side(limit.hard).c_str());
  return {"limit_child", "limits " + text};
}
Named show(const SetRlimits& op) { return {"set_rlimits", "limits " + limits(op.limits)}; }
Named show(const DropBounding& op) {
  return {"drop_bounding", "bounding capabilities", " " + cap_names(op.keep)};
}
Named show(const SetUser& op) {
  const std::string ids = op.set_ids ? strf("%u:%u", op.uid, op.gid) : "as it is";
  std::string more = ", groups " + (op.set_groups ? numbers(op.groups) : "as they are");
  if (op.umask.has_value()) more += strf(", umask %04o", *op.umask);
  if (!op.keep_caps) more += ", capabilities as the kernel has it";
  return {"set_user", "user " + ids, more};
}
Named show(const SetInheritable& op) {
  return {"set_inheritable", "inheritable capabilities",
          " " + (op.set.has_value() ? cap_names(*op.set) : "and permitted ones")};
}
Named show(const RaiseAmbient& op) {
  return {"raise_ambient", "ambient capabilities",
          " " + (op.set.has_value() ? cap_names(*op.set) : "as inheritable")};
}
Named show(const SetSecurebits& op) { return {"set_securebits", strf("securebits 0x%x", op.bits)}; }
Named show(const DropUninheritable&) {
  return {"drop_uninheritable", "keep only inheritable capabilities"};
}
Named show(const SetUndumpable&) { return {"set_undumpable", "not dumpable"}; }
Named show(const SetTimerSlack& op) {
  return {"set_timer_slack",
          strf("timer slack %llu ns", static_cast<unsigned long long>(op.nanoseconds))};
}
Named show(const SetHugePages& op) {
  return {"set_huge_pages", op.disable ? "no huge pages" : "huge pages"};
}
Named show(const WritePidFile& op) { return {"write_pid_file", "pid to " + quote(op.path)}; }
Named show(const RequireEmpty& op) { return {"require_empty", quote(op.path) + " must be empty"}; }
Named show(const RunScript& op) {
  return {"run_script",
          (op.shell ? "run by " + quote(op.interpreter) + ": " : "run ") + quote(op.text)};
}
Named show(const SealProgram&) { return {"seal_program", "seal the program's file"}; }
Named show(const ChangeDirectory& op) { return {"change_directory", "chdir to " + quote(op.at)}; }
Named show(const SetHome& op) { return {"set_home", strf("HOME of uid %u", op.uid)}; }
Named show(const FindProgram&) { return {"find_program", "find the program"}; }
Named show(const SetNoNewPrivileges&) { return {"set_no_new_privileges", "no new privileges"}; }
Named show(const CompileSeccomp& op) {
  return {"compile_seccomp", strf("compile the seccomp filter: %zu rules, else %s",
                                  op.profile.rules.size(), op.profile.default_action.c_str())};
}
Named show(const LoadSeccomp& op) {
  return {"load_seccomp",
          strf("take a compiled seccomp filter: %zu instructions", op.program.size())};
}
Named show(const ConnectSeccompAgent& op) {
  return {"connect_seccomp_agent", "connect to the seccomp agent at " + quote(op.from)};
}
Named show(const InstallSeccomp&) { return {"install_seccomp", "load the seccomp filter"}; }
std::string four_sets(const CapSets& sets) {
  return strf(": effective %s, permitted %s, inheritable %s, ambient %s",
              cap_names(sets.effective).c_str(), cap_names(sets.permitted).c_str(),
              cap_names(sets.inheritable).c_str(), cap_names(sets.ambient).c_str());
}
Named show(const SetCapabilities& op) {
  return {"set_capabilities", "capabilities", four_sets(op.sets)};
}
Named show(const ConfineEarly& op) {
  return {"confine_early",
          "load the seccomp filter already, if it lets us finish, and capabilities",
          four_sets(op.sets) + "; else capabilities" + four_sets(op.otherwise)};
}
Named show(const WaitForStart& op) {
  return {"wait_for_start", op.by_pipe ? "wait for a byte of the script" : "wait for the start"};
}
Named show(const Execute&) { return {"execute", "execute the program"}; }
Named show(const RunHooks& op) {
  return {"run_hooks",
          strf("%zu %s hook%s", op.hooks.size(), std::string(to_string(op.stage)).c_str(),
               op.hooks.size() == 1 ? "" : "s")};
}

Named show(const BecomeOwner& op) {
  return {"become_owner", strf("effective user %u, the owner of what comes", op.uid)};
}

std::string place(const PathHere& path) {
  return quote(path.path) + (path.beneath.has_value() ? " beneath " + quote(*path.beneath) : "");
}
std::string path_here(const PathHere& path) {
  return place(path) + (path.follow ? ", links are fine" : "");
}
Named show(const CheckPath& op) {
  const char* const what = op.role == PathRole::Source      ? "find the source "
                           : op.role == PathRole::Directory ? "find the directory of "
                                                            : "find ";
  return {"check_path", what + path_here(op.path)};
}
Named show(const SkipIfMounted& op) {
  return {"skip_if_mounted", "no more if something is mounted on " + path_here(op.at)};
}
Named show(const MakeParentsHere& op) {
  return {"make_parents_here", "directories on the way to " + path_here(op.at)};
}
Named show(const MakeHere& op) {
  const mode_t mode = op.exact_mode.value_or(op.mode);
  return {"make_here",
          strf("make %s %s, mode %04o%s%s", op.type == S_IFDIR ? "directory" : "node",
               quote(op.at).c_str(), mode, op.exact_mode.has_value() ? "" : " less the umask",
               op.may_exist ? ", if it is missing" : "")};
}
Named show(const LinkHere& op) {
  return {"link_here", "link " + quote(op.at) + " to " + quote(op.target)};
}
Named show(const WriteHere& op) {
  return {"write_here",
          strf("%s %zu bytes to %s, mode %04o%s", op.append ? "append" : "write", op.text.size(),
               quote(op.at).c_str(), op.mode, op.exclusive ? ", which must be new" : "")};
}
// What mount(2) has beyond the options of a mount.
std::string mount_call_words(unsigned long flags) {
  constexpr unsigned long kPropagation = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;
  const unsigned long propagation = flags & kPropagation;
  std::string out = words_of(flags & ~kPropagation, propagation);
  if ((flags & MS_MOVE) != 0) out += " move";
  return out;
}
Named show(const MountHere& op) {
  std::string text = "mount " + place(op.source) + " on " + place(op.at);
  if (!op.type.empty()) text += ", type " + op.type;
  if (op.flags != 0) text += strf(", flags %#lx:%s", op.flags, mount_call_words(op.flags).c_str());
  if (!op.data.empty()) text += ", data " + quote(op.data);
  return {"mount_here", text};
}
Named show(const UnmountHere& op) {
  return {"unmount_here", "unmount " + place(op.at) + unmount_words(op.flags)};
}
Named show(const RollBackMount& op) {
  return {"roll_back_mount", "a failure detaches what is on " + path_here(op.at)};
}
Named show(const EnterHere& op) { return {"enter_here", "enter " + quote(op.at)}; }
Named show(const RunShell& op) { return {"run_shell", "/bin/sh -c " + quote(op.command)}; }
Named show(const SyncDisks&) { return {"sync_disks", "sync"}; }
Named show(const Refuse& op) { return {"refuse", "fail: " + op.why}; }

}  // namespace

std::string_view op_name(const Op& op) {
  return op.visit([](const auto& one) { return show(one).name; });
}

std::string describe(const Op& op) {
  return op.visit([](const auto& one) {
    const Named named = show(one);
    return named.text + named.lists;
  });
}

std::string brief(const Op& op) {
  return op.visit([](const auto& one) { return show(one).text; });
}

}  // namespace ctr
