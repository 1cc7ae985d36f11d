// SPDX-License-Identifier: Apache-2.0
// Whole documents in the manner of the programs that write them, read without a word of complaint.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/spec/defaults.h"
#include "runtime/spec/parse.h"

namespace oci {
namespace {

// As `runc spec` lays it out: tabs, one member per line.
constexpr const char* kSpecCommand = R"({
	"ociVersion": "1.2.1",
	"process": {
		"terminal": true,
		"user": {
			"uid": 0,
			"gid": 0
		},
		"args": [
			"sh"
		],
		"env": [
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"TERM=xterm"
		],
		"cwd": "/",
		"capabilities": {
			"bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
			"effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
			"permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
		},
		"rlimits": [
			{
				"type": "RLIMIT_NOFILE",
				"hard": 1024,
				"soft": 1024
			}
		],
		"noNewPrivileges": true
	},
	"root": {
		"path": "rootfs",
		"readonly": true
	},
	"hostname": "runc",
	"mounts": [
		{
			"destination": "/proc",
			"type": "proc",
			"source": "proc"
		},
		{
			"destination": "/dev",
			"type": "tmpfs",
			"source": "tmpfs",
			"options": ["nosuid", "strictatime", "mode=755", "size=65536k"]
		},
		{
			"destination": "/dev/pts",
			"type": "devpts",
			"source": "devpts",
			"options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
		},
		{
			"destination": "/dev/shm",
			"type": "tmpfs",
			"source": "shm",
			"options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
		},
		{
			"destination": "/dev/mqueue",
			"type": "mqueue",
			"source": "mqueue",
			"options": ["nosuid", "noexec", "nodev"]
		},
		{
			"destination": "/sys",
			"type": "sysfs",
			"source": "sysfs",
			"options": ["nosuid", "noexec", "nodev", "ro"]
		},
		{
			"destination": "/sys/fs/cgroup",
			"type": "cgroup",
			"source": "cgroup",
			"options": ["nosuid", "noexec", "nodev", "relatime", "ro"]
		}
	],
	"linux": {
		"resources": {
			"devices": [
				{
					"allow": false,
					"access": "rwm"
				}
			]
		},
		"namespaces": [
			{"type": "pid"},
			{"type": "ipc"},
			{"type": "uts"},
			{"type": "mount"},
			{"type": "cgroup"},
			{"type": "network"}
		],
		"maskedPaths": [
			"/proc/acpi",
			"/proc/asound",
			"/proc/kcore",
			"/proc/keys",
			"/proc/latency_stats",
			"/proc/timer_list",
			"/proc/timer_stats",
			"/proc/sched_debug",
			"/sys/firmware",
			"/proc/scsi"
		],
		"readonlyPaths": [
			"/proc/bus",
			"/proc/fs",
			"/proc/irq",
			"/proc/sys",
			"/proc/sysrq-trigger"
		]
	}
}
)";

