// SPDX-License-Identifier: Apache-2.0
// config.json of the OCI runtime specification 1.3.0, for Linux, as plain values that copy and
// compare. Members are spelled as in the document, so a JSON pointer and a C++ expression read
// alike: /linux/resources/memory/limit is spec.linux_.resources->memory->limit.
//
// A std::optional says that absent differs from zero. Everywhere else an absent property and an
// empty string, an empty list, false or 0 mean the same. What the parser (parse.h) has accepted
// keeps the promises noted here; names that another layer translates (capabilities, rlimits, system
// calls, mount options, seccomp words) are still the document's strings.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

using StringMap = std::map<std::string, std::string>;

struct Root {
  std::string path;  // not empty; absolute, or relative to the bundle
  bool readonly = false;

  bool operator==(const Root&) const = default;
};

// One range of IDs: size is not 0, neither side wraps, and no two ranges of a list overlap.
struct IdMapping {
  std::uint32_t containerID = 0;
  std::uint32_t hostID = 0;
  std::uint32_t size = 0;

  bool operator==(const IdMapping&) const = default;
};

struct Mount {
  std::string destination;  // not empty; a relative one (deprecated) counts from "/"
  std::string type;
  std::string source;
  std::vector<std::string> options;
  std::vector<IdMapping> uidMappings;  // both lists or none
  std::vector<IdMapping> gidMappings;

  bool operator==(const Mount&) const = default;
};

// --- process -------------------------------------------------------------------------------------

struct ConsoleSize {
  std::uint16_t height = 0;
  std::uint16_t width = 0;

  bool operator==(const ConsoleSize&) const = default;
};

struct User {
  std::uint32_t uid = 0;  // never 2^32-1, nor any group
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;  // at most 0777
  std::optional<std::vector<std::uint32_t>> additionalGids;

  bool operator==(const User&) const = default;
};

struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;  // all of them permitted
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;  // may exceed what can be granted: permitted and inheritable

  bool operator==(const Capabilities&) const = default;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"; no type comes twice
  std::uint64_t hard = 0;
  std::uint64_t soft = 0;  // at most hard

  bool operator==(const Rlimit&) const = default;
};

enum class SchedulerPolicy : std::uint8_t { Other, Fifo, Rr, Batch, Iso, Idle, Deadline };
enum class SchedulerFlag : std::uint8_t {
  ResetOnFork,
  Reclaim,
  DlOverrun,
  KeepPolicy,
  KeepParams,
  UtilClampMin,
  UtilClampMax,
};

struct Scheduler {
  SchedulerPolicy policy = SchedulerPolicy::Other;
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<SchedulerFlag> flags;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;

  bool operator==(const Scheduler&) const = default;
};

enum class IoPriorityClass : std::uint8_t { Rt, Be, Idle };

struct IoPriority {
  IoPriorityClass class_ = IoPriorityClass::Be;  // "class" is a keyword
  std::int32_t priority = 0;                     // 0 to 7

  bool operator==(const IoPriority&) const = default;
};

// CPU lists as in "0-3,7"; empty when not given.
struct CpuAffinity {
  std::string initial;
  std::string final;

  bool operator==(const CpuAffinity&) const = default;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> consoleSize;  // to be ignored unless terminal
  User user;
  std::vector<std::string> args;  // at least one, the first one not empty
  std::vector<std::string> env;   // "NAME=value", each of them
  std::string cwd;                // absolute
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool noNewPrivileges = false;
  std::string apparmorProfile;
  std::optional<std::int32_t> oomScoreAdj;  // -1000 to 1000
  std::optional<Scheduler> scheduler;
  std::string selinuxLabel;
  std::optional<IoPriority> ioPriority;
  std::optional<CpuAffinity> execCPUAffinity;

  bool operator==(const Process&) const = default;
};

// --- hooks ---------------------------------------------------------------------------------------

struct Hook {
  std::string path;  // absolute
  std::vector<std::string> args;
  std::optional<std::vector<std::string>> env;
  std::optional<std::int32_t> timeout;  // seconds, above 0

  bool operator==(const Hook&) const = default;
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> createRuntime;
  std::vector<Hook> createContainer;
  std::vector<Hook> startContainer;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;

  bool operator==(const Hooks&) const = default;
};

// --- linux: namespaces, devices and the rest -----------------------------------------------------

enum class NamespaceType : std::uint8_t { Pid, Network, Mount, Ipc, Uts, User, Cgroup, Time };

