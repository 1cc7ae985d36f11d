// SPDX-License-Identifier: Apache-2.0
// The tree the program sees, and that building it touches nothing else.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/images.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

// Runs `script` in the container's shell; its output.
std::string shell_output(Bundle& bundle, const std::string& script) {
  const Outcome outcome = run_bundle(bundle.shell(script));
  EXPECT_EQ(outcome.err, "") << script;
  return outcome.out;
}

bool mount_has(const Report& report, const std::string& at, const std::string& option) {
  const MountLine line = parse_mount_line(report.mount_at(at));
  return has_option(line.options, option) || has_option(line.super_options, option);
}

Bundle& with_mount(Bundle& bundle, const std::string& json) {
  return bundle.set("/mounts/-", json);
}

OCI_TEST(Rootfs, DefaultMountsAreThere) {
  Bundle bundle;
  const Report report = run_report(bundle);
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"/proc", "proc"},     {"/dev", "tmpfs"},         {"/dev/pts", "devpts"},
      {"/dev/shm", "tmpfs"}, {"/dev/mqueue", "mqueue"}, {"/sys", "sysfs"}};
  for (const auto& [at, type] : wanted)
    EXPECT_EQ(parse_mount_line(report.mount_at(at)).type, type) << at;
  for (const char* option : {"nosuid", "nodev", "noexec", "ro"})
    EXPECT_TRUE(mount_has(report, "/sys", option)) << option;
  EXPECT_TRUE(mount_has(report, "/dev", "nosuid"));
  EXPECT_TRUE(mount_has(report, "/dev", "mode=755"));
  EXPECT_TRUE(mount_has(report, "/dev/shm", "size=65536k"));
}

OCI_TEST(Rootfs, HostMountsAreGone) {
  Bundle bundle;
  ASSERT_EQ(::mkdir("/run/witness", 0755), 0);
  ASSERT_EQ(::mount("none", "/run/witness", "tmpfs", 0, nullptr), 0);
  const std::string mounts = shell_output(bundle, "cat /proc/self/mountinfo");
  EXPECT_FALSE(contains(mounts, "witness"));
  EXPECT_FALSE(contains(mounts, "oldroot") || contains(mounts, "old_root"));
  EXPECT_EQ(::umount("/run/witness"), 0);
  ::rmdir("/run/witness");
}

