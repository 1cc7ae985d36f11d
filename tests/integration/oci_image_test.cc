// SPDX-License-Identifier: Apache-2.0
// What an image may bring where the runtime looks, form by form: places that are links, files,
// pipes, or not there; programs with capabilities; names for users. Numbers: tests/CASES.md.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>

#include "ctrtool/core/base/strf.h"
#include "tests/support/console.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

// Makes something at a place of the image: $F in a shell's line.
void put(const Bundle& bundle, const std::string& at, const std::string& maker) {
  remove_tree(bundle.in_rootfs(at));
  const std::string line = "F=" + bundle.in_rootfs(at) + "; export F; " + maker;
  ASSERT_STATUS(run({.argv = {"/bin/sh", "-c", line}}), 0) << maker;
}

// --- SEC-02 --------------------------------------------------------------------------------------

std::string number_of(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return "";
  return ctr::strf("%u:%ju", static_cast<unsigned>(st.st_dev), std::uintmax_t{st.st_ino});
}

// Directories of the host that something of ours may have open.
std::set<std::string> host_directories(const Bundle& bundle) {
  char here[4096] = "";
  EXPECT_NE(::getcwd(here, sizeof here), nullptr);
  std::set<std::string> numbers;
  for (const std::string& path :
       {std::string("/"), std::string("/tmp"), std::string("/run"), std::string("/proc"),
        bundle.path(), state_root(), state_root() + "/" + bundle.id(), std::string(here)})
    numbers.insert(number_of(path));
  for (const Hierarchy& hierarchy : cgroup_hierarchies())
    numbers.insert(number_of(hierarchy.mount));
  return numbers;
}

std::vector<std::string> ways_to(int fd) {
  const std::string path = ctr::strf("/proc/self/fd/%d", fd);
  return {path, path + "/", path + "/../..", ctr::strf("/link-%d", fd)};
}

