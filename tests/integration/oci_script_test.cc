// SPDX-License-Identifier: Apache-2.0
// plan --as-script: what the program of such a script sees is what `run` shows it.
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <set>

#include "tests/support/paths.h"
#include "tests/support/runtime.h"

namespace {

using support::Bundle;
using support::MountLine;
using support::Outcome;
using ::testing::HasSubstr;

Outcome run_script(const Bundle& bundle) {
  const Outcome script = support::runtime({"plan", "--as-script", bundle.path()});
  EXPECT_STATUS(script, 0);
  const std::string file = "/tmp/script.sh";
  support::write_file(file, script.out, 0755);
  return support::run(
      {.argv = {"sh", "-c", "CTRTOOL=" + support::build_dir() + "/ctrtool exec sh " + file}});
}

// Where, of which type, with which of the options that both can set.
std::set<std::string> mounts_of(const std::vector<std::string>& lines) {
  std::set<std::string> out;
  for (const std::string& text : lines) {
    const MountLine line = support::parse_mount_line(text);
    std::string shown = line.at + " " + line.type;
    // rootfs-mount's proc is always nosuid, nodev, noexec; the script says so.
    const bool proc = line.at.starts_with("/proc");
    for (const char* option : {"nosuid", "nodev", "noexec"})
      if (!proc && support::has_option(line.options, option)) shown += std::string(" ") + option;
    if (support::has_option(line.options, "ro")) shown += " ro";
    // Devices are the host's nodes there, and made ones here; the root is a mount on a mount.
    const bool node = line.at.starts_with("/dev/") && line.root != "/";
    if (!node && line.at != "/") out.insert(shown);
  }
  return out;
}

void expect_same(Bundle& bundle) {
  // HOME of a program that has none comes from the container's passwd.
  bundle.set("/process/env", R"(["PATH=/bin:/usr/bin", "HOME=/x", "A=b c"])");
  const support::Report by_runtime = support::run_report(bundle);
  const Outcome outcome = run_script(bundle);
  ASSERT_STATUS(outcome, 0);
  const support::Report by_script(outcome.out);
  for (const char* key :
       {"uid", "gid", "groups", "env", "arg", "uid_map", "gid_map", "setgroups", "hostname",
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "cwd", "umask"})
    EXPECT_EQ(by_script.all(key), by_runtime.all(key)) << key << "\n" << outcome.err;
  EXPECT_EQ(mounts_of(by_script.all("mount")), mounts_of(by_runtime.all("mount")));
}

// Files, as both see them: what they write is compared as text.
void expect_same_output(const Bundle& bundle) {
  const Outcome by_runtime = support::run_bundle(bundle);
  const Outcome by_script = run_script(bundle);
  EXPECT_EQ(by_script.out, by_runtime.out) << by_script.err << by_runtime.err;
  EXPECT_EQ(by_script.status, by_runtime.status);
}

OCI_TEST(OciScript, DefaultBundle) {
  Bundle bundle;
  expect_same(bundle);
}

OCI_TEST(OciScript, UserGroupsAndCapabilities) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid": 5, "gid": 6, "additionalGids": [7, 8], "umask": 63})");
  bundle.set("/process/capabilities",
             R"({"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                 "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]})");
  bundle.set("/process/noNewPrivileges", "false");
  bundle.set("/process/cwd", "\"/tmp\"");
  expect_same(bundle);
}

// What the caller lacks stays absent. In a user namespace it is there again.
OCI_TEST(OciScript, CapabilitiesThatTheHostLacks) {
  ASSERT_EQ(::prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0), 0);
  const std::string lacking = R"(["CAP_KILL", "CAP_NET_RAW", "CAP_NONE"])";
  Bundle bundle;
  bundle.set("/process/noNewPrivileges", "false");
  bundle.set("/process/capabilities", R"({"bounding": )" + lacking + R"(, "effective": ["CAP_KILL"],
                 "permitted": ["CAP_KILL"], "inheritable": ["CAP_KILL"]})");
  expect_same(bundle);
  for (const char* set : {"effective", "permitted", "inheritable"})
    bundle.set(std::string("/process/capabilities/") + set, lacking);
  expect_same(bundle);
  bundle.map_ids(100000, 1000);
  ::chmod(bundle.path().c_str(), 0755);
  for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"})
    bundle.set(std::string("/process/capabilities/") + set, lacking);
  expect_same(bundle);
}

OCI_TEST(OciScript, UserNamespace) {
  Bundle bundle;
  bundle.map_ids(100000, 1000);
  ::chmod(bundle.path().c_str(), 0755);
  expect_same(bundle);
}

OCI_TEST(OciScript, BindsAndFiles) {
  support::make_directories("/tmp/data");
  support::write_file("/tmp/data/f", "it's\n");
  Bundle bundle;
  bundle.bind("/tmp/data", "/data", "bind,ro");
  bundle.bind("/tmp/data/f", "/etc/f", "bind,nosuid");
  bundle.shell(
      "cat /data/f /etc/f; touch /data/x 2>&1; ls /dev | tr '\\n' ' '; cat /proc/kcore "
      "| wc -c; echo x 2>&1 >/proc/sys/kernel/domainname; ls -l /dev/null | cut -c1-10");
  expect_same_output(bundle);
}

OCI_TEST(OciScript, SysctlsLimitsAndExitStatus) {
  Bundle bundle;
  bundle.set("/linux/sysctl", R"({"net.ipv4.ip_forward": "1", "kernel.shmmax": "123456"})");
  bundle.set("/process/oomScoreAdj", "77");
  bundle.shell(
      "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax "
      "/proc/self/oom_score_adj; ulimit -n; echo $$; hostname; exit 9");
  expect_same_output(bundle);
}