OCI_TEST(Rootfs, DefaultDevicesAndLinks) {
  Bundle bundle;
  const std::string listing = shell_output(
      bundle,
      "cd /dev; for d in null zero full random urandom tty; do stat -c '%n %F %a %t:%T' $d; "
      "done; for l in fd stdin stdout stderr ptmx; do readlink $l; done");
  EXPECT_EQ(listing,
            "null character special file 666 1:3\nzero character special file 666 1:5\n"
            "full character special file 666 1:7\nrandom character special file 666 1:8\n"
            "urandom character special file 666 1:9\ntty character special file 666 5:0\n"
            "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

OCI_TEST(Rootfs, DevicesOfTheConfig) {
  Bundle bundle;
  bundle.set("/linux/devices", R"([
    {"path":"/dev/mine","type":"c","major":1,"minor":5,"fileMode":420,"uid":7,"gid":8},
    {"path":"/dev/deep/er","type":"p"}])");
  bundle.set("/linux/resources/devices/-",
             R"({"allow":true,"type":"c","major":1,"minor":5,"access":"rwm"})");
  EXPECT_EQ(shell_output(bundle,
                         "stat -c '%F %a %u:%g %t:%T' /dev/mine; stat -c %F /dev/deep/er; head -c "
                         "2 /dev/mine | od -An -tx1"),
            "character special file 644 7:8 1:5\nfifo\n 00 00\n");
}

OCI_TEST(Rootfs, DevicesNotAllowedCannotBeOpened) {
  Bundle bundle;
  if (cgroup_dir("devices", "/").empty())
    GTEST_SKIP() << "no control group controller here: devices";
  bundle.set("/linux/devices",
             R"([{"path":"/dev/kmsg2","type":"c","major":1,"minor":11,"fileMode":438}])");
  bundle.args({"/bin/guest", "open", "r", "/dev/kmsg2"});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Operation not permitted"));
  bundle.args({"/bin/guest", "open", "rw", "/dev/null"});
  EXPECT_TRUE(contains(run_bundle(bundle).out, ": ok"));
}

OCI_TEST(Rootfs, ReadOnlyRoot) {
  Bundle bundle;
  bundle.set("/root/readonly", "true");
  EXPECT_EQ(
      shell_output(bundle, "touch /x 2>/dev/null || echo refused; touch /dev/shm/x && echo fine"),
      "refused\nfine\n");
  EXPECT_FALSE(path_exists(bundle.in_rootfs("/x")));
}

OCI_TEST(Mounts, BindFileAndDirectory) {
  Bundle bundle;
  TempDir data;
  make_directories(data / "dir");
  write_file(data / "file", "from outside\n");
  bundle.bind(data / "dir", "/new/deep/dir", "bind").bind(data / "file", "/etc/issue", "bind,ro");
  EXPECT_EQ(shell_output(bundle,
                         "echo x > /new/deep/dir/made; cat /etc/issue; echo x 2>/dev/null >> "
                         "/etc/issue || echo refused"),
            "from outside\nrefused\n");
  EXPECT_EQ(read_file(data / "dir/made"), "x\n");
}

OCI_TEST(Mounts, FlagsAreApplied) {
  Bundle bundle;
  TempDir data;
  bundle.bind(data.path(), "/a", "rbind,ro,nosuid,nodev,noexec,noatime")
      .bind(data.path(), "/b", "bind,nosymfollow,nodiratime");
  with_mount(bundle, R"({"type":"tmpfs","source":"tmpfs","destination":"/c",
                         "options":["size=1m","mode=1700","uid=3","gid=4","relatime"]})");
  const Report report = run_report(bundle);
  for (const char* option : {"ro", "nosuid", "nodev", "noexec", "noatime"})
    EXPECT_TRUE(mount_has(report, "/a", option)) << option;
  EXPECT_TRUE(mount_has(report, "/b", "rw"));
  EXPECT_TRUE(mount_has(report, "/b", "nosymfollow"));
  for (const char* option : {"size=1024k", "mode=1700", "uid=3", "gid=4"})
    EXPECT_TRUE(mount_has(report, "/c", option)) << option;
}

// ro is for the mount alone, rro for all below it.
OCI_TEST(Mounts, RecursiveReadOnly) {
  Bundle bundle;
  TempDir data;
  make_directories(data / "sub");
  ASSERT_EQ(::mount("none", (data / "sub").c_str(), "tmpfs", 0, nullptr), 0);
  bundle.bind(data.path(), "/ro", "rbind,ro").bind(data.path(), "/rro", "rbind,rro");
  const Report report = run_report(bundle);
  EXPECT_TRUE(mount_has(report, "/ro", "ro"));
  EXPECT_FALSE(has_option(parse_mount_line(report.mount_at("/ro/sub")).options, "ro"));
  EXPECT_TRUE(has_option(parse_mount_line(report.mount_at("/rro/sub")).options, "ro"));
  EXPECT_EQ(::umount((data / "sub").c_str()), 0);
}

