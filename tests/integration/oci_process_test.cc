// SPDX-License-Identifier: Apache-2.0
// What the program finds itself to be: ids, rights, limits, descriptors, environment.
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

OCI_TEST(Process, SeesExactlyItsArguments) {
  Bundle bundle;
  bundle.args({"/bin/guest", "report", "", "with space", "-x", "$HOME", "ü\"\\"});
  const Report report = run_report(bundle);
  EXPECT_EQ(report.all("arg"), (std::vector<std::string>{"/bin/guest", "report", "", "with space",
                                                         "-x", "$HOME", "ü\"\\"}));
}

OCI_TEST(Process, IsFoundThroughPath) {
  Bundle bundle;
  bundle.args({"guest", "report"}).set("/process/env", R"(["PATH=/nowhere:/bin"])");
  EXPECT_EQ(run_report(bundle).all("arg")[0], "guest");
}

OCI_TEST(Process, EnvironmentIsTheConfigsAndHome) {
  Bundle bundle;
  bundle.set("/process/env", R"(["PATH=/bin","A=b","EMPTY=","A=second"])");
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.env = {{"PATH=/usr/bin:/bin", "LEAK=me", "_OCI_X=1", "LC_ALL=C"}};
  const Outcome outcome = run(command);
  ASSERT_STATUS(outcome, 0);
  const Report report(outcome.out);
  EXPECT_TRUE(report.has("env", "PATH=/bin"));
  EXPECT_TRUE(report.has("env", "EMPTY="));
  EXPECT_TRUE(report.has("env", "HOME=/root"));
  for (const std::string& entry : report.all("env"))
    EXPECT_TRUE(entry.starts_with("PATH=") || entry.starts_with("A=") || entry == "EMPTY=" ||
                entry == "HOME=/root")
        << entry;
}

OCI_TEST(Process, HomeComesFromThePasswordFile) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  EXPECT_TRUE(run_report(bundle).has("env", "HOME=/home/user"));
  bundle.set("/process/env", R"(["PATH=/bin","HOME=/given"])");
  EXPECT_TRUE(run_report(bundle).has("env", "HOME=/given"));
}

OCI_TEST(Process, UserGroupsAndUmask) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid":1000,"gid":1001,"additionalGids":[5,7,1001],"umask":63})");
  const Report report = run_report(bundle);
  EXPECT_EQ(report["uid"], "1000 1000 1000");
  EXPECT_EQ(report["gid"], "1001 1001 1001");
  EXPECT_EQ(report["groups"], "5 7 1001");
  EXPECT_EQ(report["status.Umask"], "0077");
}

OCI_TEST(Process, UmaskIs022ByDefaultAndGroupsAreEmpty) {
  Bundle bundle;
  const Report report = run_report(bundle);
  EXPECT_EQ(report["status.Umask"], "0022");
  EXPECT_EQ(report["groups"], "");
}

OCI_TEST(Process, WorkingDirectory) {
  Bundle bundle;
  bundle.set("/process/cwd", "\"/tmp\"");
  EXPECT_EQ(run_report(bundle)["cwd"], "/tmp");
}

OCI_TEST(Process, WorkingDirectoryMustBeInside) {
  Bundle bundle;
  for (int fd = 3; fd < 16; ++fd) {
    for (const char* rest : {"", "/../.."}) {
      bundle.set("/process/cwd", "\"/proc/self/fd/" + std::to_string(fd) + rest + "\"");
      const Outcome outcome = run_bundle(bundle);
      EXPECT_NE(outcome.status, 0) << outcome.out;
      EXPECT_FALSE(contains(outcome.out, "cwd.inode")) << outcome.out;
    }
  }
}

OCI_TEST(Process, IsALeaderWithDefaultSignals) {
  Bundle bundle;
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  const Outcome outcome = run(command);
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_STATUS(outcome, 0);
  const Report report(outcome.out);
  EXPECT_EQ(report["pid"], "1");
  EXPECT_EQ(report["sid"], "1");
  EXPECT_EQ(report["status.SigBlk"], "0000000000000000");
  EXPECT_EQ(report["status.SigIgn"], "0000000000000000");
  EXPECT_EQ(report["pdeathsig"], "0");
  EXPECT_EQ(report["subreaper"], "0");
}

