// SPDX-License-Identifier: Apache-2.0
// The host around a container: where the runtime is called from, on what it keeps its records, what
// goes away under it, and what the host has back when the container is gone. Numbers:
// tests/CASES.md.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

void expect_a_whole_life(const std::string& parent = "") {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"})
      .set("/linux/cgroupsPath", json_string(parent + bundle.cgroup()));
  EXPECT_STATUS(create_bundle(bundle), 0);
  EXPECT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_EQ(state_of(bundle.id(), "/status"), "running");
  EXPECT_EQ(runtime({"exec", bundle.id(), "/bin/sh", "-c", "echo inside"}).out, "inside\n");
  EXPECT_EQ(runtime({"list", "--quiet"}).out, bundle.id() + "\n");
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  Bundle attached;
  attached.args({"/bin/guest", "exit", "3"})
      .set("/linux/cgroupsPath", json_string(parent + attached.cgroup()));
  EXPECT_STATUS(run_bundle(attached), 3);
}

// --- BAD-48 --------------------------------------------------------------------------------------

OCI_TEST(OddCallers, MayNotReadWhereTheyStandOrItIsGone) {
  // Of the hierarchies' roots the mode lets nobody make a group in them.
  const std::string parent = "/" + test_tag() + "-parent";
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    ASSERT_EQ(::mkdir((hierarchy.mount + parent).c_str(), 0755), 0);
  // Programs that root executes get what is in the bounding set; this process keeps what it has.
  for (const unsigned long capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH})
    ASSERT_EQ(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), 0);
  TempDir places;
  const std::string closed = places / "closed";
  const std::string gone = places / "gone";
  make_directories(closed);
  make_directories(gone);
  ASSERT_EQ(::chdir(closed.c_str()), 0);
  ASSERT_EQ(::chmod(closed.c_str(), 0), 0);
  EXPECT_NE(run({.argv = {"ls", "."}}).status, 0) << "it may be read";
  expect_a_whole_life(parent);
  const Outcome refused = runtime({"create", "--bundle", ".", "nobody"});
  EXPECT_STATUS(refused, 1);
  EXPECT_EQ(lines_of(refused.err).size(), 1U) << refused.err;
  EXPECT_TRUE(contains(refused.err, "Permission denied")) << refused.err;

  ASSERT_EQ(::chdir(gone.c_str()), 0);
  ASSERT_EQ(::rmdir(gone.c_str()), 0);
  expect_a_whole_life(parent);
  EXPECT_STATUS(runtime({"create", "nobody"}), 1);
  ASSERT_EQ(::chdir("/"), 0);
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    EXPECT_EQ(::rmdir((hierarchy.mount + parent).c_str()), 0) << hierarchy.mount;
}

// --- FLT-09 --------------------------------------------------------------------------------------

// For the length of a test the state root is a mount of something else.
class StateMount {
 public:
  StateMount(const char* type, const std::string& source, unsigned long flags,
             const std::string& data)
      : mounted_(::mount(source.c_str(), state_root().c_str(), type, flags, data.c_str()) == 0),
        error_(errno) {}
  StateMount(const StateMount&) = delete;
  StateMount& operator=(const StateMount&) = delete;
  ~StateMount() {
    if (mounted_) {
      EXPECT_EQ(::umount2(state_root().c_str(), MNT_DETACH), 0);
    }
  }
  bool mounted() const { return mounted_; }
  int error() const { return error_; }

 private:
  bool mounted_;
  int error_;
};

OCI_TEST(StateRoot, MayAllowNeitherProgramsNorDevices) {
  const StateMount mount("tmpfs", "x", MS_NOEXEC | MS_NOSUID | MS_NODEV, "mode=700");
  ASSERT_TRUE(mount.mounted());
  expect_a_whole_life();
}