// Each on a mount of its own, and seen on one below it that is made with the opposite.
OCI_TEST(Mounts, EveryRecursiveAttribute) {
  struct Attribute {
    const char* option;
    const char* shown;  // by mountinfo
    const char* not_shown;
    unsigned long before;
  };
  constexpr Attribute kAttributes[] = {
      {"rro", "ro", "rw", 0},
      {"rrw", "rw", "ro", MS_RDONLY},
      {"rnosuid", "nosuid", "", 0},
      {"rsuid", "", "nosuid", MS_NOSUID},
      {"rnodev", "nodev", "", 0},
      {"rdev", "", "nodev", MS_NODEV},
      {"rnoexec", "noexec", "", 0},
      {"rexec", "", "noexec", MS_NOEXEC},
      {"rnosymfollow", "nosymfollow", "", 0},
      {"rsymfollow", "", "nosymfollow", MS_NOSYMFOLLOW},
      {"rnodiratime", "nodiratime", "", 0},
      {"rdiratime", "", "nodiratime", MS_NODIRATIME},
      {"rnoatime", "noatime", "relatime", MS_RELATIME},
      {"ratime", "", "noatime", MS_NOATIME},
      {"rrelatime", "relatime", "noatime", MS_NOATIME},
      {"rstrictatime", "", "relatime", MS_RELATIME},
  };
  Bundle bundle;
  TempDir data;
  for (const Attribute& one : kAttributes) {
    const std::string dir = data / one.option;
    make_directories(dir + "/below");
    ASSERT_EQ(::mount("none", (dir + "/below").c_str(), "tmpfs", one.before, nullptr), 0);
    bundle.bind(dir, std::string("/") + one.option, std::string("rbind,") + one.option);
  }
  const Report report = run_report(bundle);
  for (const Attribute& one : kAttributes) {
    const std::string at = std::string("/") + one.option + "/below";
    const MountLine line = parse_mount_line(report.mount_at(at));
    EXPECT_EQ(line.type, "tmpfs") << at;
    const std::string shown = one.shown;
    EXPECT_TRUE(shown.empty() || has_option(line.options, shown)) << one.option << line.options;
    EXPECT_FALSE(has_option(line.options, one.not_shown)) << one.option << line.options;
    EXPECT_EQ(::umount((data / one.option + "/below").c_str()), 0);
  }
}

// None of the three may be mounted from a user namespace that does not own what they show.
OCI_TEST(Mounts, TheHostsOwnWhereAUserNamespaceMayNotMount) {
  Bundle bundle;
  bundle.map_ids(100000, 65536)
      .set("/linux/namespaces", R"([{"type":"mount"},{"type":"user"},{"type":"uts"}])")
      .set("/mounts", R"([
    {"type":"proc","source":"proc","destination":"/proc"},
    {"type":"tmpfs","source":"tmpfs","destination":"/dev"},
    {"type":"mqueue","source":"mqueue","destination":"/dev/mqueue","options":["nosuid"]},
    {"type":"sysfs","source":"sysfs","destination":"/sys","options":["nosuid","noexec","nodev","ro"]}
  ])");
  const Report report = run_report(bundle);
  for (const auto& [at, type] :
       {std::pair{"/proc", "proc"}, {"/dev/mqueue", "mqueue"}, {"/sys", "sysfs"}})
    EXPECT_EQ(parse_mount_line(report.mount_at(at)).type, type) << at;
  EXPECT_TRUE(mount_has(report, "/sys", "ro"));
  EXPECT_EQ(shell_output(bundle, "test -d /proc/self/fd && test -d /sys/kernel && echo there"),
            "there\n");
}