OCI_TEST(HostilePaths, NorDoThoseOfExecAndOfLinks) {
  constexpr int kMost = 24;
  Bundle bundle;
  for (int fd = 0; fd < kMost; ++fd)
    put(bundle, ctr::strf("/link-%d", fd), ctr::strf("ln -s /proc/self/fd/%d $F", fd));
  put(bundle, "/link-root", "ln -s /proc/self/root/.. $F");
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  const std::set<std::string> host = host_directories(bundle);
  std::vector<std::string> paths = {"/proc/1/cwd", "/proc/self/root", "/link-root",
                                    "/proc/self/cwd/.."};
  for (int fd = 0; fd < kMost; ++fd)
    for (const std::string& way : ways_to(fd)) paths.push_back(way);
  int ran = 0;
  for (const std::string& path : paths) {
    const Outcome outcome = runtime(
        {"exec", "--cwd", path, bundle.id(), "/bin/busybox", "stat", "-c", "%d:%i", ".", ".."});
    expect_ran_or_one_line(outcome);
    for (const std::string& number : lines_of(outcome.out))
      EXPECT_FALSE(host.contains(number)) << path << " is the host's " << number;
    ran += outcome.status == 0 ? 1 : 0;
    const Outcome program =
        runtime({"exec", bundle.id(), path + "/bin/busybox", "cat", path + "/config.json"});
    EXPECT_FALSE(contains(program.out, "ociVersion")) << path;
  }
  EXPECT_GT(ran, 0) << "of these some are in the container";
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// --- SEC-01 --------------------------------------------------------------------------------------

// The program that would run in the container is our own, or what it is interpreted by.
OCI_TEST(Descriptors, ProgramsThatAreTheRuntimeItself) {
  const std::string before = read_file(runtime_path());
  struct stat was {};
  ASSERT_EQ(::stat(runtime_path().c_str(), &was), 0);
  Bundle bundle;
  put(bundle, "/bin/me", "ln -s /proc/self/exe $F");
  put(bundle, "/bin/script", "printf '#!/proc/self/exe\\n' >$F; chmod 755 $F");
  // Holds what it finds open for reading, and tries to get it for writing when nobody executes it.
  const std::string attack =
      "i=0; while [ $i -lt 400 ]; do for e in /proc/[0-9]*/exe; do"
      " exec 3<$e 2>/dev/null && { : >>/proc/self/fd/3 && echo opened $(readlink $e); exec 3<&-; };"
      " done 2>/dev/null; i=$((i+1)); done; /bin/guest hold";
  ASSERT_STATUS(run_bundle(bundle.shell(attack), {"--detach"}), 0);
  for (int round = 0; round < 10; ++round)
    for (const char* program : {"/bin/me", "/bin/script", "/proc/self/exe", "/proc/1/exe"})
      EXPECT_LT(runtime({"exec", bundle.id(), program, "--version"}).status, 256) << program;
  for (const char* program : {"/bin/me", "/bin/script"}) {
    Bundle other;
    put(other, "/bin/me", "ln -s /proc/self/exe $F");
    put(other, "/bin/script", "printf '#!/proc/self/exe\\n' >$F; chmod 755 $F");
    EXPECT_LT(run_bundle(other.args({program, "--version"})).status, 256);
  }
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  struct stat is {};
  ASSERT_EQ(::stat(runtime_path().c_str(), &is), 0);
  EXPECT_EQ(is.st_ino, was.st_ino);
  EXPECT_EQ(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
  EXPECT_EQ(is.st_mtim.tv_nsec, was.st_mtim.tv_nsec);
  EXPECT_TRUE(read_file(runtime_path()) == before);
}

// --- SEC-05 --------------------------------------------------------------------------------------

// Masked is what reads empty, keeps nothing, and is the true device; or nothing runs.
OCI_TEST(Hostile, NullDeviceMayBeAnythingWhenMasking) {
  const std::string pattern = read_file("/proc/sys/kernel/core_pattern");
  for (const char* maker :
       {"ln -s /proc/sysrq-trigger $F", "ln -s /proc/sys/kernel/core_pattern $F",
        "ln -s /nowhere $F", "ln -s null $F", "echo text >$F", "mkfifo $F", "mknod $F c 1 5",
        "mknod $F b 1 3", "mkdir $F", ": nothing"}) {
    SCOPED_TRACE(maker);
    Bundle bundle;
    write_file(bundle.in_rootfs("/key"), "secret");
    make_directories(bundle.in_rootfs("/keys"));
    write_file(bundle.in_rootfs("/keys/key"), "secret");
    put(bundle, "/dev/null", maker);
    bundle.set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"}])")
        .set("/linux/maskedPaths/-", "\"/key\"")
        .set("/linux/maskedPaths/-", "\"/keys\"")
        .set("/linux/maskedPaths/-", "\"/proc/version\"");
    const Outcome outcome =
        run_bundle(bundle.shell("cat /key; ls /keys; echo gone >/key; echo gone >/keys/new;"
                                " stat -c %t:%T /key /proc/version; true"));
    expect_ran_or_one_line(outcome);
    if (outcome.status == 0) {
      EXPECT_EQ(outcome.out, "1:3\n1:3\n") << outcome.err;
    }
    EXPECT_EQ(read_file(bundle.in_rootfs("/key")), "secret");
    EXPECT_EQ(list_directory(bundle.in_rootfs("/keys")), std::vector<std::string>{"key"});
  }
  EXPECT_EQ(read_file("/proc/sys/kernel/core_pattern"), pattern);
}

// --- SEC-06 --------------------------------------------------------------------------------------

// The terminal is a new one of the container's, or nothing runs.
OCI_TEST(Hostile, PseudoterminalsThatTheImageBrings) {
  const Host host;
  for (const char* mounts :
       {"", R"(,{"destination":"/dev/pts","type":"bind","source":"HOST","options":["bind"]})"}) {
    for (const std::string& target : {host.path() + "/ptmx", std::string("/proc/sysrq-trigger"),
                                      std::string("/proc/sys/kernel/core_pattern")}) {
      SCOPED_TRACE(std::string(mounts) + " " + target);
      Bundle bundle;
      make_directories(bundle.in_rootfs("/dev/pts"));
      for (const char* name : {"0", "1", "2", "ptmx"})
        put(bundle, std::string("/dev/pts/") + name, "ln -s " + target + " $F");
      std::string more = mounts;
      if (const std::size_t at = more.find("HOST"); at != std::string::npos)
        more.replace(at, 4, host.path());
      bundle
          .set("/mounts", R"([{"destination":"/proc","type":"proc","source":"proc"})" + more + "]")
          .set("/process/terminal", "true")
          .shell("stat -c %t /dev/console; tty; echo finished");
      ConsoleSocket console("/tmp/console");
      const Outcome created = create_bundle(bundle, {"--console-socket", console.path()});
      expect_ran_or_one_line(created);
      if (created.status == 0) {
        const ctr::UniqueFd master = console.receive();
        ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
        const std::string seen = read_until(master, "finished");
        EXPECT_TRUE(contains(seen, "88\r\n")) << "no pty of Unix98: " << seen;
      }
      EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    }
  }
}

// --- SEC-08 --------------------------------------------------------------------------------------

std::string look_at_proc(Bundle& bundle) {
  bundle.set("/linux/maskedPaths/-", "\"/proc/version\"");
  const Outcome outcome = run_bundle(bundle.shell(
      "stat -f -c %T /proc; stat -c %t:%T /proc/version; (echo x >/proc/sys/kernel/domainname)"
      " 2>/dev/null || echo refused"));
  expect_ran_or_one_line(outcome);
  return outcome.status == 0 ? outcome.out : "not run: " + outcome.err;
}
constexpr const char* kProcIsWell = "proc\n1:3\nrefused\n";

OCI_TEST(Hostile, ProcMayBeAnything) {
  for (const char* maker : {"echo text >$F", "mkfifo $F", ": nothing", "mkdir -m 0 $F",
                            "mkdir -p $F/self/fd $F/sys; echo 1 >$F/version"}) {
    SCOPED_TRACE(maker);
    Bundle bundle;
    put(bundle, "/proc", maker);
    const std::string seen = look_at_proc(bundle);
    EXPECT_TRUE(seen == kProcIsWell || seen.starts_with("not run: ")) << seen;
  }
}

// However it is written and how often: what is masked there is masked in what is seen there.
OCI_TEST(Hostile, ProcByOtherNames) {
  constexpr const char* kProc = R"({"destination":"/proc","type":"proc","source":"proc"})";
  for (const char* name : {"/a/../proc", "//proc", "/proc/", "/./proc/.", "/proc/../proc"}) {
    SCOPED_TRACE(name);
    Bundle bundle;
    ASSERT_EQ(json_get(bundle.config(), "/mounts/0/destination").value_or(""), "/proc");
    bundle.set("/mounts/0/destination", json_string(name));
    EXPECT_EQ(look_at_proc(bundle), kProcIsWell);
  }
  Bundle twice;
  EXPECT_EQ(look_at_proc(twice.set("/mounts/-", kProc)), kProcIsWell);
  Bundle last;
  last.remove("/mounts/0").set("/mounts/-", kProc);
  EXPECT_EQ(look_at_proc(last), kProcIsWell);
}

// --- SEC-10, SEC-13 ------------------------------------------------------------------------------

OCI_TEST(Hostile, LinksInDestinationsOfFilesAndOfFileSystems) {
  const Host host;
  TempDir data;
  write_file(data / "file", "seen\n");
  Bundle bundle;
  put(bundle, "/absolute", "ln -s " + host.path() + " $F");
  put(bundle, "/dangling", "ln -s " + host.path() + "/new $F");
  bundle.bind(data / "file", "/absolute/newfile", "bind").bind(data / "file", "/dangling", "bind");
  bundle.set("/mounts/-", R"({"destination":"/absolute/newdir","type":"tmpfs","source":"tmpfs"})");
  const Outcome outcome =
      run_bundle(bundle.shell("cat /absolute/newfile /dangling; stat -f -c %T /absolute/newdir; "
                              "echo x >/absolute/newdir/x"));
  EXPECT_EQ(outcome.out, "seen\nseen\ntmpfs\n") << outcome.err;
}

// Given to the container's user are pipes and files, not the device that is everybody's.
OCI_TEST(Hostile, TheHostsNullDeviceKeepsItsOwner) {
  struct stat before {};
  ASSERT_EQ(::stat("/dev/null", &before), 0);
  const ctr::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const char* user : {R"({"uid":1000,"gid":1000})", R"({"uid":0,"gid":7})"}) {
    Bundle bundle;
    Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
    bundle.set("/process/user", user).args({"/bin/guest", "exit", "0"});
    command.fds = {{null.raw(), 0}, {null.raw(), 1}, {null.raw(), 2}};
    EXPECT_STATUS(run(command), 0);
    struct stat after {};
    ASSERT_EQ(::stat("/dev/null", &after), 0);
    EXPECT_EQ(after.st_uid, before.st_uid);
    EXPECT_EQ(after.st_gid, before.st_gid);
    EXPECT_EQ(after.st_mode, before.st_mode);
  }
}