OCI_TEST(Capabilities, AreExactlyTheFiveSets) {
  Bundle bundle;
  const Report report = run_report(bundle);
  EXPECT_EQ(report["status.CapEff"], "0000000020000420");
  EXPECT_EQ(report["status.CapPrm"], "0000000020000420");
  EXPECT_EQ(report["status.CapBnd"], "0000000020000420");
  EXPECT_EQ(report["status.CapInh"], "0000000000000000");
  EXPECT_EQ(report["status.CapAmb"], "0000000000000000");
}

OCI_TEST(Capabilities, AmbientSurvivesForAnOrdinaryUser) {
  Bundle bundle;
  const std::string one = R"(["CAP_NET_BIND_SERVICE"])";
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"})
    bundle.set(std::string("/process/capabilities/") + set, one);
  const Report report = run_report(bundle);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(report[std::string("status.") + set], "0000000000000400") << set;
}

// config.md: a warning, and no failure. In a user namespace there are all.
OCI_TEST(Capabilities, WhatWeLackIsLeftOut) {
  const std::string two = R"(["CAP_KILL","CAP_NET_RAW"])";
  Bundle bundle;
  for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"})
    bundle.set(std::string("/process/capabilities/") + set, two);
  const auto lacking = [&bundle] {
    Command command = runtime_command({"--log", "/tmp/log", "--log-level", "warning", "run",
                                       "--bundle", bundle.path(), bundle.id()});
    const std::vector<std::string> without = {"setpriv", "--bounding-set", "-net_raw"};
    command.argv.insert(command.argv.begin(), without.begin(), without.end());
    return run(command);
  };
  const Outcome ran = lacking();
  EXPECT_STATUS(ran, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_TRUE(contains(read_file("/tmp/log"),
                       "config.json: /process/capabilities: CAP_NET_RAW cannot "
                       "be granted: we do not hold that"));
  ::unlink("/tmp/log");
  const Report report(ran.out);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(report[std::string("status.") + set], "0000000000000020") << set;

  bundle.map_ids(100000, 1000);
  ::chmod(bundle.path().c_str(), 0755);
  const Outcome inside = lacking();
  EXPECT_STATUS(inside, 0);
  EXPECT_EQ(read_file("/tmp/log"), "");
  EXPECT_EQ(Report(inside.out)["status.CapEff"], "0000000000002020");
}

OCI_TEST(Capabilities, NoneWhenTheConfigHasNone) {
  Bundle bundle;
  bundle.set("/process/capabilities", "{}");
  const Report report = run_report(bundle);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(report[std::string("status.") + set], "0000000000000000") << set;
}

OCI_TEST(Limits, AreSet) {
  Bundle bundle;
  bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":200,"hard":300},
                                     {"type":"RLIMIT_CORE","soft":0,"hard":0},
                                     {"type":"RLIMIT_STACK","soft":4194304,"hard":8388608}])");
  const Report report = run_report(bundle);
  EXPECT_EQ(report["rlimit.NOFILE"], "200 300");
  EXPECT_EQ(report["rlimit.CORE"], "0 0");
  EXPECT_EQ(report["rlimit.STACK"], "4194304 8388608");
}

OCI_TEST(Limits, AreInheritedWhenAbsent) {
  Bundle bundle;
  bundle.remove("/process/rlimits");
  rlimit ours{};
  ::getrlimit(RLIMIT_NOFILE, &ours);
  EXPECT_EQ(run_report(bundle)["rlimit.NOFILE"],
            std::to_string(ours.rlim_cur) + " " + std::to_string(ours.rlim_max));
}

OCI_TEST(Limits, DuplicatesAreRefused) {
  Bundle bundle;
  bundle.set("/process/rlimits", R"([{"type":"RLIMIT_NOFILE","soft":20,"hard":30},
                                     {"type":"RLIMIT_NOFILE","soft":20,"hard":40}])");
  EXPECT_STATUS(create_bundle(bundle), 1);
}

OCI_TEST(Process, NoNewPrivilegesIsSetOnlyWhenAsked) {
  Bundle bundle;
  EXPECT_EQ(run_report(bundle)["status.NoNewPrivs"], "1");
  bundle.set("/process/noNewPrivileges", "false");
  EXPECT_EQ(run_report(bundle)["status.NoNewPrivs"], "0");
}

OCI_TEST(Process, OomScore) {
  Bundle bundle;
  EXPECT_EQ(run_report(bundle)["oom"], "0");
  bundle.set("/process/oomScoreAdj", "500");
  EXPECT_EQ(run_report(bundle)["oom"], "500");
}