// One line, as podman's Go encoder writes it: escapes for <, > and &, annotations, a joined network
// namespace, binds from the storage directory, a seccomp profile, hooks for its clean-up.
constexpr const char* kPodman =
    R"({"ociVersion":"1.2.0","process":{"user":{"uid":1000,"gid":1000,"umask":18,)"
    R"("additionalGids":[1000,27]},"args":["/bin/sh","-c","echo \u003cx\u003e \u0026\u0026 sleep 1"],)"
    R"("env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)"
    R"("container=podman","TERM=xterm","HOME=/home/user","HOSTNAME=0123456789ab"],"cwd":"/home/user",)"
    R"("capabilities":{"bounding":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_FSETID",)"
    R"("CAP_KILL","CAP_NET_BIND_SERVICE","CAP_SETFCAP","CAP_SETGID","CAP_SETPCAP","CAP_SETUID",)"
    R"("CAP_SYS_CHROOT"]},"rlimits":[{"type":"RLIMIT_NOFILE","hard":1048576,"soft":1048576},)"
    R"({"type":"RLIMIT_NPROC","hard":4194304,"soft":4194304}],"oomScoreAdj":0},)"
    R"("root":{"path":"/var/lib/containers/storage/overlay/4f1c/merged"},"hostname":"0123456789ab",)"
    R"("mounts":[{"destination":"/proc","type":"proc","source":"proc",)"
    R"("options":["nosuid","noexec","nodev"]},{"destination":"/dev","type":"tmpfs","source":"tmpfs",)"
    R"("options":["nosuid","strictatime","mode=755","size=65536k"]},{"destination":"/sys",)"
    R"("type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]},)"
    R"({"destination":"/dev/pts","type":"devpts","source":"devpts","options":["nosuid","noexec",)"
    R"("newinstance","ptmxmode=0666","mode=0620","gid=5"]},{"destination":"/dev/mqueue",)"
    R"("type":"mqueue","source":"mqueue","options":["nosuid","noexec","nodev"]},)"
    R"({"destination":"/etc/resolv.conf","type":"bind","source":)"
    R"("/run/containers/storage/overlay-containers/0123/userdata/resolv.conf",)"
    R"("options":["bind","rprivate"]},{"destination":"/dev/shm","type":"bind",)"
    R"("source":"/var/lib/containers/storage/overlay-containers/0123/userdata/shm",)"
    R"("options":["bind","rprivate","nosuid","noexec","nodev"]},{"destination":"/sys/fs/cgroup",)"
    R"("type":"cgroup","source":"cgroup",)"
    R"("options":["rprivate","nosuid","noexec","nodev","relatime","ro"]},{"destination":"/data",)"
    R"("type":"bind","source":"/srv/data","options":["rbind","idmap","ro"],)"
    R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
    R"("gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]}],)"
    R"("annotations":{"io.container.manager":"libpod","io.podman.annotations.autoremove":"FALSE",)"
    R"("org.opencontainers.image.stopSignal":"15"},"linux":{)"
    R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
    R"("gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],)"
    R"("sysctl":{"net.ipv4.ping_group_range":"0 0"},)"
    R"("resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,)"
    R"("minor":229,"access":"rwm"}],"memory":{"limit":536870912,"swap":1073741824},)"
    R"("cpu":{"shares":512,"quota":150000,"period":100000,"cpus":"0-1"},"pids":{"limit":2048},)"
    R"("blockIO":{"weight":100}},"cgroupsPath":"machine.slice:libpod:0123","namespaces":[)"
    R"({"type":"pid"},{"type":"network","path":"/run/netns/netns-8f3a"},{"type":"ipc"},)"
    R"({"type":"uts"},{"type":"mount"},{"type":"cgroup"},{"type":"user"}],"devices":[{)"
    R"("path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438,"uid":0,"gid":0}],)"
    R"("seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":[)"
    R"("SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":[{"names":["bdflush",)"
    R"("io_pgetevents"],"action":"SCMP_ACT_ERRNO","errnoRet":1},{"names":["read","write","exit"],)"
    R"("action":"SCMP_ACT_ALLOW"},{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[)"
    R"({"index":0,"value":4294967295,"op":"SCMP_CMP_EQ"}]},{"names":["clone"],)"
    R"("action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,)"
    R"("op":"SCMP_CMP_MASKED_EQ"}]}]},"rootfsPropagation":"rslave","maskedPaths":["/proc/acpi",)"
    R"("/proc/kcore","/sys/firmware"],"readonlyPaths":["/proc/bus","/proc/sys"],)"
    R"("mountLabel":"system_u:object_r:container_file_t:s0:c1,c2"},)"
    R"("hooks":{"poststop":[{"path":"/usr/bin/cleanup","args":["cleanup","--rm"],)"
    R"("env":["PATH=/usr/bin"],"timeout":10}]}})";