// --- SEC-16 --------------------------------------------------------------------------------------

// What is copied into a tmpfs is as it was, of whatever kind, and takes no more than it took.
OCI_TEST(HostileFiles, WhatIsCopiedUpMayBeAnything) {
  const Host host;
  Bundle bundle;
  make_directories(bundle.in_rootfs("/data"));
  put(bundle, "/data/huge", "truncate -s 1T $F; printf x | dd of=$F conv=notrunc bs=1 seek=4096");
  put(bundle, "/data/holes", "truncate -s 1M $F; printf end >>$F");
  put(bundle, "/data/fifo", "mkfifo $F");
  put(bundle, "/data/node", "mknod $F c 1 5");
  put(bundle, "/data/link", "ln -s " + host.path() + " $F");
  put(bundle, "/data/self", "ln -s . $F");
  put(bundle, "/data/odd", "printf '#' >\"$F \"; chmod 4755 \"$F \"; mkdir $F; chmod 0 $F");
  bundle.set("/mounts/-", R"({"destination":"/data","type":"tmpfs","source":"tmpfs",
      "options":["tmpcopyup","size=8m"]})");
  const Outcome outcome = run_bundle(bundle.shell(
      "cd /data; stat -c '%n %F %s' huge holes fifo node; head -c 4097 huge | tail -c 1; echo;"
      " tail -c 3 holes; echo; readlink link; readlink self; stat -c %a 'odd ' odd;"
      " [ $(du -sk . | cut -f1) -lt 100 ] && echo small"));
  EXPECT_EQ(outcome.out,
            "huge regular file 1099511627776\nholes regular file 1048579\nfifo fifo 0\n"
            "node character special file 0\nx\nend\n" +
                host.path() + "\n.\n4755\n0\nsmall\n")
      << outcome.err;
}