struct Namespace {
  NamespaceType type = NamespaceType::Pid;  // no type comes twice
  std::string path;                         // to join, absolute; empty: a new one

  bool operator==(const Namespace&) const = default;
};

struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;  // below 10^9

  bool operator==(const TimeOffset&) const = default;
};

struct TimeOffsets {
  std::optional<TimeOffset> monotonic;
  std::optional<TimeOffset> boottime;

  bool operator==(const TimeOffsets&) const = default;
};

enum class DeviceType : std::uint8_t {
  Char,
  Block,
  Unbuffered,
  Fifo
};  // c b u p; u is a c to mknod

struct Device {
  std::string path;  // absolute, no path comes twice
  DeviceType type = DeviceType::Char;
  std::uint32_t major = 0;                // at most 4095; 0 for a Fifo
  std::uint32_t minor = 0;                // at most 1048575; 0 for a Fifo
  std::optional<std::uint32_t> fileMode;  // permission bits only: file type bits are dropped
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;

  bool operator==(const Device&) const = default;
};

struct NetDevice {
  std::string name;  // in the container; empty: as on the host

  bool operator==(const NetDevice&) const = default;
};

// The words with and without "r"; the peers accept both.
enum class RootfsPropagation : std::uint8_t {
  Private,
  Shared,
  Slave,
  Unbindable,
  Rprivate,
  Rshared,
  Rslave,
  Runbindable,
};

struct IntelRdt {
  std::string closID;
  std::vector<std::string> schemata;
  std::string l3CacheSchema;
  std::string memBwSchema;
  bool enableMonitoring = false;

  bool operator==(const IntelRdt&) const = default;
};

enum class MemoryPolicyMode : std::uint8_t {
  Default,
  Bind,
  Interleave,
  WeightedInterleave,
  Preferred,
  PreferredMany,
  Local,
};
enum class MemoryPolicyFlag : std::uint8_t { NumaBalancing, RelativeNodes, StaticNodes };

struct MemoryPolicy {
  MemoryPolicyMode mode = MemoryPolicyMode::Default;
  std::string nodes;  // as in "0-3,7"
  std::vector<MemoryPolicyFlag> flags;

  bool operator==(const MemoryPolicy&) const = default;
};

// Flags are not defined by the specification yet: any is an error.
enum class PersonalityDomain : std::uint8_t { Linux, Linux32 };

struct Personality {
  PersonalityDomain domain = PersonalityDomain::Linux;

  bool operator==(const Personality&) const = default;
};

// --- linux.resources -----------------------------------------------------------------------------

enum class DeviceRuleType : std::uint8_t { All, Char, Block };

struct DeviceRule {
  bool allow = false;
  DeviceRuleType type = DeviceRuleType::All;
  std::optional<std::uint32_t> major;  // absent, or -1 in the document: any
  std::optional<std::uint32_t> minor;
  std::string access;  // of r, w, m; may be empty

  bool operator==(const DeviceRule&) const = default;
};

// Bytes; -1 is unlimited, nothing else is negative.
struct Memory {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> reservation;
  std::optional<std::int64_t> swap;
  std::optional<std::int64_t> kernel;
  std::optional<std::int64_t> kernelTCP;
  std::optional<std::uint64_t> swappiness;  // at most 100
  std::optional<bool> disableOOMKiller;
  std::optional<bool> useHierarchy;
  std::optional<bool> checkBeforeUpdate;

  bool operator==(const Memory&) const = default;
};

struct Cpu {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;
  std::optional<std::uint64_t> burst;
  std::optional<std::uint64_t> period;
  std::optional<std::int64_t> realtimeRuntime;
  std::optional<std::uint64_t> realtimePeriod;
  std::string cpus;
  std::string mems;
  std::optional<std::int64_t> idle;

  bool operator==(const Cpu&) const = default;
};

struct Pids {
  std::optional<std::int64_t> limit;  // -1 is no limit, 0 is a limit

  bool operator==(const Pids&) const = default;
};

// At least one of the weights is given.
struct WeightDevice {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leafWeight;

  bool operator==(const WeightDevice&) const = default;
};

struct ThrottleDevice {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t rate = 0;

  bool operator==(const ThrottleDevice&) const = default;
};

