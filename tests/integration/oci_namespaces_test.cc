// SPDX-License-Identifier: Apache-2.0
// Namespaces: new, joined by path, or the caller's; ids, names, clocks and kernel settings in them.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string own_namespace(const std::string& name) { return link_target("/proc/self/ns/" + name); }

Bundle& only_namespaces(Bundle& bundle, const std::vector<std::string>& types) {
  bundle.set("/linux/namespaces", "[]");
  for (const std::string& type : types)
    bundle.set("/linux/namespaces/-", R"({"type":")" + type + R"("})");
  return bundle;
}

OCI_TEST(Namespaces, NewOnesDifferAndOthersAreTheCallers) {
  Bundle bundle;
  const Report report = run_report(bundle);
  for (const char* name : {"ipc", "mnt", "net", "pid", "uts"})
    EXPECT_NE(report[std::string("ns.") + name], own_namespace(name)) << name;
  for (const char* name : {"cgroup", "time", "user"})
    EXPECT_EQ(report[std::string("ns.") + name], own_namespace(name)) << name;
}

OCI_TEST(Namespaces, OnlyAMountNamespace) {
  Bundle bundle;
  only_namespaces(bundle, {"mount"}).remove("/hostname").remove("/mounts");
  const Report report = run_report(bundle.bind("/proc", "/proc", "rbind"));
  for (const char* name : {"ipc", "net", "uts"})
    EXPECT_EQ(report[std::string("ns.") + name], own_namespace(name)) << name;
}

std::string with_single_blanks(const std::string& line) {
  std::string out;
  for (const char c : line)
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  return out;
}

OCI_TEST(Namespaces, CgroupAndTime) {
  Bundle bundle;
  bundle.set("/linux/namespaces/-", R"({"type":"cgroup"})")
      .set("/linux/namespaces/-", R"({"type":"time"})")
      .set(
          "/linux/timeOffsets",
          R"({"boottime":{"secs":86400,"nanosecs":7},"monotonic":{"secs":-1,"nanosecs":999999999}})");
  if (!path_exists("/proc/self/ns/time")) GTEST_SKIP() << "this kernel has no time namespaces";
  const Report report = run_report(bundle);
  EXPECT_NE(report["ns.cgroup"], own_namespace("cgroup"));
  EXPECT_NE(report["ns.time"], own_namespace("time"));
  for (const std::string& line : report.all("cgroup"))
    EXPECT_EQ(line.substr(line.rfind(':')), ":/");
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  std::vector<std::string> offsets = report.all("timens");
  for (std::string& line : offsets) line = with_single_blanks(line);
  EXPECT_EQ(offsets, (std::vector<std::string>{"monotonic -1 999999999", "boottime 86400 7"}));
  EXPECT_NEAR(static_cast<double>(::atoll(report["boottime"].c_str())),
              static_cast<double>(now.tv_sec + 86400), 5);
}

OCI_TEST(Namespaces, TimeOffsetsByCrunsAnnotation) {
  if (!path_exists("/proc/self/ns/time")) GTEST_SKIP() << "this kernel has no time namespaces";
  Bundle bundle;
  bundle.set("/linux/namespaces/-", R"({"type":"time"})")
      .set("/annotations", R"({"run.oci.timens_offset":"monotonic 1000 0\n7 86400 5\n"})");
  std::vector<std::string> lines = run_report(bundle).all("timens");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(contains(lines[0], "1000")) << lines[0];
  EXPECT_TRUE(contains(lines[1], "86400")) << lines[1];
  // What config.json itself says counts.
  lines = run_report(bundle.set("/linux/timeOffsets", R"({"monotonic":{"secs":7}})")).all("timens");
  EXPECT_FALSE(contains(lines[0], "1000")) << lines[0];
  EXPECT_FALSE(contains(lines[1], "86400")) << lines[1];
}

OCI_TEST(Namespaces, HostAndDomainName) {
  Bundle bundle;
  bundle.set("/hostname", "\"my-host\"").set("/domainname", "\"my.domain\"");
  const Report report = run_report(bundle);
  EXPECT_EQ(report["hostname"], "my-host");
  EXPECT_EQ(report["domainname"], "my.domain");
  char name[65] = "";
  ::gethostname(name, sizeof name);
  EXPECT_STREQ(name, "sandbox");
}