// --- SEC-20, BAD-35 ------------------------------------------------------------------------------

// "major:minor" of the file systems that cover these directories.
std::set<std::string> devices_at(const Report& report, const std::vector<std::string>& places) {
  std::set<std::string> devices;
  for (const std::string& line : report.all("mount")) {
    const std::vector<std::string_view> words = ctr::split(line, ' ');
    for (const std::string& place : places)
      if (words.size() > 4 && words[4] == place) devices.emplace(words[2]);
  }
  return devices;
}

OCI_TEST(Masks, DirectoriesShareOneFileSystem) {
  Bundle bundle;
  std::vector<std::string> places;
  for (const char* name : {"/one", "/two", "/three"}) {
    make_directories(bundle.in_rootfs(name));
    bundle.set("/linux/maskedPaths/-", json_string(name));
    places.emplace_back(name);
  }
  const Report report = run_report(bundle);
  EXPECT_EQ(devices_at(report, places).size(), 1U);
  for (const std::string& place : places)
    EXPECT_TRUE(has_option(parse_mount_line(report.mount_at(place)).options, "ro")) << place;
}

OCI_TEST(Masks, CannotBeTakenAwayFromInside) {
  Bundle bundle;
  write_file(bundle.in_rootfs("/key"), "secret");
  make_directories(bundle.in_rootfs("/keys"));
  write_file(bundle.in_rootfs("/keys/key"), "secret");
  bundle.set("/linux/maskedPaths", R"(["/key","/keys"])");
  const Outcome outcome = run_bundle(bundle.shell(
      "umount /key 2>/dev/null && echo unmounted; umount -l /keys 2>/dev/null && echo unmounted;"
      " rm -f /key 2>/dev/null; mv /keys /k 2>/dev/null && echo moved; cat /key; ls /keys"));
  EXPECT_EQ(outcome.out, "") << outcome.err;
  EXPECT_EQ(read_file(bundle.in_rootfs("/key")), "secret");
}