OCI_TEST(Mounts, PropagationOfSingleMounts) {
  Bundle bundle;
  TempDir data;
  ASSERT_EQ(::mount(data.path().c_str(), data.path().c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount("", data.path().c_str(), nullptr, MS_SHARED, nullptr), 0);
  bundle.bind(data.path(), "/private", "rbind,private")
      .bind(data.path(), "/slave", "rbind,rslave")
      .bind(data.path(), "/shared", "rbind,rshared");
  const Report report = run_report(bundle);
  EXPECT_EQ(parse_mount_line(report.mount_at("/private")).propagation, "");
  EXPECT_TRUE(contains(parse_mount_line(report.mount_at("/slave")).propagation, "master:"));
  EXPECT_TRUE(contains(parse_mount_line(report.mount_at("/shared")).propagation, "shared:"));
  EXPECT_EQ(::umount(data.path().c_str()), 0);
}

OCI_TEST(Mounts, TmpCopyUp) {
  Bundle bundle;
  make_directories(bundle.in_rootfs("/data/sub"));
  write_file(bundle.in_rootfs("/data/sub/file"), "kept\n", 0640);
  ASSERT_EQ(::symlink("sub/file", bundle.in_rootfs("/data/link").c_str()), 0);
  with_mount(bundle,
             R"({"type":"tmpfs","source":"tmpfs","destination":"/data","options":["tmpcopyup"]})");
  EXPECT_EQ(
      shell_output(bundle, "cat /data/link; stat -c %a /data/sub/file; echo gone > /data/sub/file"),
      "kept\n640\n");
  EXPECT_EQ(read_file(bundle.in_rootfs("/data/sub/file")), "kept\n");
}

// As crun and runc have it: of a directory that is there the mode, of a new one tmpfs's own.
OCI_TEST(Mounts, TmpfsHasTheModeOfWhatItCovers) {
  const auto mode_of = [](const std::string& options) {
    Bundle bundle;
    make_directories(bundle.in_rootfs("/old"));
    EXPECT_EQ(::chmod(bundle.in_rootfs("/old").c_str(), 0750), 0);
    EXPECT_EQ(::chown(bundle.in_rootfs("/old").c_str(), 7, 8), 0);
    for (const char* at : {"/old", "/new"})
      with_mount(bundle, R"({"type":"tmpfs","source":"tmpfs","destination":")" + std::string(at) +
                             R"(","options":[)" + options + "]}");
    return shell_output(bundle, "stat -c '%a %u:%g' /old /new");
  };
  EXPECT_EQ(mode_of(R"("nosuid")"), "750 0:0\n1777 0:0\n");
  EXPECT_EQ(mode_of(R"("mode=711")"), "711 0:0\n711 0:0\n");
  EXPECT_EQ(mode_of(R"("tmpcopyup")"), "750 7:8\n1777 0:0\n");
  EXPECT_EQ(mode_of(R"("tmpcopyup","mode=711")"), "711 0:0\n711 0:0\n");
  EXPECT_EQ(mode_of(R"("tmpcopyup","uid=3")"), "750 3:0\n1777 3:0\n");
}

OCI_TEST(Mounts, OrderIsTheConfigs) {
  Bundle bundle;
  TempDir data;
  write_file(data / "below", "");
  with_mount(bundle, R"({"type":"tmpfs","source":"tmpfs","destination":"/m"})");
  bundle.bind(data.path(), "/m/inner", "bind");
  EXPECT_EQ(shell_output(bundle, "ls /m/inner"), "below\n");
  EXPECT_FALSE(path_exists(bundle.in_rootfs("/m/inner"))) << "made in the tmpfs, not below it";
}

OCI_TEST(Mounts, ControlGroups) {
  Bundle bundle;
  with_mount(bundle, R"({"type":"cgroup","source":"cgroup","destination":"/sys/fs/cgroup",
                         "options":["nosuid","noexec","nodev","relatime","ro"]})");
  bundle.set("/linux/namespaces/-", R"({"type":"cgroup"})");
  const std::string found = shell_output(
      bundle,
      "ls /sys/fs/cgroup | head -1 | wc -l; mkdir /sys/fs/cgroup/memory/x 2>/dev/null || "
      "mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused; cat /proc/self/cgroup | sed 's/.*://' | "
      "sort | uniq");
  EXPECT_EQ(found, "1\nrefused\n/\n");
}

OCI_TEST(Mounts, AttributesOfControlGroupMounts) {
  Bundle bundle;
  with_mount(bundle, R"({"type":"cgroup","source":"cgroup","destination":"/sys/fs/cgroup",
                         "options":["nosuid","noexec","nodev","rro"]})");
  const Report report = run_report(bundle);
  EXPECT_TRUE(has_option(parse_mount_line(report.mount_at("/sys/fs/cgroup")).options, "ro"));
}