// Go structs without omitempty: null wherever a slice, a map or a pointer was not set.
constexpr const char* kNulls =
    R"({"ociVersion":"1.0.2-dev","process":{"terminal":false,"consoleSize":null,"user":{"uid":0,)"
    R"("gid":0,"additionalGids":null},"args":["a"],"env":null,"cwd":"/","capabilities":{)"
    R"("bounding":null,"ambient":null},"rlimits":null,"scheduler":null},"root":{"path":"r"},)"
    R"("mounts":null,"hooks":{"prestart":null},"annotations":null,"linux":{"uidMappings":null,)"
    R"("sysctl":null,"resources":{"devices":null,"memory":null,"hugepageLimits":null},)"
    R"("namespaces":null,"devices":null,"seccomp":null,"maskedPaths":null,"intelRdt":null}})";

std::string all_problems(const Parsed<Spec>& parsed) {
  std::string text;
  for (const Problem& problem : parsed.problems) text += problem.text() + '\n';
  return text;
}

TEST(EngineConfig, SpecCommand) {
  const Parsed<Spec> parsed = parse_spec(kSpecCommand);
  EXPECT_EQ(all_problems(parsed), "");
  // Ours differs in its names only.
  Spec ours = default_spec(DefaultKind::Privileged);
  ours.ociVersion = "1.2.1";
  ours.hostname = "runc";
  EXPECT_EQ(parsed.value, ours);
}

TEST(EngineConfig, Podman) {
  const Parsed<Spec> parsed = parse_spec(kPodman);
  EXPECT_EQ(all_problems(parsed), "");
  const Spec& spec = parsed.value;
  const Process& process = *spec.process;
  EXPECT_FALSE(process.terminal);
  EXPECT_EQ(process.args.at(2), "echo <x> && sleep 1");
  EXPECT_EQ(process.user,
            (User{.uid = 1000, .gid = 1000, .umask = 022U, .additionalGids = {{1000, 27}}}));
  EXPECT_EQ(process.capabilities->bounding.size(), 11U);
  EXPECT_TRUE(process.capabilities->effective.empty());
  EXPECT_EQ(process.rlimits.at(1),
            (Rlimit{.type = "RLIMIT_NPROC", .hard = 4194304, .soft = 4194304}));
  EXPECT_EQ(process.oomScoreAdj, 0);
  ASSERT_EQ(spec.mounts.size(), 9U);
  EXPECT_EQ(spec.mounts[8].uidMappings,
            (std::vector<IdMapping>{{.containerID = 0, .hostID = 100000, .size = 65536}}));
  EXPECT_EQ(spec.annotations.at("io.container.manager"), "libpod");
  const Linux& config = spec.linux_;
  EXPECT_EQ(find_namespace(config, NamespaceType::Network)->path, "/run/netns/netns-8f3a");
  EXPECT_EQ(config.resources->memory->swap, 1073741824);
  EXPECT_EQ(config.resources->cpu->quota, 150000);
  EXPECT_EQ(config.resources->devices.at(1).minor, 229U);
  EXPECT_EQ(config.rootfsPropagation, RootfsPropagation::Rslave);
  ASSERT_EQ(config.seccomp->syscalls.size(), 4U);
  EXPECT_EQ(config.seccomp->flags, std::nullopt);
  EXPECT_EQ(config.seccomp->syscalls[3].args.at(0).op, "SCMP_CMP_MASKED_EQ");
  EXPECT_EQ(spec.hooks.poststop.at(0).timeout, 10);

  const Parsed<Spec> again = parse_spec(to_json(spec));
  EXPECT_EQ(all_problems(again), "");
  EXPECT_EQ(again.value, spec);
}

TEST(EngineConfig, NullsOfGoEncoders) {
  const Parsed<Spec> parsed = parse_spec(kNulls);
  EXPECT_EQ(all_problems(parsed), "");
  EXPECT_EQ(parsed.value.process->consoleSize, std::nullopt);
  EXPECT_EQ(parsed.value.process->user.additionalGids, std::nullopt);
  EXPECT_EQ(parsed.value.linux_.resources->memory, std::nullopt);
  EXPECT_EQ(parsed.value.linux_.seccomp, std::nullopt);
}

}  // namespace
}  // namespace oci