// A link is masked where it leads to, and never outside.
OCI_TEST(Masks, OfLinks) {
  const Host host;
  Bundle bundle;
  write_file(bundle.in_rootfs("/key"), "secret");
  make_directories(bundle.in_rootfs("/keys"));
  write_file(bundle.in_rootfs("/keys/key"), "secret");
  put(bundle, "/to-key", "ln -s /key $F");
  put(bundle, "/to-keys", "ln -s keys $F");
  put(bundle, "/to-host", "ln -s " + host.path() + " $F");
  put(bundle, "/round", "ln -s /round $F");
  const std::string before = read_file("/proc/self/mountinfo");
  bundle.set("/linux/maskedPaths", R"(["/to-key","/to-keys","/to-host","/round","/key/below"])");
  const Outcome outcome = run_bundle(bundle.shell("cat /to-key; ls /to-keys; echo ran"));
  expect_ran_or_one_line(outcome);
  EXPECT_FALSE(contains(outcome.out, "secret") || contains(outcome.out, "key")) << outcome.out;
  bundle.set("/linux/maskedPaths", "[]").set("/linux/readonlyPaths", R"(["/to-keys","/to-host"])");
  const Outcome fixed = run_bundle(bundle.shell("(echo x >/keys/new) 2>/dev/null || echo refused"));
  expect_ran_or_one_line(fixed);
  if (fixed.status == 0) {
    EXPECT_EQ(fixed.out, "refused\n") << fixed.err;
  }
  EXPECT_EQ(read_file("/proc/self/mountinfo"), before);
}

// --- SEC-21 --------------------------------------------------------------------------------------

// /srv/capable of a container: a program that is to have CAP_SETUID if whoever starts it can
// inherit it ("cap_setuid+ei"). On a file system of its own: that of the bundles does not heed it.
class CapableProgram {
 public:
  explicit CapableProgram(Bundle& bundle) {
    EXPECT_EQ(::mount("none", dir_.path().c_str(), "tmpfs", 0, nullptr), 0);
    const std::string file = dir_ / "capable";
    EXPECT_TRUE(copy_file(bundle.in_rootfs("/bin/guest"), file, 0755));
    const vfs_cap_data data{VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                            {{0, 1U << CAP_SETUID}, {0, 0}}};
    EXPECT_EQ(::setxattr(file.c_str(), "security.capability", &data, sizeof data, 0), 0);
    bundle.bind(dir_.path(), "/srv", "bind");
  }
  ~CapableProgram() { EXPECT_EQ(::umount2(dir_.path().c_str(), MNT_DETACH), 0); }

 private:
  TempDir dir_;
};

constexpr const char* kNone = "0000000000000000";
constexpr const char* kSetuid = "0000000000000080";

