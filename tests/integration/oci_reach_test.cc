// SPDX-License-Identifier: Apache-2.0
// What hostile images and containers can reach from inside: files of the kernel, memory, libraries
// that a helper would load. Numbers: tests/CASES.md.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "ctrtool/core/base/strf.h"
#include "tests/support/paths.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

// --- SEC-27: every file of the control groups, of /sys and of /proc ------------------------------

// What decides which program of the host's is run, or what the whole machine does.
std::vector<std::string> host_settings() {
  std::vector<std::string> texts;
  for (const char* file :
       {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
        "/proc/sys/kernel/panic", "/sys/kernel/uevent_helper", "/sys/kernel/mm/hugepages"})
    texts.push_back(read_file(file));
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    for (const char* file : {"/release_agent", "/notify_on_release"})
      texts.push_back(read_file(hierarchy.mount + file));
  return texts;
}

// Those that a process of the container may open for writing, below these directories.
std::vector<std::string> writable_below(const Bundle& bundle,
                                        const std::vector<std::string>& directories) {
  std::vector<std::string> words = {"exec", bundle.id(), "/bin/guest", "writable"};
  words.insert(words.end(), directories.begin(), directories.end());
  const Outcome outcome = runtime(words);
  EXPECT_STATUS(outcome, 0);
  const Report report(outcome.out);
  EXPECT_GT(::atoi(report["tried"].c_str()), 50) << "there was little to try";
  return report.all("writable");
}

void mount_cgroups(Bundle& bundle, const char* mode) {
  bundle.set("/mounts/-", ctr::strf(R"({"destination":"/sys/fs/cgroup","type":"cgroup",
      "source":"cgroup","options":["nosuid","noexec","nodev","relatime","%s"]})",
                                    mode));
}

void remove_cgroup_namespace(Bundle& bundle) {
  for (int i = json_size(bundle.config(), "/linux/namespaces") - 1; i >= 0; --i)
    if (json_get(bundle.config(), ctr::strf("/linux/namespaces/%d/type", i)) == "cgroup")
      bundle.remove(ctr::strf("/linux/namespaces/%d", i));
}

// A container whose root may do with files what it likes; it runs.
void start_holding(Bundle& bundle) {
  bundle.args({"/bin/guest", "hold"});
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set,
               R"(["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER"])");
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
}