OCI_TEST(Process, HasASessionKeyringOfItsOwn) {
  Bundle bundle;
  if (contains(run_report(bundle)["keyring"], "not implemented"))
    GTEST_SKIP() << "this kernel has no key retention service";
  EXPECT_TRUE(contains(run_report(bundle)["keyring"], bundle.id()));
  const Outcome without = run_bundle(bundle, {"--no-new-keyring"});
  EXPECT_STATUS(without, 0);
  EXPECT_FALSE(contains(Report(without.out)["keyring"], bundle.id()));
}

// What the caller has in his own is nothing for the container, whichever way a program got there.
OCI_TEST(Exec, IsNotInTheCallersSessionKeyring) {
  Bundle bundle;
  if (contains(run_report(bundle)["keyring"], "not implemented"))
    GTEST_SKIP() << "this kernel has no key retention service";
  ASSERT_GT(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "of-the-caller"), 0);
  bundle.args({"/bin/guest", "hold"});
  for (const bool own : {true, false}) {
    SCOPED_TRACE(own);
    std::vector<std::string> options{"--detach"};
    if (!own) options.emplace_back("--no-new-keyring");
    ASSERT_STATUS(run_bundle(bundle, options), 0);
    const Outcome outcome = runtime({"exec", bundle.id(), "/bin/guest", "report"});
    EXPECT_STATUS(outcome, 0);
    const std::string keyring = Report(outcome.out)["keyring"];
    EXPECT_EQ(contains(keyring, bundle.id()), own) << keyring;
    EXPECT_EQ(contains(keyring, "of-the-caller"), !own) << keyring;
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  }
}

// --- descriptors -------------------------------------------------------------

class OpenFds {
 public:
  explicit OpenFds(const std::vector<int>& numbers) {
    for (const int number : numbers) {
      ctr::UniqueFd fd(::open(number % 2 == 0 ? "/" : "/etc/passwd", O_RDONLY | O_CLOEXEC));
      fds_.emplace_back(std::move(fd), number);
    }
  }
  std::vector<std::pair<int, int>> list() const {
    std::vector<std::pair<int, int>> result;
    for (const auto& [fd, number] : fds_) result.emplace_back(fd.raw(), number);
    return result;
  }

 private:
  std::vector<std::pair<ctr::UniqueFd, int>> fds_;
};