// copy-symlink: a link is made again, anything else is bound.
OCI_TEST(Mounts, LinksAreCopiedOrBound) {
  Bundle bundle;
  TempDir data;
  write_file(data / "file", "content\n");
  ASSERT_EQ(::symlink("file", (data / "link").c_str()), 0);
  bundle.bind(data / "link", "/new/copied", "bind,copy-symlink")
      .bind(data / "file", "/new/file", "bind,copy-symlink")
      .bind(data / "link", "/new/followed", "bind");
  const std::string script =
      "readlink /new/copied; cat /new/copied; readlink /new/followed; "
      "cat /new/followed";
  EXPECT_EQ(shell_output(bundle, script), "file\ncontent\ncontent\n");
  // Again, on the tree that has the link already.
  EXPECT_EQ(shell_output(bundle, script), "file\ncontent\ncontent\n");
  remove_tree(bundle.in_rootfs("/new/copied"));
  write_file(bundle.in_rootfs("/new/copied"), "somebody else's");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/new/copied")) << outcome.err;
}

OCI_TEST(Mounts, LinksAreNotFollowedIfSoAsked) {
  Bundle bundle;
  TempDir data;
  write_file(data / "file", "outside\n");
  ASSERT_EQ(::symlink("/etc/passwd", (data / "link").c_str()), 0);
  ASSERT_EQ(::symlink("target", bundle.in_rootfs("/link").c_str()), 0);
  write_file(bundle.in_rootfs("/target"), "inside\n");
  bundle.bind(data / "link", "/bound", "bind,src-nofollow")
      .bind(data / "link", "/link", "bind,src-nofollow,dest-nofollow");
  EXPECT_EQ(shell_output(bundle, "readlink /bound; readlink /link; cat /target"),
            "/etc/passwd\n/etc/passwd\ninside\n");
}

OCI_TEST(Mounts, OverlayOfTheBundle) {
  Bundle bundle;
  const std::string dir = bundle.path() + "/layers";
  for (const char* name : {"lower", "upper", "work"}) make_directories(dir + "/" + name);
  write_file(dir + "/lower/old", "old\n");
  with_mount(bundle, R"({"type":"overlay","source":"overlay","destination":"/merged","options":[)" +
                         json_string("lowerdir=" + dir + "/lower") + "," +
                         json_string("upperdir=" + dir + "/upper") + "," +
                         json_string("workdir=" + dir + "/work") + "]}");
  EXPECT_EQ(shell_output(bundle, "cat /merged/old; echo new > /merged/made; rm /merged/old"),
            "old\n");
  EXPECT_EQ(read_file(dir + "/upper/made"), "new\n");
  EXPECT_EQ(read_file(dir + "/lower/old"), "old\n");
}

// Of images on block devices only the host's root may make mounts, whoever's container it is.
OCI_TEST(Mounts, ImagesOnDevices) {
  for (const char* type : {"squashfs", "erofs"}) {
    TempDir data;
    make_directories(data / "tree");
    write_file(data / "tree/file", "packed\n", 0644);
    const std::string why = pack_image(type, data / "tree", data / "image");
    if (!why.empty()) GTEST_SKIP() << why;
    const LoopDevice loop(data / "image");
    if (loop.path().empty()) GTEST_SKIP() << "this machine forbids loop devices";
    const std::string mount = R"({"type":")" + std::string(type) + R"(","source":)" +
                              json_string(loop.path()) +
                              R"(,"destination":"/image","options":["ro","nodev"]})";
    Bundle plain;
    EXPECT_EQ(shell_output(with_mount(plain, mount), "cat /image/file"), "packed\n") << type;
    Bundle mapped;
    with_mount(mapped.map_ids(100000, 65536), mount);
    EXPECT_EQ(shell_output(mapped, "cat /image/file"), "packed\n") << type;
  }
}