OCI_TEST(StateRoot, MayBeAnOverlay) {
  TempDir layers;
  for (const char* name : {"lower", "upper", "work"}) make_directories(layers / name);
  const StateMount mount("overlay", "x", 0,
                         "lowerdir=" + (layers / "lower") + ",upperdir=" + (layers / "upper") +
                             ",workdir=" + (layers / "work"));
  if (!mount.mounted()) GTEST_SKIP() << "no overlay here: errno " << mount.error();
  expect_a_whole_life();
}

// A block device that reads and writes the file, and goes when nobody has it open or mounted. The
// sandbox's /dev has no nodes of these.
ctr::UniqueFd loop_device(const std::string& file, std::string& node) {
  const std::string control_node = "/dev/loop-control";
  if (::mknod(control_node.c_str(), S_IFCHR | 0600, makedev(10, 237)) != 0) return {};
  const ctr::UniqueFd control(::open(control_node.c_str(), O_RDWR | O_CLOEXEC));
  ::unlink(control_node.c_str());
  const ctr::UniqueFd image(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  for (int tries = 0; control.valid() && tries < 10; ++tries) {
    const int number = ::ioctl(control.raw(), LOOP_CTL_GET_FREE);
    if (number < 0) return {};
    node = ctr::strf("/dev/loop%d", number);
    ::mknod(node.c_str(), S_IFBLK | 0600, makedev(7, static_cast<unsigned>(number)));
    ctr::UniqueFd device(::open(node.c_str(), O_RDWR | O_CLOEXEC));
    loop_config config{};
    config.fd = static_cast<__u32>(image.raw());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (device.valid() && ::ioctl(device.raw(), LOOP_CONFIGURE, &config) == 0) return device;
    ::unlink(node.c_str());  // somebody else was quicker
  }
  return {};
}

OCI_TEST(StateRoot, MayBeOnADisk) {
  TempDir place;
  const std::string image = place / "image";
  write_file(image, "");
  ASSERT_EQ(::truncate(image.c_str(), 16L << 20), 0);
  const Outcome made = run({.argv = {"/sbin/mkfs.ext4", "-q", "-F", image}});
  if (made.status == 127) GTEST_SKIP() << "mkfs.ext4 is not installed";
  ASSERT_STATUS(made, 0);
  std::string node;
  ctr::UniqueFd device = loop_device(image, node);
  if (!device.valid()) GTEST_SKIP() << "no loop device here";
  {
    const StateMount mount("ext4", node, MS_NOEXEC | MS_NOSUID | MS_NODEV, "");
    device.reset();
    ::unlink(node.c_str());
    if (!mount.mounted()) GTEST_SKIP() << "no ext4 here: errno " << mount.error();
    EXPECT_TRUE(path_exists(state_root() + "/lost+found"));  // and is no container
    expect_a_whole_life();
  }
}

// --- FLT-12 --------------------------------------------------------------------------------------

// As somebody else would that moved the processes away first.
void remove_groups(const Bundle& bundle, pid_t init) {
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string group = hierarchy.mount + bundle.cgroup();
    if (!path_exists(group)) continue;
    write_file(hierarchy.mount + "/cgroup.procs", std::to_string(init));
    EXPECT_TRUE(eventually([&] { return ::rmdir(group.c_str()) == 0; }, 1000)) << group;
  }
}

OCI_TEST(Cgroup, GoesWhileItsStatisticsAreRead) {
  if (const std::string why = why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  unsigned calls = 0;
  constexpr unsigned kRounds = 16;
  for (unsigned round = 0; round <= kRounds; ++round) {
    Bundle bundle;
    bundle.args({"/bin/guest", "hold"});
    ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
    const pid_t init = pid_of(bundle.id());
    const unsigned when = round == 0 ? ~0U : calls * (round - 1) / kRounds;  // 0: only counted
    const Command stats = runtime_command({"events", "--stats", bundle.id()});
    const Traced traced = trace(stats, "/none", [&](const Call& call) {
      if (call.process == 0 && call.index == when) remove_groups(bundle, init);
      return Fault{};
    });
    SCOPED_TRACE(ctr::strf("before call %u of %u", when, calls));
    const Outcome& outcome = traced.outcome;
    for (const Hierarchy& hierarchy : cgroup_hierarchies())
      EXPECT_EQ(path_exists(hierarchy.mount + bundle.cgroup()), round == 0);
    if (round == 0) {
      calls = static_cast<unsigned>(traced.calls.size());
      EXPECT_STATUS(outcome, 0);
    }
    EXPECT_TRUE(outcome.status == 0 || outcome.status == 1) << outcome.status << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), outcome.status == 0 ? 0U : 1U) << outcome.err;
    EXPECT_EQ(json_get(outcome.out, "/type").value_or("none"),
              outcome.status == 0 ? "stats" : "none");
    EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
    EXPECT_TRUE(reaches(bundle.id(), "stopped"));
    EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  }
}