std::vector<int> fd_numbers(const Report& report) {
  std::vector<int> numbers;
  for (const std::string& fd : report.all("fd")) numbers.push_back(::atoi(fd.c_str()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<int> fds_in_container(const Bundle& bundle, const std::vector<std::string>& options,
                                  const std::vector<int>& given,
                                  const std::vector<std::string>& environment) {
  const OpenFds open(given);
  Command command = runtime_command({"run", "--bundle", bundle.path()});
  command.argv.insert(command.argv.end(), options.begin(), options.end());
  command.argv.push_back(bundle.id());
  command.fds = open.list();
  command.env = environment;
  const Outcome outcome = run(command);
  EXPECT_STATUS(outcome, 0);
  return fd_numbers(Report(outcome.out));
}

OCI_TEST(Descriptors, NothingOfTheCallerLeaks) {
  Bundle bundle;
  EXPECT_EQ(fds_in_container(bundle, {}, {3, 4, 7, 100, 1023}, {"PATH=/usr/bin:/bin"}),
            (std::vector<int>{0, 1, 2}));
}

OCI_TEST(Descriptors, PreservedOnesKeepTheirNumbers) {
  Bundle bundle;
  EXPECT_EQ(fds_in_container(bundle, {"--preserve-fds", "2"}, {3, 4, 5, 9}, {"PATH=/bin"}),
            (std::vector<int>{0, 1, 2, 3, 4}));
}

OCI_TEST(Descriptors, ListenFdsComeFirst) {
  Bundle bundle;
  const OpenFds open({3, 4, 5, 6});
  Command command =
      runtime_command({"run", "--bundle", bundle.path(), "--preserve-fds=1", bundle.id()});
  command.argv = {"/bin/sh",
                  "-c",
                  "LISTEN_PID=$$ exec \"$@\"",
                  "sh",
                  runtime_path(),
                  "--root",
                  state_root(),
                  "run",
                  "--bundle",
                  bundle.path(),
                  "--preserve-fds=1",
                  bundle.id()};
  command.fds = open.list();
  command.env = {{"PATH=/usr/bin:/bin", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"}};
  const Outcome outcome = run(command);
  ASSERT_STATUS(outcome, 0);
  const Report report(outcome.out);
  const std::vector<int> numbers = fd_numbers(report);
  ASSERT_GE(numbers.size(), 5U);
  EXPECT_EQ(numbers[3], 3);
  EXPECT_EQ(numbers[4], 4);
  EXPECT_EQ(numbers.back(), 5) << "two listening ones and one preserved";
  EXPECT_TRUE(report.has("env", "LISTEN_FDS=2"));
  EXPECT_TRUE(report.has("env", "LISTEN_PID=1"));
  EXPECT_TRUE(report.has("env", "LISTEN_FDNAMES=a:b"));
}

// podman says how many there may be.
OCI_TEST(Descriptors, PreservedOnesNeedNotBeOpen) {
  Bundle bundle;
  EXPECT_EQ(fds_in_container(bundle, {"--preserve-fds", "4"}, {4, 9}, {"PATH=/bin"}),
            (std::vector<int>{0, 1, 2, 4}));
}

OCI_TEST(Descriptors, StandardOnesBecomeTheUsers) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid":1000,"gid":1001})").args({"/bin/guest", "exit", "0"});
  const ctr::UniqueFd out(::open("/tmp/out", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  struct stat null_before {};
  ASSERT_EQ(::stat("/dev/null", &null_before), 0);
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{out.raw(), 1}};
  EXPECT_STATUS(run(command), 0);
  struct stat st {};
  ASSERT_EQ(::fstat(out.raw(), &st), 0);
  EXPECT_EQ(st.st_uid, 1000U);
  EXPECT_EQ(st.st_gid, 1001U);
  struct stat null_after {};
  ASSERT_EQ(::stat("/dev/null", &null_after), 0);
  EXPECT_EQ(null_after.st_uid, null_before.st_uid) << "the host's";
  ::unlink("/tmp/out");
}

// The waiting init: what it holds that is not the container's must be known and few.
OCI_TEST(Descriptors, CreatedInitHoldsOnlyItsGate) {
  Bundle bundle;
  const OpenFds open({3, 7, 100});
  Command command = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  command.fds = open.list();
  ASSERT_STATUS(run(command), 0);
  const std::string proc = "/proc/" + std::to_string(pid_of(bundle.id())) + "/fd/";
  std::vector<std::string> others;
  for (const std::string& number : list_directory(proc))
    if (::atoi(number.c_str()) > 2) others.push_back(link_target(proc + number));
  ASSERT_EQ(others.size(), 1U) << others[0];
  EXPECT_TRUE(others[0].starts_with("socket:")) << others[0];
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Descriptors, ClosedStandardOnesAreNotReplacedByOurs) {
  Bundle bundle;
  bundle.shell("guest fds > /tmp/fds; true");
  Command command = runtime_command({"run", "--bundle", bundle.path(), bundle.id()});
  command.argv = {"/bin/sh",     "-c",           "exec \"$@\" <&- >&- 2>&-",
                  "sh",          runtime_path(), "--root",
                  state_root(),  "run",          "--bundle",
                  bundle.path(), bundle.id()};
  EXPECT_STATUS(run(command), 0);
  const Report report(read_file(bundle.in_rootfs("/tmp/fds")));
  for (const std::string& fd : report.all("fd"))
    EXPECT_TRUE(contains(fd, "/dev/null") || contains(fd, "/tmp/fds")) << fd;
}

// Container root must not reach our program through /proc/1/exe before its own starts.
OCI_TEST(Descriptors, BinaryIsOutOfReach) {
  Bundle bundle;
  struct stat before {};
  ASSERT_EQ(::stat(runtime_path().c_str(), &before), 0);
  bundle.args({"/proc/self/exe", "--version"});
  run_bundle(bundle);
  ASSERT_STATUS(create_bundle(bundle.args({"/bin/guest", "hold"})), 0);
  const std::string exe = "/proc/" + std::to_string(pid_of(bundle.id())) + "/exe";
  const ctr::UniqueFd writable(::open(exe.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_FALSE(writable.valid());
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  struct stat after {};
  ASSERT_EQ(::stat(runtime_path().c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  EXPECT_EQ(before.st_size, after.st_size);
}

// --- seccomp -----------------------------------------------------------------

std::string number_of(long syscall) { return std::to_string(syscall); }

OCI_TEST(Seccomp, AnswersTheGivenErrno) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getcpu","no_such_call"],"action":"SCMP_ACT_ERRNO","errnoRet":22},
      {"names":["getpriority"],"action":"SCMP_ACT_ERRNO"}]})");
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getcpu)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Invalid argument"));
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getpriority)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Operation not permitted"));
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getuid)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, " 0 ok"));
}