OCI_TEST(Mounts, MissingSourceIsNamed) {
  Bundle bundle;
  bundle.bind("/nowhere/source", "/x", "bind");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/nowhere/source")) << outcome.err;
}

OCI_TEST(Mounts, UnknownTypeFailsCleanly) {
  Bundle bundle;
  with_mount(bundle, R"({"type":"no-such-fs","source":"x","destination":"/x"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "no-such-fs")) << outcome.err;
}

OCI_TEST(Mounts, OneThousandFitIntoTheUsualDescriptorLimit) {
  Bundle bundle;
  TempDir data;
  std::string mounts = "[";
  for (int i = 0; i < 1000; ++i)
    mounts += std::string(i == 0 ? "" : ",") + R"({"type":"bind","source":")" + data.path() +
              R"(","destination":"/m/)" + std::to_string(i) + R"(","options":["bind","ro"]})";
  bundle.set("/mounts", mounts + "]").args({"/bin/guest", "exit", "0"});
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "ulimit -n 1024; exec \"$@\"", "sh"});
  EXPECT_STATUS(run(command), 0);
}

OCI_TEST(Masks, FilesReadEmptyAndDirectoriesListEmpty) {
  Bundle bundle;
  make_directories(bundle.in_rootfs("/secret"));
  write_file(bundle.in_rootfs("/secret/file"), "x");
  write_file(bundle.in_rootfs("/key"), "x");
  bundle.set("/linux/maskedPaths", R"(["/secret","/key","/not/there"])");
  EXPECT_EQ(
      shell_output(bundle, "ls /secret; cat /key; touch /secret/new 2>/dev/null || echo refused"),
      "refused\n");
  EXPECT_EQ(read_file(bundle.in_rootfs("/key")), "x");
}

OCI_TEST(Masks, ReadOnlyPaths) {
  Bundle bundle;
  make_directories(bundle.in_rootfs("/fixed"));
  bundle.set("/linux/readonlyPaths", R"(["/fixed","/proc/sys","/not/there"])");
  EXPECT_EQ(shell_output(bundle,
                         "touch /fixed/x 2>/dev/null || echo refused; "
                         "echo y 2>/dev/null > /proc/sys/kernel/hostname || echo refused; touch "
                         "/tmp/x && echo fine"),
            "refused\nrefused\nfine\n");
}

OCI_TEST(Propagation, OfTheRoot) {
  for (const char* kind : {"private", "slave", "rprivate", "rslave"}) {
    Bundle bundle;
    bundle.set("/linux/rootfsPropagation", json_string(kind));
    EXPECT_STATUS(run_bundle(bundle), 0);
  }
  Bundle bundle;
  bundle.set("/linux/rootfsPropagation", "\"shared\"");
  EXPECT_TRUE(contains(parse_mount_line(run_report(bundle).mount_at("/")).propagation, "shared:"));
  bundle.set("/linux/rootfsPropagation", "\"unbindable\"");
  EXPECT_TRUE(
      contains(parse_mount_line(run_report(bundle).mount_at("/")).propagation, "unbindable"));
}

// The caller's mounts are shared, as systemd makes them: nothing may travel out.
OCI_TEST(Propagation, SharedHostMountsStayAsTheyAre) {
  ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  const std::string before = read_file("/proc/self/mountinfo");
  Bundle bundle;
  EXPECT_STATUS(run_bundle(bundle), 0);
  EXPECT_EQ(read_file("/proc/self/mountinfo"), before);
  ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
}

// --- hostile root file systems --------------------------------------------------

// Every link of a hostile image points here; nothing may change.
class Sentinel {
 public:
  Sentinel() {
    make_sentinel(dir_.path());
    before_ = fingerprint(dir_.path());
  }
  ~Sentinel() { EXPECT_EQ(fingerprint(dir_.path()), before_); }
  const std::string& path() const { return dir_.path(); }