OCI_TEST(Namespaces, HostnameWithoutAUtsNamespaceIsRefused) {
  Bundle bundle;
  only_namespaces(bundle, {"mount", "pid", "network", "ipc"});
  EXPECT_STATUS(create_bundle(bundle), 1);
  char name[65] = "";
  ::gethostname(name, sizeof name);
  EXPECT_STREQ(name, "sandbox");
}

OCI_TEST(Namespaces, LoopbackIsUp) {
  Bundle bundle;
  const Outcome outcome = run_bundle(bundle.shell("ip addr show lo"));
  EXPECT_TRUE(contains(outcome.out, "UP")) << outcome.out << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "127.0.0.1/8")) << outcome.out;
}

// One process that stays in namespaces of its own, to be joined.
class Holder {
 public:
  explicit Holder(int flags) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::unshare(flags) != 0) ::_exit(1);
      if ((flags & CLONE_NEWUTS) != 0 && ::sethostname("holder", 6) != 0) ::_exit(1);
      if ((flags & CLONE_NEWPID) != 0) hold_pid_namespace();
      if (::write(ready[1], "r", 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    if ((flags & CLONE_NEWUSER) != 0) map_ids(100000, 65536);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string path(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/ns/" + name;
  }

 private:
  void map_ids(unsigned host, unsigned size) const {
    const std::string map = "0 " + std::to_string(host) + " " + std::to_string(size);
    for (const char* file : {"/uid_map", "/gid_map"})
      EXPECT_TRUE(append_file("/proc/" + std::to_string(pid_) + file, map));
  }
  // Its first child is pid 1 there and keeps it alive.
  static void hold_pid_namespace() {
    int alive[2];  // ends with the holder, however early that is killed
    if (::pipe2(alive, O_CLOEXEC) != 0 || ::fork() != 0) return;
    ::close(alive[1]);
    char byte = 0;
    ::_exit(::read(alive[0], &byte, 1) == 0 ? 0 : 1);
  }
  pid_t pid_ = -1;
};

Bundle& join(Bundle& bundle, const std::string& type, const std::string& path) {
  const std::string config = bundle.config();
  for (int i = 0; i < json_size(config, "/linux/namespaces"); ++i) {
    const std::string at = "/linux/namespaces/" + std::to_string(i);
    if (json_get(config, at + "/type") == type) return bundle.set(at + "/path", json_string(path));
  }
  return bundle.set("/linux/namespaces/-",
                    R"({"type":")" + type + R"(","path":)" + json_string(path) + "}");
}

OCI_TEST(Join, NetworkIpcUtsAndCgroup) {
  Holder holder(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
  Bundle bundle;
  bundle.remove("/hostname");
  join(bundle, "network", holder.path("net"));
  join(bundle, "ipc", holder.path("ipc"));
  join(bundle, "uts", holder.path("uts"));
  join(bundle, "cgroup", holder.path("cgroup"));
  const Report report = run_report(bundle);
  for (const char* name : {"net", "ipc", "uts", "cgroup"})
    EXPECT_EQ(report[std::string("ns.") + name], link_target(holder.path(name))) << name;
  EXPECT_EQ(report["hostname"], "holder");
}

// A network namespace has one sysfs for all.
OCI_TEST(Join, SysfsIsReadOnlyForOneAlone) {
  Holder holder(CLONE_NEWNET);
  Bundle first;
  join(first, "network", holder.path("net")).args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(first), 0);
  ASSERT_STATUS(runtime({"start", first.id()}), 0);
  Bundle second;
  join(second, "network", holder.path("net"));
  second.set("/mounts", R"([{"type":"proc","source":"proc","destination":"/proc"},
      {"type":"sysfs","source":"sysfs","destination":"/sys","options":["nosuid"]}])");
  EXPECT_EQ(parse_mount_line(run_report(second).mount_at("/sys")).super_options, "rw");
  const Outcome outcome = runtime({"exec", first.id(), "/bin/guest", "report"});
  EXPECT_TRUE(has_option(parse_mount_line(Report(outcome.out).mount_at("/sys")).options, "ro"));
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

OCI_TEST(Join, Pid) {
  Holder holder(CLONE_NEWPID);
  Bundle bundle;
  const std::string path = holder.path("pid_for_children");
  join(bundle, "pid", path);
  const Report report = run_report(bundle);
  EXPECT_EQ(report["ns.pid"], link_target(path));
  EXPECT_NE(report["pid"], "1");
}

OCI_TEST(Join, PidNamespaceOfAnotherContainerLikePods) {
  Bundle first;
  first.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(first), 0);
  ASSERT_STATUS(runtime({"start", first.id()}), 0);
  const std::string proc = "/proc/" + std::to_string(pid_of(first.id())) + "/ns/";
  Bundle second;
  second.args({"/bin/guest", "hold"}).remove("/hostname");
  for (const char* type : {"pid", "network", "ipc", "uts"})
    join(second, type, proc + (std::string(type) == "network" ? "net" : type));
  ASSERT_STATUS(create_bundle(second), 0);
  ASSERT_STATUS(runtime({"start", second.id()}), 0);
  EXPECT_EQ(link_target("/proc/" + std::to_string(pid_of(second.id())) + "/ns/pid"),
            link_target(proc + "pid"));
  EXPECT_STATUS(runtime({"exec", second.id(), "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"kill", second.id(), "KILL"}), 0);
  EXPECT_TRUE(reaches(second.id(), "stopped"));
  EXPECT_STATUS(runtime({"delete", second.id()}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

struct Kind {
  const char* type;
  const char* file;  // below /proc/PID/ns
  int flag;
};
constexpr Kind kKinds[] = {
    {"pid", "pid", CLONE_NEWPID},          {"network", "net", CLONE_NEWNET},
    {"ipc", "ipc", CLONE_NEWIPC},          {"uts", "uts", CLONE_NEWUTS},
    {"cgroup", "cgroup", CLONE_NEWCGROUP}, {"time", "time", 0x80},
};

enum class Role { Absent, New, Joined };

// Where the holder keeps it: of a pid or time namespace only its children are members.
std::string path_in(const Holder& holder, const Kind& kind) {
  const bool for_children = kind.flag == CLONE_NEWPID || std::string(kind.type) == "time";
  return holder.path(kind.file + std::string(for_children ? "_for_children" : ""));
}

using Roles = std::array<Role, std::size(kKinds)>;

int flags_to_hold(Role user, const Roles& roles) {
  int flags = user == Role::Joined ? CLONE_NEWUSER : 0;
  for (std::size_t i = 0; i < roles.size(); ++i)
    if (roles[i] == Role::Joined) flags |= kKinds[i].flag;
  return flags;
}

// The container has each namespace in its role, beside a user namespace in its.
void expect_roles(Role user, const Roles& roles) {
  const Holder holder(flags_to_hold(user, roles));
  Bundle bundle;
  if (user != Role::Absent) bundle.map_ids(100000, 65536);
  bundle.set("/linux/namespaces", R"([{"type":"mount"}])").remove("/hostname");
  if (user == Role::New) bundle.set("/linux/namespaces/-", R"({"type":"user"})");
  if (user == Role::Joined) {
    bundle.remove("/linux/uidMappings").remove("/linux/gidMappings");
    join(bundle, "user", holder.path("user"));
  }
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const Kind& kind = kKinds[i];
    if (roles[i] == Role::New)
      bundle.set("/linux/namespaces/-", R"({"type":")" + std::string(kind.type) + R"("})");
    if (roles[i] == Role::Joined) join(bundle, kind.type, path_in(holder, kind));
  }
  const Report report = run_report(bundle);
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const Kind& kind = kKinds[i];
    const std::string found = report[std::string("ns.") + kind.file];
    if (roles[i] == Role::New)
      EXPECT_NE(found, own_namespace(kind.file)) << kind.type;
    else
      EXPECT_EQ(found, roles[i] == Role::Joined ? link_target(path_in(holder, kind))
                                                : own_namespace(kind.file))
          << kind.type;
  }
  if (user == Role::Joined)
    EXPECT_EQ(report["ns.user"], link_target(holder.path("user")));
  else
    EXPECT_EQ(report["ns.user"] == own_namespace("user"), user == Role::Absent);
  EXPECT_EQ(report["uid"], "0 0 0");
}

// One of them after the other; all others are new.
void expect_every_role(Role user) {
  if (!path_exists("/proc/self/ns/time")) GTEST_SKIP() << "this kernel has no time namespaces";
  for (std::size_t i = 0; i < std::size(kKinds); ++i) {
    for (const Role role : {Role::Absent, Role::New, Role::Joined}) {
      SCOPED_TRACE(std::string(kKinds[i].type) + ", role " +
                   std::to_string(static_cast<int>(role)));
      Roles roles;
      roles.fill(Role::New);
      roles[i] = role;
      expect_roles(user, roles);
    }
  }
}

OCI_TEST(Roles, WithoutAUserNamespace) { expect_every_role(Role::Absent); }
OCI_TEST(Roles, WithANewUserNamespace) { expect_every_role(Role::New); }
OCI_TEST(Roles, WithAJoinedUserNamespace) { expect_every_role(Role::Joined); }

// Digits of a number to the base 3, as roles: of the user namespace, then of the others.
void expect_combination(unsigned number) {
  SCOPED_TRACE("combination " + std::to_string(number));
  const auto next = [&number] { return static_cast<Role>(std::exchange(number, number / 3) % 3); };
  const Role user = next();
  Roles roles;
  for (Role& role : roles) role = next();
  expect_roles(user, roles);
}

// Twenty-seven of them, among which any two namespaces meet in any two roles: the values of seven
// linear forms on the space of three dimensions over the field of three elements, no two of which
// are multiples of one another. With --long all 2187.
OCI_TEST(Roles, InCombination) {
  if (!path_exists("/proc/self/ns/time")) GTEST_SKIP() << "this kernel has no time namespaces";
  constexpr unsigned kAll = 3 * 3 * 3 * 3 * 3 * 3 * 3;
  if (::getenv("OCICTR_TEST_LONG") != nullptr) {
    for (unsigned number = 0; number < kAll; ++number) expect_combination(number);
    return;
  }
  constexpr unsigned kForms[][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0},
                                    {1, 0, 1}, {0, 1, 1}, {1, 1, 1}};
  for (unsigned point = 0; point < 27; ++point) {
    unsigned number = 0;
    for (const auto& form : kForms)
      number = number * 3 +
               (form[0] * (point % 3) + form[1] * (point / 3 % 3) + form[2] * (point / 9)) % 3;
    expect_combination(number);
  }
}

// The mount namespace is looked at from outside: the container may have no /proc. In a user
// namespace without a mount namespace nothing can be mounted.
void expect_mount_role(Role user, Role role) {
  const Holder holder(user == Role::Joined ? CLONE_NEWNS | CLONE_NEWUSER : CLONE_NEWNS);
  Bundle bundle;
  if (user != Role::Absent) bundle.map_ids(100000, 65536);
  bundle.set("/linux/namespaces", R"([{"type":"pid"}])").remove("/hostname");
  bundle.args({"/bin/guest", "hold"});
  if (user == Role::New) bundle.set("/linux/namespaces/-", R"({"type":"user"})");
  if (user == Role::Joined) {
    bundle.remove("/linux/uidMappings").remove("/linux/gidMappings");
    join(bundle, "user", holder.path("user"));
  }
  if (role == Role::New) bundle.set("/linux/namespaces/-", R"({"type":"mount"})");
  if (role == Role::Joined) join(bundle, "mount", holder.path("mnt"));
  if (role == Role::Absent && user != Role::Absent)
    for (const char* pointer : {"/mounts", "/linux/maskedPaths", "/linux/readonlyPaths"})
      bundle.remove(pointer);
  const Outcome outcome = create_bundle(bundle);
  // The new user namespace's root would have no rights over what is joined.
  if (user == Role::New && role == Role::Joined) {
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "/linux/namespaces/2/path")) << outcome.err;
    return;
  }
  ASSERT_STATUS(outcome, 0);
  const std::string found = link_target("/proc/" + std::to_string(pid_of(bundle.id())) + "/ns/mnt");
  EXPECT_EQ(found == own_namespace("mnt"), role == Role::Absent);
  EXPECT_EQ(found == link_target(holder.path("mnt")), role == Role::Joined);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_STATUS(runtime({"exec", bundle.id(), "/bin/true"}), 0);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Roles, OfTheMountNamespace) {
  for (const Role user : {Role::Absent, Role::New, Role::Joined}) {
    for (const Role role : {Role::Absent, Role::New, Role::Joined}) {
      SCOPED_TRACE("user " + std::to_string(static_cast<int>(user)) + ", mount " +
                   std::to_string(static_cast<int>(role)));
      expect_mount_role(user, role);
    }
  }
}

OCI_TEST(Join, AllOfAnotherContainerInItsUserNamespace) {
  Bundle first;
  first.map_ids(100000, 65536).args({"/bin/guest", "hold"});
  for (const char* type : {"cgroup", "time"})
    first.set("/linux/namespaces/-", R"({"type":")" + std::string(type) + R"("})");
  ASSERT_STATUS(create_bundle(first), 0);
  ASSERT_STATUS(runtime({"start", first.id()}), 0);
  const std::string proc = "/proc/" + std::to_string(pid_of(first.id())) + "/ns/";
  Bundle second;
  second.map_ids(100000, 65536).remove("/hostname");
  second.remove("/linux/uidMappings").remove("/linux/gidMappings");
  join(second, "user", proc + "user");
  for (const Kind& kind : kKinds) join(second, kind.type, proc + kind.file);
  const Report report = run_report(second);
  for (const Kind& kind : kKinds)
    EXPECT_EQ(report[std::string("ns.") + kind.file], link_target(proc + kind.file)) << kind.type;
  EXPECT_EQ(report["hostname"], "container");
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

OCI_TEST(Join, TypeMustMatchThePath) {
  Bundle bundle;
  join(bundle, "network", "/proc/self/ns/uts");
  EXPECT_STATUS(create_bundle(bundle), 1);
  join(bundle, "network", "/etc/passwd");
  EXPECT_STATUS(create_bundle(bundle), 1);
  join(bundle, "network", "/nowhere");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/nowhere")) << outcome.err;
}

OCI_TEST(Namespaces, DuplicatesAndUnknownTypesAreRefused) {
  for (const char* more : {R"({"type":"pid"})", R"({"type":"nope"})", R"({"type":""})", "{}"}) {
    Bundle bundle;
    bundle.set("/linux/namespaces/-", more);
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "namespaces")) << outcome.err;
  }
}