OCI_TEST(HostileWriter, NoFileOfTheKernelIsWritable) {
  // Who is not confined may write many of them: the check finds them.
  const Outcome host = run({.argv = {guest_path(), "writable", "/proc/sys"}});
  ASSERT_GT(Report(host.out).all("writable").size(), 10U) << host.out;

  const std::vector<std::string> before = host_settings();
  for (const bool own_cgroups : {true, false}) {
    SCOPED_TRACE(own_cgroups ? "own control group namespace" : "the host's");
    Bundle bundle;
    mount_cgroups(bundle, "ro");
    if (!own_cgroups) remove_cgroup_namespace(bundle);
    start_holding(bundle);
    for (const std::string& path : writable_below(
             bundle,
             {"/sys", "/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"}))
      ADD_FAILURE() << path;
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
  EXPECT_EQ(host_settings(), before);
}

using FileNumber = std::pair<dev_t, ino_t>;

FileNumber number_of(const std::string& path) {
  struct stat st {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
  return {st.st_dev, st.st_ino};
}

std::set<FileNumber> files_of_its_group(const Bundle& bundle) {
  std::set<FileNumber> files;
  for (const Hierarchy& hierarchy : cgroup_hierarchies()) {
    const std::string group = hierarchy.mount + bundle.cgroup() + "/";
    for (const std::string& name : list_directory(group)) files.insert(number_of(group + name));
  }
  return files;
}

// A program that manages groups of its own gets them writable, and none above.
OCI_TEST(HostileWriter, OfWritableControlGroupsOnlyTheOwnAre) {
  const std::vector<std::string> before = host_settings();
  for (const bool own_cgroups : {true, false}) {
    SCOPED_TRACE(own_cgroups ? "own control group namespace" : "the host's");
    Bundle bundle;
    mount_cgroups(bundle, "rw");
    if (!own_cgroups) remove_cgroup_namespace(bundle);
    start_holding(bundle);
    const std::set<FileNumber> own = files_of_its_group(bundle);
    const std::string root = ctr::strf("/proc/%d/root", pid_of(bundle.id()));
    const std::vector<std::string> writable = writable_below(bundle, {"/sys/fs/cgroup"});
    EXPECT_FALSE(writable.empty()) << "it has no group to write to";
    for (const std::string& path : writable)
      EXPECT_TRUE(own.contains(number_of(root + path))) << path;
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
  EXPECT_EQ(host_settings(), before);
}

// --- SEC-07: what is mounted below a bound /proc while the container is made
// ----------------------

// Mounts and unmounts all the time, beside the runtime, in a tree that containers share.
class Mounter {
 public:
  Mounter(const std::string& from, const std::string& onto)
      : running_({.argv = {"/bin/sh", "-c",
                           "from=$1 onto=$2 n=0\n"
                           "trap 'umount $onto 2>/dev/null; echo rounds $n; exit 0' TERM\n"
                           "echo ready\n"
                           "while :; do mount --bind $from $onto; umount $onto; n=$((n + 1)); done",
                           "sh", from, onto}}) {
    EXPECT_TRUE(eventually([&] { return contains(running_.out(), "ready"); }, 20000));
  }
  // How many times.
  int stop() {
    running_.kill(SIGTERM);
    const Outcome outcome = running_.wait();
    EXPECT_STATUS(outcome, 0);
    return ::atoi(Report(outcome.out)["rounds"].c_str());
  }

 private:
  Running running_;
};

OCI_TEST(HostileProc, AVolumeThatIsMountedOverMeanwhile) {
  const std::vector<std::string> before = host_settings();
  TempDir volume;
  ASSERT_EQ(::mount("volume", volume.path().c_str(), "tmpfs", 0, ""), 0);
  ASSERT_EQ(::mount("", volume.path().c_str(), "", MS_SHARED, nullptr), 0);
  make_directories(volume / "sys/net/ipv4");
  make_directories(volume / "self");
  write_file(volume / "sys/net/ipv4/ip_forward", "of the volume\n");
  write_file(volume / "self/oom_score_adj", "of the volume\n");
  Mounter mounter("/proc/sys/kernel/core_pattern", volume / "sys/net/ipv4/ip_forward");
  Mounter other("/proc/sys/kernel/panic", volume / "self/oom_score_adj");
  const int rounds = ::getenv("OCICTR_TEST_LONG") != nullptr ? 2000 : 12;
  int ran = 0;
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    Bundle bundle;
    bundle.bind(volume.path(), "/proc", "rbind,rshared");
    bundle.set("/mounts/-", R"({"destination":"/true","type":"proc","source":"proc"})")
        .set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1"})")
        .set("/linux/maskedPaths", "[]")
        .set("/linux/readonlyPaths", "[]")
        .set("/process/oomScoreAdj", "500")
        .shell("cat /true/sys/net/ipv4/ip_forward /true/self/oom_score_adj");
    const Outcome outcome = run_bundle(bundle);
    EXPECT_LT(outcome.status, 256) << "it hangs";
    if (outcome.status == 0) {
      EXPECT_EQ(outcome.out, "1\n500\n");
      ++ran;
    } else {
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    }
  }
  const int mounted = mounter.stop() + other.stop();
  ::printf("%d rounds: %d ran, the others were refused; %d mounts meanwhile\n", rounds, ran,
           mounted);
  EXPECT_GT(mounted, 0) << "nothing was mounted: this proves nothing";
  EXPECT_EQ(read_file(volume / "sys/net/ipv4/ip_forward"), "of the volume\n");
  EXPECT_EQ(read_file(volume / "self/oom_score_adj"), "of the volume\n");
  EXPECT_EQ(host_settings(), before);
  EXPECT_EQ(::umount2(volume.path().c_str(), MNT_DETACH), 0);
}

// --- SEC-40: memory of file systems is bounded, and the container's ------------------------------

OCI_TEST(Exhaustion, FileSystemsOfTheDefaultConfigurationAreBounded) {
  Bundle bundle;
  bundle.set("/root/readonly", "true");
  bundle.shell(
      "while read -r _ at type options _; do case $type,$options in tmpfs,rw*)"
      " dd if=/dev/zero of=$at/fill bs=1M 2>/dev/null; echo filled $at $(stat -c %s $at/fill);"
      " rm $at/fill;; esac; done </proc/mounts");
  const std::vector<std::string> filled = run_report(bundle).all("filled");
  EXPECT_FALSE(filled.empty()) << "there was nothing to fill";
  constexpr long kMost = 64L << 20;
  for (const std::string& line : filled) {
    const long size = ::atol(line.c_str() + line.find(' '));
    EXPECT_GT(size, 0) << line;
    EXPECT_LE(size, kMost) << line;
  }
}

OCI_TEST(Exhaustion, WhatIsWrittenIsChargedToTheContainer) {
  NEED_CONTROLLER("memory");
  constexpr long kBytes = 16L << 20;
  Bundle bundle;
  bundle.shell(
      ctr::strf("dd if=/dev/zero of=/dev/shm/fill bs=%ld count=1 2>/dev/null;"
                " exec /bin/guest hold",
                kBytes));
  Running container(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
  ASSERT_TRUE(eventually([&] { return contains(container.out(), "ready"); }, 20000));
  const std::string charged =
      limit_of(bundle, "memory", {"memory.usage_in_bytes", "memory.current"});
  EXPECT_GE(::atol(charged.c_str()), kBytes) << charged;
  EXPECT_STATUS(runtime({"kill", bundle.id(), "KILL"}), 0);
  container.wait();
}

OCI_TEST(Exhaustion, MaskedDirectoriesTakeNothing) {
  Bundle bundle;
  make_directories(bundle.in_rootfs("/masked"));
  bundle.set("/linux/maskedPaths/-", R"("/masked")").set("/root/readonly", "false");
  bundle.shell(
      "ls -d /masked; echo > /masked/fill && echo wrote; mkdir /masked/d && echo made;"
      "echo > /beside && echo beside");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(outcome.out, "/masked\nbeside\n");
}

// --- SEC-42: programs of the host that the runtime executes --------------------------------------

// newuidmap(1) and newgidmap(1) have rights that their caller has not: neither his PATH nor that of
// the configuration says which file they are.
OCI_TEST(Helpers, AreNotFoundThroughPath) {
  if (run({.argv = {"newuidmap"}}).status == 127) GTEST_SKIP() << "newuidmap is not installed";
  TempDir open;
  const std::string bin = open / "bin";
  const std::string program = open / "ocictr";
  const std::string traces = open / "traces";
  make_directories(bin);
  make_directories(traces, 0777);
  for (const char* name : {"newuidmap", "newgidmap"})
    write_file(bin + "/" + name, "#!/bin/sh\n>" + traces + "/$$\n", 0755);
  ASSERT_TRUE(copy_file(runtime_path(), program, 0755));

  Bundle bundle;
  bundle.map_ids(100000, 1000).set("/process/env", json_strings({"PATH=" + bin}));
  for (const std::string& path : {open.path(), traces, bundle.path()})
    ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  Command command;
  command.argv = {"setpriv",        "--reuid",     "1000",     "--regid",         "1000",
                  "--clear-groups", program,       "--root",   traces + "/state", "run",
                  "--bundle",       bundle.path(), bundle.id()};
  command.env = {{"PATH=" + bin + ":/usr/bin:/bin"}};
  const Outcome outcome = run(command);
  // The true one says that this user has no range of ids, unless he has.
  EXPECT_TRUE(outcome.status == 0 || contains(outcome.err, "newgidmap failed")) << outcome.err;
  remove_tree(traces + "/state");
  EXPECT_TRUE(list_directory(traces).empty()) << "a helper from PATH was executed";
}

// --- SEC-17: libraries and lists that a helper inside would load ---------------------------------

const char* const kLoaded[] = {"/etc/ld.so.preload",
                               "/etc/ld.so.cache",
                               "/etc/nsswitch.conf",
                               "/etc/group",
                               "/lib/x86_64-linux-gnu/libnss_files.so.2",
                               "/lib/x86_64-linux-gnu/libnss_evil.so.2",
                               "/lib/x86_64-linux-gnu/libgcc_s.so.1",
                               "/lib/evil.so",
                               "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules",
                               "/usr/lib/locale/locale-archive",
                               "/usr/share/zoneinfo/localtime"};

// The files that are opened between a call that takes somebody inside and his program.
std::vector<std::string> opened_inside(const std::string& log, const std::string& way_in) {
  std::vector<std::string> paths;
  bool inside = false;
  for (const std::string& line : lines_of(log)) {
    inside = inside || contains(line, way_in);
    if (inside && contains(line, "execve(\"/bin/guest\"")) break;
    const std::size_t begin = line.find('"');
    if (inside && contains(line, "open") && begin != std::string::npos)
      paths.push_back(line.substr(begin + 1, line.find('"', begin + 1) - begin - 1));
  }
  return paths;
}

// By a caller whose environment asks for all of them.
Outcome run_logged(const std::vector<std::string>& words, const std::string& log) {
  Command command = runtime_command(words);
  command.argv.insert(command.argv.begin(),
                      {"strace", "-f", "-o", log, "-e", "trace=/open|pivot_root|setns|execve"});
  for (const char* variable : {"LD_LIBRARY_PATH=/lib", "GCONV_PATH=/usr/lib/gconv",
                               "LANG=xx_XX.EVIL", "LC_ALL=xx_XX.EVIL", "TZ=localtime"})
    command.argv.insert(command.argv.begin() + 1, {"-E", variable});
  return run(command);
}

OCI_TEST(HostileLibraries, NothingOfTheImageIsLoaded) {
#ifdef OCICTR_SANITIZED
  GTEST_SKIP() << "not run under the sanitizers: they are libraries";
#endif
  if (run({.argv = {"strace", "-V"}}).status != 0) GTEST_SKIP() << "strace is not installed";
  Bundle bundle;
  for (const std::string path : kLoaded) {
    make_directories(bundle.in_rootfs(path.substr(0, path.rfind('/'))));
    write_file(bundle.in_rootfs(path), "/lib/evil.so\n");
  }
  bundle.set("/process/env", R"(["PATH=/bin","LANG=xx_XX.EVIL"])");

  TempDir logs;
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_logged({"run", "--bundle", bundle.path(), bundle.id()}, logs / "run"), 0);
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  EXPECT_STATUS(run_logged({"exec", bundle.id(), "/bin/guest", "exit", "0"}, logs / "exec"), 0);
  for (const auto& [log, way_in] : {std::pair{"run", "pivot_root("}, {"exec", "setns("}}) {
    SCOPED_TRACE(log);
    const std::vector<std::string> paths = opened_inside(read_file(logs / log), way_in);
    EXPECT_GT(std::count(paths.begin(), paths.end(), "/etc/passwd"), 0)
        << "the only file that is read inside was not seen: " << read_file(logs / log);
    for (const std::string& path : paths)
      for (const char* loaded : kLoaded) EXPECT_FALSE(contains(path, loaded)) << path;
  }
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

}  // namespace