OCI_TEST(Capabilities, AFilesOwnAreForWhoCanInheritThem) {
  Bundle bundle;
  const CapableProgram program(bundle);
  bundle.set("/process/noNewPrivileges", "false")
      .set("/process/user", R"({"uid":1000,"gid":1000})")
      .set("/process/capabilities/bounding", R"(["CAP_SETUID"])")
      .set("/process/capabilities/permitted", "[]")
      .set("/process/capabilities/effective", "[]")
      .args({"/srv/capable", "report"});
  EXPECT_EQ(run_report(bundle)["status.CapPrm"], kNone);
  ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{}, {"--cap", "CAP_SETUID"}, {"--user", "1001"}}) {
    std::vector<std::string> words{"exec"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {bundle.id(), "/srv/capable", "report"});
    const Outcome outcome = runtime(words);
    EXPECT_STATUS(outcome, 0);
    const Report report(outcome.out);
    EXPECT_EQ(report["status.CapPrm"], kNone);
    EXPECT_EQ(report["status.CapInh"], kNone);
    EXPECT_EQ(report["status.CapAmb"], kNone);
  }
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  // With the set that the program asks for it gets it: so the file's own did count.
  bundle.set("/process/capabilities/inheritable", R"(["CAP_SETUID"])")
      .args({"/srv/capable", "report"});
  EXPECT_EQ(run_report(bundle)["status.CapPrm"], kSetuid);
}

// The five sets of `exec`, by its words and by its file, for root and for others.
OCI_TEST(Exec, HasExactlyTheCapabilitiesOfItsFile) {
  for (const bool mapped : {false, true}) {
    SCOPED_TRACE(mapped ? "in a user namespace" : "in ours");
    Bundle bundle;
    if (mapped) bundle.map_ids(100000, 65536);
    ASSERT_STATUS(run_bundle(bundle.args({"/bin/guest", "hold"}), {"--detach"}), 0);
    for (const char* uid : {"0", "1000"}) {
      write_file("/tmp/process.json", ctr::strf(R"({"cwd":"/","args":["/bin/guest","report"],
          "user":{"uid":%s,"gid":0},"noNewPrivileges":false,"capabilities":{
          "bounding":["CAP_SETUID","CAP_KILL","CAP_CHOWN"],"permitted":["CAP_SETUID","CAP_KILL"],
          "effective":["CAP_KILL"],"inheritable":["CAP_SETUID"],"ambient":["CAP_SETUID"]}})",
                                                uid));
      const Outcome outcome = runtime({"exec", "--process", "/tmp/process.json", bundle.id()});
      EXPECT_STATUS(outcome, 0);
      const Report report(outcome.out);
      const bool root = *uid == '0';
      EXPECT_EQ(report["status.CapBnd"], "00000000000000a1");
      EXPECT_EQ(report["status.CapInh"], kSetuid);
      // capabilities(7): root's are all in its bounding or inheritable set, and ambient ones are
      // no more than that.
      EXPECT_EQ(report["status.CapPrm"], root ? "00000000000000a1" : kSetuid) << uid;
      EXPECT_EQ(report["status.CapEff"], root ? "00000000000000a1" : kSetuid) << uid;
      EXPECT_EQ(report["status.CapAmb"], kSetuid) << uid;
    }
    ::unlink("/tmp/process.json");
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

// --- SEC-23, SEC-24 ------------------------------------------------------------------------------