OCI_TEST(UserNamespace, MapsIds) {
  Bundle bundle;
  bundle.map_ids(100000, 65536);
  const Report report = run_report(bundle);
  EXPECT_NE(report["ns.user"], own_namespace("user"));
  EXPECT_EQ(report["uid"], "0 0 0");
  EXPECT_EQ(report["root.uid"], "0");
  EXPECT_TRUE(contains(report["uid_map"], "100000")) << report["uid_map"];
  EXPECT_EQ(report["setgroups"], "allow");
  EXPECT_EQ(report["status.CapEff"], "0000000020000420");
}

OCI_TEST(UserNamespace, ProcessRunsAsTheMappedHostId) {
  Bundle bundle;
  bundle.map_ids(100000, 65536)
      .set("/process/user", R"({"uid":1000,"gid":1000,"additionalGids":[10]})")
      .args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string status = read_file("/proc/" + std::to_string(pid_of(bundle.id())) + "/status");
  EXPECT_TRUE(contains(status, "Uid:\t101000\t101000\t101000")) << status;
  EXPECT_TRUE(contains(status, "Groups:\t100010")) << status;
  const Outcome outcome = runtime({"exec", bundle.id(), "/bin/guest", "report"});
  EXPECT_EQ(Report(outcome.out)["uid"], "1000 1000 1000") << outcome.err;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(UserNamespace, OwnsItsOtherNamespaces) {
  Bundle bundle;
  bundle.map_ids(100000, 65536);
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_NET_ADMIN","CAP_SYS_ADMIN"])");
  const Outcome outcome =
      run_bundle(bundle.shell("ip link set lo down && ip link set lo up && hostname changed && "
                              "mount -t tmpfs none /tmp && echo owned"));
  EXPECT_EQ(outcome.out, "owned\n") << outcome.err;
}