OCI_TEST(OciScript, JoinedNamespaceAndTimeOffset) {
  support::write_file("/run/n", "");
  ASSERT_EQ(support::run({.argv = {"mount", "--bind", "/proc/self/ns/net", "/run/n"}}).status, 0);
  Bundle bundle;
  bundle.set("/linux/namespaces",
             R"([{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
                 {"type": "time"}, {"type": "network", "path": "/run/n"}])");
  bundle.set("/linux/timeOffsets", R"({"boottime": {"secs": 1000000}})");
  bundle.shell("readlink /proc/self/ns/net; cat /proc/self/timens_offsets");
  expect_same_output(bundle);
  EXPECT_EQ(support::run({.argv = {"umount", "/run/n"}}).status, 0);
}

OCI_TEST(OciScript, LinksDevicesAndReadonlyRoot) {
  Bundle bundle;
  bundle.set("/root/readonly", "true");
  bundle.shell(
      "touch /x 2>&1; readlink /dev/fd /dev/stdin /dev/ptmx; echo >/dev/null && head -c 3 "
      "/dev/zero | od -An -tx1; ls /dev/pts; test -w /dev/shm && echo writable");
  expect_same_output(bundle);
}

// A remount takes away what it does not name, and may not where the kernel has locked it.
OCI_TEST(OciScript, FlagsOfTheFileSystemsThatAreBound) {
  ASSERT_STATUS(support::run({.argv = {"mount", "-o", "remount,bind,nosuid,nodev", "/tmp"}}), 0);
  support::make_directories("/tmp/data");
  for (const bool mapped : {false, true}) {
    Bundle bundle;
    if (mapped) bundle.map_ids(100000, 1000);
    ::chmod(bundle.path().c_str(), 0755);
    bundle.set("/root/readonly", "true");
    bundle.bind("/tmp/data", "/data", "bind,ro");
    bundle.bind("/tmp/data", "/more", "bind,noexec");
    bundle.set("/linux/readonlyPaths", R"(["/etc"])");
    bundle.shell(
        "for at in / /data /more /etc; do grep \" $at r[ow],\" /proc/self/mountinfo | "
        "tail -n 1 | cut -d ' ' -f 5,6; done");
    expect_same_output(bundle);
  }
  EXPECT_STATUS(support::run({.argv = {"mount", "-o", "remount,bind,nosuid,dev", "/tmp"}}), 0);
}

// The kinds whose namespace is not ours.
std::set<std::string> new_kinds(const std::string& links) {
  std::set<std::string> kinds;
  for (const std::string& link : support::lines_of(links)) {
    const std::string kind = link.substr(0, link.find(':'));
    if (support::link_target("/proc/self/ns/" + kind) != link) kinds.insert(kind);
  }
  return kinds;
}

OCI_TEST(OciScript, NamespacesOfTheSameKinds) {
  const std::string show =
      "for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done";
  const auto compare = [&](Bundle& bundle, const std::set<std::string>& wanted) {
    bundle.shell(show);
    const Outcome by_runtime = support::run_bundle(bundle);
    const Outcome by_script = run_script(bundle);
    EXPECT_EQ(new_kinds(by_runtime.out), wanted) << by_runtime.err;
    EXPECT_EQ(new_kinds(by_script.out), wanted) << by_script.err;
  };
  Bundle all;
  all.set("/linux/namespaces",
          R"([{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
              {"type": "network"}, {"type": "cgroup"}, {"type": "time"}])");
  compare(all, {"cgroup", "ipc", "mnt", "net", "pid", "time", "uts"});
  Bundle few;
  few.set("/linux/namespaces", R"([{"type": "pid"}, {"type": "mount"}])");
  few.remove("/hostname");
  compare(few, {"mnt", "pid"});
  Bundle mapped;
  mapped.map_ids(100000, 1000);
  ::chmod(mapped.path().c_str(), 0755);
  mapped.shell(show);
  EXPECT_EQ(new_kinds(run_script(mapped).out), new_kinds(support::run_bundle(mapped).out));
  EXPECT_TRUE(new_kinds(run_script(mapped).out).contains("user"));
}

OCI_TEST(OciScript, OwnersModesAndKindsOfFiles) {
  support::make_directories("/tmp/data/d");
  support::write_file("/tmp/data/f", "x", 0640);
  ASSERT_EQ(::chown("/tmp/data/f", 5, 6), 0);
  Bundle bundle;
  bundle.bind("/tmp/data", "/data", "rbind,rw,noexec");
  bundle.shell(
      "stat -c '%n %F %a %u %g' / /data /data/* /tmp /dev /dev/shm /dev/pts /proc /sys; "
      "stat -c '%n %F %a %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; "
      "readlink /dev/fd /dev/stdin /dev/stdout /dev/stderr; cat /data/f; echo; ls -a / /data; "
      "grep ' /data ' /proc/mounts | grep -o noexec");
  expect_same_output(bundle);
}

OCI_TEST(OciScript, SaysWhatHasNoEquivalentAndCannotBeBrokenOutOf) {
  Bundle bundle;
  bundle.set("/hooks", R"({"prestart": [{"path": "/bin/true"}]})");
  bundle.set("/process/env", R"(["PATH=/bin", "X='$(touch /tmp/owned)\n'; touch /tmp/owned #"])");
  const Outcome script = support::runtime({"plan", "--as-script", bundle.path()});
  EXPECT_THAT(script.out, HasSubstr("# no native equivalent: 1 prestart hook"));
  bundle.shell("printf %s \"$X\"");
  const Outcome outcome = run_script(bundle);
  EXPECT_EQ(outcome.out, "'$(touch /tmp/owned)\n'; touch /tmp/owned #") << outcome.err;
  EXPECT_FALSE(support::path_exists("/tmp/owned"));
}

}  // namespace