struct BlockIo {
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leafWeight;
  std::vector<WeightDevice> weightDevice;
  std::vector<ThrottleDevice> throttleReadBpsDevice;
  std::vector<ThrottleDevice> throttleWriteBpsDevice;
  std::vector<ThrottleDevice> throttleReadIOPSDevice;
  std::vector<ThrottleDevice> throttleWriteIOPSDevice;

  bool operator==(const BlockIo&) const = default;
};

struct HugepageLimit {
  std::string pageSize;  // "2MB": number, K M or G, B
  std::uint64_t limit = 0;

  bool operator==(const HugepageLimit&) const = default;
};

struct InterfacePriority {
  std::string name;
  std::uint32_t priority = 0;

  bool operator==(const InterfacePriority&) const = default;
};

struct Network {
  std::optional<std::uint32_t> classID;
  std::vector<InterfacePriority> priorities;

  bool operator==(const Network&) const = default;
};

// At least one is given.
struct Rdma {
  std::optional<std::uint32_t> hcaHandles;
  std::optional<std::uint32_t> hcaObjects;

  bool operator==(const Rdma&) const = default;
};

struct Resources {
  std::vector<DeviceRule> devices;
  std::optional<Memory> memory;
  std::optional<Cpu> cpu;
  std::optional<Pids> pids;
  std::optional<BlockIo> blockIO;
  std::vector<HugepageLimit> hugepageLimits;
  std::optional<Network> network;
  std::map<std::string, Rdma> rdma;  // by device
  StringMap unified;                 // by file of the v2 hierarchy: one path component each

  bool operator==(const Resources&) const = default;
};

// --- linux.seccomp: words are checked by the seccomp compiler ------------------------------------

struct SyscallArg {
  std::uint32_t index = 0;  // at most 5
  std::uint64_t value = 0;
  std::uint64_t valueTwo = 0;
  std::string op;

  bool operator==(const SyscallArg&) const = default;
};

struct SyscallRule {
  std::vector<std::string> names;  // at least one
  std::string action;
  std::optional<std::uint32_t> errnoRet;
  std::vector<SyscallArg> args;

  bool operator==(const SyscallRule&) const = default;
};

struct Seccomp {
  std::string defaultAction;
  std::optional<std::uint32_t> defaultErrnoRet;
  std::vector<std::string> architectures;
  std::optional<std::vector<std::string>> flags;
  std::string listenerPath;
  std::string listenerMetadata;
  std::vector<SyscallRule> syscalls;

  bool operator==(const Seccomp&) const = default;
};

// --- the whole -----------------------------------------------------------------------------------

struct Linux {
  std::vector<IdMapping> uidMappings;  // only with a user namespace
  std::vector<IdMapping> gidMappings;
  StringMap sysctl;  // values without control characters
  std::optional<Resources> resources;
  std::string cgroupsPath;
  std::vector<Namespace> namespaces;
  std::vector<Device> devices;
  std::map<std::string, NetDevice> netDevices;  // by name on the host
  std::optional<Seccomp> seccomp;
  std::optional<RootfsPropagation> rootfsPropagation;
  std::vector<std::string> maskedPaths;    // absolute
  std::vector<std::string> readonlyPaths;  // absolute
  std::string mountLabel;
  std::optional<IntelRdt> intelRdt;
  std::optional<MemoryPolicy> memoryPolicy;
  std::optional<Personality> personality;
  TimeOffsets timeOffsets;

  bool operator==(const Linux&) const = default;
};

struct Spec {
  std::string ociVersion;  // semantic version, major 1
  std::optional<Process> process;
  Root root;
  std::string hostname;    // at most 64 bytes, only with a uts namespace
  std::string domainname;  // likewise
  std::vector<Mount> mounts;
  Hooks hooks;
  StringMap annotations;
  Linux linux_;  // "linux" is a macro of the GNU dialect

  bool operator==(const Spec&) const = default;
};

// The entry of that type, or nullptr.
const Namespace* find_namespace(const Linux& config, NamespaceType type);

// The document's word: "network", "c", "SCHED_FIFO", ...
std::string_view to_string(NamespaceType value);
std::string_view to_string(DeviceType value);
std::string_view to_string(DeviceRuleType value);
std::string_view to_string(RootfsPropagation value);
std::string_view to_string(SchedulerPolicy value);
std::string_view to_string(SchedulerFlag value);
std::string_view to_string(IoPriorityClass value);
std::string_view to_string(MemoryPolicyMode value);
std::string_view to_string(MemoryPolicyFlag value);
std::string_view to_string(PersonalityDomain value);

}  // namespace oci