constexpr const char* kOwnDevices = R"([
    {"path":"/dev/zero2","type":"c","major":1,"minor":5,"fileMode":384},
    {"path":"/dev/full2","type":"c","major":1,"minor":7,"fileMode":416,"uid":7,"gid":8},
    {"path":"/srv/dev/null2","type":"c","major":1,"minor":3,"uid":1,"gid":4000000},
    {"path":"/dev/fifo","type":"p"}])";
constexpr const char* kShowOwnDevices =
    "stat -c '%n %a %u:%g %t:%T' /dev/null /dev/zero2 /dev/full2 /srv/dev/null2; "
    "head -c 2 /dev/zero2 | od -An -tx1; echo x >/dev/zero2 && test -p /dev/fifo && chmod 700 "
    "/dev/zero2 && echo open";
constexpr const char* kOwnDevicesShown =
    "/dev/null 666 0:0 1:3\n/dev/zero2 600 0:0 1:5\n/dev/full2 640 7:8 1:7\n"
    "/srv/dev/null2 666 1:65534 1:3\n 00 00\nopen\n";

// The host has none of these names, and its root is nobody in there.
OCI_TEST(UserNamespace, HasDevicesOfItsOwn) {
  Bundle bundle;
  bundle.map_ids(100000, 65536).set("/linux/devices", kOwnDevices).shell(kShowOwnDevices);
  const Outcome outcome = run_bundle(bundle);
  EXPECT_EQ(outcome.out, std::string(kOwnDevicesShown)) << outcome.err;
}