// --- SEC-19 --------------------------------------------------------------------------------------

// In a user namespace the flags that a mount came with can't be cleared.
OCI_TEST(Mounts, KeepTheirLockedFlagsWhereTheRuntimeIsInAUserNamespace) {
  const Running holder({.argv = {"unshare", "--user", "sleep", "60"}});
  const std::string proc = ctr::strf("/proc/%d/", holder.pid());
  if (!eventually([&] { return read_file(proc + "comm") == "sleep\n"; }, 2000))
    GTEST_SKIP() << "no user namespaces here, or no unshare(1)";
  ASSERT_TRUE(write_file(proc + "uid_map", "0 0 65536"));
  ASSERT_TRUE(write_file(proc + "gid_map", "0 0 65536"));
  const std::vector<std::string> inside = {"nsenter", "--user=" + proc + "ns/user", "unshare",
                                           "--mount"};
  TempDir volume;
  ASSERT_EQ(::mount("none", volume.path().c_str(), "tmpfs", 0, "mode=777"), 0);
  write_file(volume / "program", "#!/bin/sh\nexit 0\n", 0755);
  const char* const kFlags[] = {"ro", "nosuid", "nodev", "noexec"};
  ASSERT_EQ(::mount("", volume.path().c_str(), "",
                    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, ""),
            0);
  const struct {
    const char* options;
    bool clears;
  } cases[] = {{"bind", false},        {"rbind", false},     {"rbind,ro", false},
               {"bind,nosuid", false}, {"rbind,rro", false}, {"bind,noatime", true},
               {"bind,rw", true},      {"bind,exec", true},  {"rbind,dev,suid", true}};
  for (const auto& one : cases) {
    SCOPED_TRACE(one.options);
    Bundle bundle;
    bundle.bind(volume.path(), "/vol", one.options)
        .shell(
            "/vol/program 2>/dev/null && echo executed; (: >/vol/new) 2>/dev/null && echo wrote;"
            " exec /bin/guest report");
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    command.argv.insert(command.argv.begin(), inside.begin(), inside.end());
    const Outcome outcome = run(command);
    if (one.clears && outcome.status == 1) {  // to tell that it can't be done is right as well
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      EXPECT_TRUE(contains(outcome.err, "/vol")) << outcome.err;
      continue;
    }
    ASSERT_STATUS(outcome, 0);
    EXPECT_FALSE(contains(outcome.out, "executed"));
    EXPECT_FALSE(contains(outcome.out, "wrote"));
    const std::string options = parse_mount_line(Report(outcome.out).mount_at("/vol")).options;
    for (const char* flag : kFlags) EXPECT_TRUE(has_option(options, flag)) << options;
  }
  ASSERT_EQ(::umount2(volume.path().c_str(), MNT_DETACH), 0);
}

// --- SEC-26 --------------------------------------------------------------------------------------

long bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::vector<__u32> device_programs(const std::string& group) {
  const ctr::UniqueFd dir(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<__u32> ids(64);
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<__u32>(dir.raw());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = reinterpret_cast<__u64>(ids.data());
  attributes.query.prog_cnt = static_cast<__u32>(ids.size());
  EXPECT_EQ(bpf(BPF_PROG_QUERY, attributes), 0) << group << " errno " << errno;
  ids.resize(attributes.query.prog_cnt);
  return ids;
}

bool program_exists(__u32 id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  return ctr::UniqueFd(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, attributes))).valid();
}