 private:
  TempDir dir_;
  std::string before_;
};

void replace_by_link(const Bundle& bundle, const std::string& path, const std::string& target) {
  remove_tree(bundle.in_rootfs(path));
  EXPECT_EQ(::symlink(target.c_str(), bundle.in_rootfs(path).c_str()), 0);
}

OCI_TEST(Hostile, DevIsALinkAndNothingIsMountedOnIt) {
  Sentinel sentinel;
  Bundle bundle;
  replace_by_link(bundle, "/dev", sentinel.path());
  bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])");
  run_bundle(bundle);
}

OCI_TEST(Hostile, ProcOrSysIsALink) {
  for (const char* target : {"/tmp", "../../..", ".", "/elsewhere"}) {
    for (const char* path : {"/proc", "/sys"}) {
      Bundle bundle;
      replace_by_link(bundle, path, target);
      EXPECT_STATUS(create_bundle(bundle), 1);
    }
  }
}

OCI_TEST(Hostile, LinksInDestinationsAreResolvedInside) {
  Sentinel sentinel;
  Bundle bundle;
  TempDir data;
  write_file(data / "seen", "");
  ASSERT_EQ(::symlink(sentinel.path().c_str(), bundle.in_rootfs("/absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../../../etc", bundle.in_rootfs("/up").c_str()), 0);
  bundle.bind(data.path(), "/absolute/new", "bind").bind(data.path(), "/up/new", "bind");
  const Outcome outcome = run_bundle(bundle.shell("ls /absolute/new /up/new"));
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(outcome.out, "/absolute/new:\nseen\n\n/up/new:\nseen\n");
}

OCI_TEST(Hostile, DanglingLinkAsDestination) {
  Sentinel sentinel;
  Bundle bundle;
  TempDir data;
  ASSERT_EQ(::symlink((sentinel.path() + "/new").c_str(), bundle.in_rootfs("/dangling").c_str()),
            0);
  bundle.bind(data.path(), "/dangling", "bind");
  const Outcome outcome = run_bundle(bundle.shell("true"));
  EXPECT_TRUE(outcome.status == 0 || outcome.status == 1) << outcome.err;
}

OCI_TEST(Hostile, NullDeviceIsAFakeWhenMasking) {
  for (const char* target :
       {"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/etc/passwd"}) {
    Bundle bundle;
    write_file(bundle.in_rootfs("/key"), "secret");
    replace_by_link(bundle, "/dev/null", target);
    bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])")
        .set("/linux/maskedPaths", R"(["/key","/proc/kcore"])");
    const Outcome outcome = run_bundle(bundle.shell("cat /key"));
    EXPECT_FALSE(contains(outcome.out, "secret"));
    EXPECT_FALSE(contains(outcome.out, "root:"));
  }
}

OCI_TEST(Hostile, StandardStreamsAreNotReopenedOnAFakeNull) {
  Sentinel sentinel;
  Bundle bundle;
  replace_by_link(bundle, "/dev/null", "/vol/file");
  bundle.set("/mounts", "[]").bind(sentinel.path(), "/vol", "bind");
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})").args({"/bin/guest", "exit", "0"});
  run_bundle(bundle);
}

OCI_TEST(Hostile, RootfsIsALinkOrMissing) {
  Bundle bundle;
  bundle.set("/root/path", "\"missing\"");
  EXPECT_STATUS(create_bundle(bundle), 1);
  bundle.set("/root/path", "\"config.json\"");
  EXPECT_STATUS(create_bundle(bundle), 1);
  ASSERT_EQ(::symlink("rootfs", (bundle.path() + "/link").c_str()), 0);
  bundle.set("/root/path", "\"link\"");
  const Outcome outcome = run_bundle(bundle.args({"/bin/guest", "exit", "0"}));
  EXPECT_TRUE(outcome.status == 0 || outcome.status == 1) << outcome.err;
}

}  // namespace