// Where nobody may make nodes the host's serve.
OCI_TEST(UserNamespace, HasTheHostsDevicesWhenNodesCannotBeMade) {
  Bundle bundle;
  bundle.map_ids(100000, 65536).shell("stat -c '%a %u:%g %t:%T' /dev/null; echo x >/dev/null");
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  const std::vector<std::string> without = {"setpriv", "--bounding-set", "-mknod"};
  command.argv.insert(command.argv.begin(), without.begin(), without.end());
  const Outcome outcome = run(command);
  EXPECT_EQ(outcome.out, "666 65534:65534 1:3\n") << outcome.err;
}

OCI_TEST(UserNamespace, UnmappedUserIsRefused) {
  Bundle bundle;
  bundle.map_ids(100000, 10).set("/process/user", R"({"uid":1000,"gid":0})");
  EXPECT_STATUS(create_bundle(bundle), 1);
  bundle.set("/linux/uidMappings", "[]").set("/process/user/uid", "0");
  EXPECT_STATUS(create_bundle(bundle), 1);
}

// Whoever made one without privilege (unshare --map-root-user) has given setgroups up in it, and in
// all those below it.
OCI_TEST(UserNamespace, MadeByACallerWhoMayNotSetGroups) {
  for (const bool below : {false, true}) {
    SCOPED_TRACE(below);
    Bundle bundle;
    bundle.remove("/mounts/2").remove("/linux/resources");
    if (below) {
      bundle.set("/linux/namespaces/-", R"({"type":"user"})")
          .set("/linux/uidMappings", R"([{"containerID":0,"hostID":0,"size":1}])")
          .set("/linux/gidMappings", R"([{"containerID":0,"hostID":0,"size":1}])");
    }
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    const std::vector<std::string> outer = {"unshare", "--map-root-user", "--mount"};
    command.argv.insert(command.argv.begin(), outer.begin(), outer.end());
    const Outcome outcome = run(command);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const Report report(outcome.out);
    EXPECT_EQ(report["setgroups"], "deny");
    EXPECT_EQ(report["groups"], "");
    EXPECT_EQ(report["uid"], "0 0 0");
  }
}