OCI_TEST(CgroupDevices, ThereIsOneProgramAndNoneInTheEnd) {
  std::string unified;
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    if (hierarchy.controllers.empty()) unified = hierarchy.mount;
  if (unified.empty()) GTEST_SKIP() << "no control group controller here: v2 is not mounted";
  const std::string place = "/sys/fs/cgroup";
  const bool covered = unified != place;  // a host that has nothing but v2
  if (covered) {
    ASSERT_EQ(::mount(unified.c_str(), place.c_str(), nullptr, MS_BIND, nullptr), 0);
  }
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  std::set<__u32> seen;
  const auto look = [&] {
    const std::vector<__u32> ids = device_programs(place + bundle.cgroup());
    EXPECT_EQ(ids.size(), 1U);
    seen.insert(ids.begin(), ids.end());
  };
  ASSERT_STATUS(create_bundle(bundle), 0);
  look();
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  for (int i = 0; i < 8; ++i) {
    Command update = runtime_command({"update", "--resources", "-", bundle.id()});
    update.input = ctr::strf(R"({"devices":[{"allow":false,"access":"rwm"},
        {"allow":true,"type":"c","major":1,"minor":%d,"access":"r"}]})",
                             i + 3);
    EXPECT_STATUS(run(update), 0);
    look();
  }
  EXPECT_GT(seen.size(), 1U) << "no update made another one";
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_FALSE(path_exists(place + bundle.cgroup()));
  // The kernel lets them go when the group's last reference is gone, a moment later.
  for (const __u32 id : seen)
    EXPECT_TRUE(eventually([&] { return !program_exists(id); })) << "program " << id;
  if (covered) {
    ASSERT_EQ(::umount2(place.c_str(), MNT_DETACH), 0);
  }
}

// --- SEC-40 --------------------------------------------------------------------------------------

// In MiB, of /proc/meminfo. Not MemAvailable: that changes with whatever else the host does.
long meminfo(const char* key) {
  for (const std::string& line : lines_of(read_file("/proc/meminfo")))
    if (line.starts_with(std::string(key) + ":"))
      return ::atol(line.c_str() + line.find_first_of("0123456789")) / 1024;
  ADD_FAILURE() << "no " << key;
  return 0;
}

struct HostMemory {
  long shmem = meminfo("Shmem");
  long slab = meminfo("SUnreclaim");
};

// Whether the host had less of it for as long as the container was there, and no longer.
bool host_memory_comes_back() {
  constexpr long kShared = 96 + 32;  // /dev/shm and a segment of System V
  constexpr long kMessages = 24;
  Bundle bundle;
  bundle.set("/mounts/3/options", R"(["nosuid","noexec","nodev","mode=1777","size=96m"])")
      .shell("dd if=/dev/zero of=/dev/shm/fill bs=1M 2>/dev/null; exec /bin/guest queues");
  const HostMemory before;
  EXPECT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  const bool filled = eventually(
      [&] {
        return HostMemory().shmem >= before.shmem + kShared * 9 / 10 &&
               HostMemory().slab >= before.slab + kMessages * 9 / 10;
      },
      5000);
  const HostMemory full;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  const bool back = eventually(
      [&] {
        reap_children();
        const HostMemory now;
        return now.shmem <= full.shmem - kShared * 8 / 10 &&
               now.slab <= full.slab - kMessages * 7 / 10;
      },
      5000);
  const HostMemory after;
  if (!filled || !back)
    ::printf("MiB before, full, after: Shmem %ld %ld %ld, SUnreclaim %ld %ld %ld\n", before.shmem,
             full.shmem, after.shmem, before.slab, full.slab, after.slab);
  return filled && back;
}

OCI_TEST(Exhaustion, TheHostHasItsMemoryBackWhenTheContainerIsDeleted) {
  bool once = false;
  for (int i = 0; i < 4 && !once; ++i) once = host_memory_comes_back();  // others use it as well
  EXPECT_TRUE(once);
}

}  // namespace