OCI_TEST(Exec, NumbersAreNotNamesOfUsers) {
  Bundle bundle;
  append_file(bundle.in_rootfs("/etc/passwd"), "1000:x:0:0::/:/bin/sh\n:x:0:0::/:/bin/sh\n");
  append_file(bundle.in_rootfs("/etc/group"), "1000:x:0:\n");
  bundle.set("/process/user", R"({"uid":7,"gid":8})").args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(bundle, {"--detach"}), 0);
  const struct {
    const char* user;
    const char* uid;
    const char* gid;
  } cases[] = {{"1000", "1000 1000 1000", "8 8 8"},
               {"1000:1000", "1000 1000 1000", "1000 1000 1000"},
               {"4294967294:4294967294", "4294967294 4294967294 4294967294",
                "4294967294 4294967294 4294967294"},
               {"0", "0 0 0", "8 8 8"},
               {"", "7 7 7", "8 8 8"}};
  for (const auto& one : cases) {
    const Outcome outcome =
        runtime({"exec", "--user", one.user, bundle.id(), "/bin/guest", "report"});
    EXPECT_STATUS(outcome, 0) << one.user;
    EXPECT_EQ(Report(outcome.out)["uid"], one.uid) << one.user;
    EXPECT_EQ(Report(outcome.out)["gid"], one.gid) << one.user;
  }
  for (const char* bad :
       {"1:4294967295", "1:4294967296", "1:-1", "1:x", "+1", " 1", "1 ", "0x10", "1:2:3", "1e3"})
    EXPECT_NE(runtime({"exec", "--user", bad, bundle.id(), "/bin/true"}).status, 0) << bad;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// What the caller is a member of is his own affair.
OCI_TEST(Process, HasNoneOfTheCallersGroups) {
  std::string groups;
  for (int gid = 500; gid < 530; ++gid) groups += (gid == 500 ? "" : ",") + std::to_string(gid);
  for (const bool mapped : {false, true}) {
    SCOPED_TRACE(mapped ? "in a user namespace" : "in ours");
    Bundle bundle;
    if (mapped) bundle.map_ids(100000, 65536);
    const auto as_member = [&](const std::vector<std::string>& words) {
      Command command = runtime_command(words);
      command.argv.insert(command.argv.begin(), {"setpriv", "--groups", groups});
      return run(command);
    };
    const Outcome ran = as_member({"run", "--bundle", bundle.path(), bundle.id()});
    EXPECT_STATUS(ran, 0);
    EXPECT_EQ(Report(ran.out)["groups"], "");
    bundle.args({"/bin/guest", "hold"});
    EXPECT_STATUS(as_member({"run", "--detach", "--bundle", bundle.path(), bundle.id()}), 0);
    const Outcome more = as_member({"exec", bundle.id(), "/bin/guest", "report"});
    EXPECT_STATUS(more, 0);
    EXPECT_EQ(Report(more.out)["groups"], "");
    const Outcome given = as_member(
        {"exec", "--user", "5:6", "--additional-gids", "9", bundle.id(), "/bin/guest", "report"});
    EXPECT_EQ(Report(given.out)["groups"], "9");
    EXPECT_EQ(Report(given.out)["gid"], "6 6 6");
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

// --- SEC-25 --------------------------------------------------------------------------------------

OCI_TEST(Rootfs, DevicesAreDeniedWithoutAnyRule) {
  if (cgroup_dir("devices", "/").empty())
    GTEST_SKIP() << "no control group controller here: devices";
  for (const char* resources : {"", "{}", R"({"devices":[]})", R"({"devices":null})"}) {
    SCOPED_TRACE(resources);
    Bundle bundle;
    bundle.remove("/linux/resources");
    if (*resources != 0) bundle.set("/linux/resources", resources);
    for (const char* set : {"bounding", "effective", "permitted"})
      bundle.set(std::string("/process/capabilities/") + set, R"(["CAP_MKNOD"])");
    bundle.shell(
        "for n in 'b 8 0' 'b 254 0' 'c 1 11' 'c 1 1' 'c 10 200' 'c 10 229'; do"
        " mknod /tmp/n $n 2>/dev/null; (: </tmp/n) 2>/dev/null && echo opened $n; rm -f /tmp/n;"
        " done; : </dev/null && : </dev/zero && : </dev/urandom && echo usual");
    EXPECT_EQ(run_bundle(bundle).out, "usual\n");
  }
}

}  // namespace