OCI_TEST(UserNamespace, JoinedByPath) {
  Bundle first;
  first.map_ids(100000, 65536).args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(first), 0);
  ASSERT_STATUS(runtime({"start", first.id()}), 0);
  const std::string proc = "/proc/" + std::to_string(pid_of(first.id())) + "/ns/";
  Bundle second;
  second.map_ids(100000, 65536).remove("/linux/uidMappings").remove("/linux/gidMappings");
  join(second, "user", proc + "user");
  const Report report = run_report(second);
  EXPECT_EQ(report["ns.user"], link_target(proc + "user"));
  EXPECT_STATUS(runtime({"delete", "--force", first.id()}), 0);
}

OCI_TEST(Sysctl, IsSetInsideAndOnlyThere) {
  const std::string before = read_file("/proc/sys/net/ipv4/ip_forward");
  Bundle bundle;
  bundle.set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1","kernel.shm_rmid_forced":"1"})");
  const Outcome outcome = run_bundle(
      bundle.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced"));
  EXPECT_EQ(outcome.out, "1\n1\n") << outcome.err;
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/ip_forward"), before);
}

OCI_TEST(Sysctl, OfTheHostAreRefused) {
  const std::string before = read_file("/proc/sys/kernel/core_pattern");
  for (const char* bad : {R"({"kernel.core_pattern":"|/x"})", R"({"vm.swappiness":"1"})",
                          R"({"net/../kernel/core_pattern":"x"})",
                          R"({"net.ipv4.ip_forward":"1\nx"})", R"({"":"1"})"}) {
    Bundle bundle;
    bundle.set("/linux/sysctl", bad);
    EXPECT_STATUS(create_bundle(bundle), 1);
  }
  Bundle shared;
  only_namespaces(shared, {"mount", "pid", "ipc", "uts"})
      .set("/linux/sysctl", R"({"net.ipv4.ip_forward":"1"})");
  EXPECT_STATUS(create_bundle(shared), 1) << "the network is the caller's";
  EXPECT_EQ(read_file("/proc/sys/kernel/core_pattern"), before);
}

}  // namespace