OCI_TEST(Seccomp, LooksAtArguments) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getcpu"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"}]},
      {"names":["getpriority"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]})");
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getcpu)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Operation not permitted"));
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getpriority)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "ok"));
}

OCI_TEST(Seccomp, Kills) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getcpu"],"action":"SCMP_ACT_KILL_PROCESS"}]})");
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getcpu)});
  EXPECT_STATUS(run_bundle(bundle), 128 + SIGSYS);
  EXPECT_EQ(run_report(bundle.args({"/bin/guest"}))["status.Seccomp"], "2");
}

// With no_new_privs the filter is the last thing before execve. Without, it must be loaded while we
// still may: what is left to do then has to be allowed, as in the profiles of engines.
OCI_TEST(Seccomp, WorksWithAndWithoutNoNewPrivileges) {
  Bundle bundle;
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})")
      .set(
          "/linux/seccomp",
          R"({"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],
      "syscalls":[{"action":"SCMP_ACT_ALLOW","names":["access","arch_prctl","brk","close","execve",
      "execveat","exit","exit_group","faccessat","fcntl","fstat","futex","getpid","getrandom","mmap",
      "mprotect","munmap","newfstatat","poll","prctl","pread64","prlimit64","read","readlink",
      "readlinkat","rseq","rt_sigaction","rt_sigprocmask","set_robust_list","set_tid_address",
      "sigaltstack","uname","write","writev","openat","open","stat","lseek","setuid","setgid","getuid","geteuid","getgid","getegid"]}]})");
  bundle.args({"/bin/guest", "exit", "9"});
  EXPECT_STATUS(run_bundle(bundle), 9);
  bundle.set("/process/noNewPrivileges", "false")
      .set("/linux/seccomp/syscalls/-", R"({"action":"SCMP_ACT_ALLOW","names":["capget","capset",
           "setgroups","setresgid","setresuid","sendmsg","close_range","dup3","umask"]})");
  EXPECT_STATUS(run_bundle(bundle), 9);
}

// A syscall newer than the profile is one that the program may do without.
OCI_TEST(Seccomp, NewerSyscallsGetEnosys) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{
      "action":"SCMP_ACT_ALLOW","names":["access","arch_prctl","brk","close","execve","exit",
      "exit_group","fstat","futex","getrandom","ioctl","mmap","mprotect","munmap","newfstatat",
      "prlimit64","read","readlink","readlinkat","rseq","rt_sigaction","rt_sigprocmask",
      "set_robust_list","set_tid_address","uname","write","writev"]}]})");
  bundle.args({"/bin/guest", "syscall", "5000"});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Function not implemented"));
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getcpu)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Operation not permitted"));
  bundle.set("/linux/seccomp/defaultErrnoRet", std::to_string(EDOM));
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Numerical argument out of domain"));
}

OCI_TEST(Seccomp, UnknownNamesAreErrorsIfSoAsked) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getcpu","no_such_call"],"action":"SCMP_ACT_ERRNO"}]})");
  bundle.set("/annotations", R"({"run.oci.seccomp_fail_unknown_syscall":"1"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/seccomp/syscalls/0/names/1")) << outcome.err;
}

// crun's annotation: a program of four instructions that answers EINVAL (22) to getcpu.
OCI_TEST(Seccomp, ACompiledProgramTakesThePlaceOfTheProfile) {
  const std::vector<sock_filter> program = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getcpu},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EINVAL},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const std::string bytes(reinterpret_cast<const char*>(program.data()),
                          program.size() * sizeof program[0]);
  const Outcome encoded = run({.argv = {"base64", "-w0"}, .input = bytes});
  Bundle bundle;
  bundle.set("/annotations", R"({"run.oci.seccomp_bpf_data":)" + json_string(encoded.out) + "}");
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_KILL"})");
  bundle.args({"/bin/guest", "syscall", number_of(SYS_getcpu)});
  EXPECT_TRUE(contains(run_bundle(bundle).out, "Invalid argument"));
  for (const char* bad : {"", "Zm9v", "not base64"}) {
    bundle.set("/annotations", R"({"run.oci.seccomp_bpf_data":)" + json_string(bad) + "}");
    EXPECT_STATUS(create_bundle(bundle), 1) << bad;
  }
}

OCI_TEST(Seccomp, UnknownActionsAreRefused) {
  Bundle bundle;
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_NOPE"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "SCMP_ACT_NOPE")) << outcome.err;
}

}  // namespace
