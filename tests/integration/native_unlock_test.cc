// SPDX-License-Identifier: Apache-2.0
// unlock, by the numbered examples and rules of its document.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::path_exists;
using support::shell;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

const std::string kCaps =
    "sed -n 's/^Cap\\(Inh\\|Prm\\|Eff\\|Bnd\\|Amb\\):.0*/\\1 /p' "
    "/proc/self/status";

NS_TEST(NativeUnlock, Example1DropsAllOrTheList) {
  const Outcome all = shell(
      "$C unlock -m tmpfs,none,/mnt -k /mnt/x --drop-all grep -E '^Cap(Prm|Eff|Bnd)' "
      "/proc/self/status; ls /mnt");
  EXPECT_EQ(all.out,
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nx\n")
      << all.err;
  const Outcome list = shell("$C unlock -k /tmp/x sed -n 's/CapBnd:.//p' /proc/self/status");
  const std::uint64_t bounding = std::stoull(list.out, nullptr, 16);
  for (const int cap : {CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_PTRACE, CAP_SYS_BOOT,
                        CAP_MKNOD, CAP_SYS_CHROOT, CAP_SETFCAP, CAP_BPF, CAP_PERFMON, CAP_SYS_TIME})
    EXPECT_EQ(bounding >> cap & 1, 0U) << cap;
  EXPECT_EQ(bounding >> CAP_CHOWN & 1, 1U);
}

NS_TEST(NativeUnlock, Example2ReadOnlyBind) {
  const Outcome write =
      shell("$C unlock -m tmpfs,none,/mnt -k /mnt/b -b /tmp,/mnt/b,ro touch /mnt/b/x");
  EXPECT_NE(write.status, 0);
  EXPECT_THAT(write.err, HasSubstr("Read-only file system"));
}

// A root with a shell in it, and a /proc to see things by.
const std::string kUntrusted =
    "mkdir -p /tmp/untrusted/bin /tmp/untrusted/tmp /tmp/untrusted/proc /tmp/newroot; "
    "cp /bin/busybox /tmp/untrusted/bin/sh; cp /bin/busybox /tmp/untrusted/bin/mount; ";

NS_TEST(NativeUnlock, Example3TrustedStart) {
  const Outcome denied =
      shell(kUntrusted +
            "$C unlock -b /tmp/untrusted,/tmp/newroot,rec -p /tmp/newroot -D -- /bin/sh -c "
            "'ls / && mount -t tmpfs none /tmp'");
  EXPECT_NE(denied.status, 0);
  EXPECT_EQ(denied.out, "bin\nproc\ntmp\n");
  EXPECT_THAT(denied.err, MatchesRegex("(.|\n)*([Pp]ermission denied|not permitted|root)(.|\n)*"));
}

NS_TEST(NativeUnlock, Example4FailureStops) {
  const Outcome failed = shell("$C unlock -m nosuchfs,none,/mnt touch /tmp/ran");
  EXPECT_EQ(failed.status, 125);
  EXPECT_THAT(failed.err, HasSubstr("operation 0"));
  EXPECT_THAT(failed.err, HasSubstr("nosuchfs"));
  EXPECT_FALSE(path_exists("/tmp/ran"));
  const Outcome tolerated = shell("$C unlock -q -m nosuchfs,none,/mnt touch /tmp/ran");
  EXPECT_EQ(tolerated.status, 0) << tolerated.err;
  EXPECT_THAT(tolerated.err, HasSubstr("(ignored)"));
  EXPECT_TRUE(path_exists("/tmp/ran"));
  // Only the next one may fail, and what was done before it stays.
  EXPECT_EQ(shell("$C unlock -k /tmp/a -q -k /no/b -k /no/c true").status, 125);
  EXPECT_TRUE(path_exists("/tmp/a"));
}

NS_TEST(NativeUnlock, Example5DescriptorOutlivesTheMount) {
  const Outcome open = shell(
      "$C unlock -m tmpfs,none,/mnt -k /mnt/in -o /mnt,path+directory --env=H -u /mnt sh -c 'ls "
      "/proc/self/fd/$H/.; echo $CTRTOOL_UNLOCK_FD_0 $CTRTOOL_UNLOCK_COUNT; ls /mnt/in "
      "2>/dev/null\'");
  EXPECT_THAT(open.out, MatchesRegex("in\n[0-9]+ 1\n")) << open.err;
}

NS_TEST(NativeUnlock, Example6Mistakes) {
  EXPECT_EQ(shell("$C unlock -u /nonmount /bin/true").status, 125);
  for (const char* words : {"-B +nosuchcap true",
                            "-k /tmp/never",
                            "-m tmpfs true",
                            "-q true",
                            "-b /a,/b,odd true",
                            "-R /mnt,rec true",
                            "-P /mnt,odd true",
                            "-u /mnt,odd true",
                            "-o /tmp,odd true",
                            "-o /tmp,path,0644 true",
                            "-i 0,0 true",
                            "--env=A true",
                            "-k /tmp/never --fd=9 true",
                            "-D -C none true",
                            "-K -B none true",
                            "-A net_raw true",
                            "-s odd true",
                            "-x 77 true",
                            "-x 0 -D true",
                            "--resolve=odd true",
                            "-k /tmp/never -S -1 true",
                            "--nonsense true"})
    EXPECT_EQ(shell("$C unlock " + std::string(words)).status, 1) << words;
  EXPECT_FALSE(path_exists("/tmp/never"));
  EXPECT_EQ(shell("$C unlock -k /tmp/a -- /no/such").status, 127);
  EXPECT_EQ(shell("$C unlock -k /tmp/b -- /etc/passwd").status, 126);
  EXPECT_EQ(shell("$C unlock -k /tmp/c sh -c 'exit 7'").status, 7);
}

// --- no code and no file of the new root before the drop -----------------------------------------

#if defined(__x86_64__)
struct Calls {
  std::vector<long> after_pivot;  // up to and with execve
  int status = -1;
};

// Every system call between the one that detaches the old root and the program.
Calls traced_calls(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  std::vector<std::string> copy = words;
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(99);
  }
  Calls calls;
  bool pivoted = false;
  bool entering = true;
  int status = 0;
  ::waitpid(child, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  while (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0 &&
         ::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    user_regs_struct regs{};
    ::ptrace(PTRACE_GETREGS, child, nullptr, &regs);
    const auto number = static_cast<long>(regs.orig_rax);
    if (entering && pivoted) calls.after_pivot.push_back(number);
    if (entering && number == SYS_pivot_root) pivoted = true;
    const bool started = pivoted && number == SYS_execve && !entering;
    entering = !entering;
    if (!started) continue;
    ::ptrace(PTRACE_DETACH, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
    break;
  }
  calls.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return calls;
}

NS_TEST(NativeUnlock, NothingOfTheNewRootIsOpenedBeforeTheDrop) {
  ASSERT_EQ(shell(kUntrusted).status, 0);
  const Calls calls =
      traced_calls(support::ctrtool_words({"unlock", "-b", "/tmp/untrusted,/tmp/newroot,rec", "-p",
                                           "/tmp/newroot", "-D", "--", "/bin/sh", "-c", "exit 5"}));
  ASSERT_EQ(calls.status, 5);
  ASSERT_FALSE(calls.after_pivot.empty());
  EXPECT_EQ(calls.after_pivot.back(), SYS_execve);
  for (std::size_t i = 0; i + 1 < calls.after_pivot.size(); ++i)
    for (const long forbidden : {SYS_execve, SYS_execveat, SYS_open, SYS_openat, SYS_openat2,
                                 SYS_clone, SYS_clone3, SYS_fork, SYS_vfork, SYS_uselib})
      EXPECT_NE(calls.after_pivot[i], forbidden) << i;
}
#endif

NS_TEST(NativeUnlock, AHostileLoaderAndLibrariesDoNotRun) {
  // Everything that a dynamic program, a shell or a C library might load is a program that says so.
  support::write_file("/tmp/hostile", "#!/bin/sh\necho ran >/ran\n", 0755);
  const Outcome started = shell(
      kUntrusted +
      "for d in lib lib64 usr/lib usr/lib64 lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu "
      "usr/lib/x86_64-linux-gnu/gconv usr/lib/locale etc; do mkdir -p /tmp/untrusted/$d; "
      "for f in ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libc.so.6 libnss_files.so.2 libm.so.6 "
      "libgcc_s.so.1 libstdc++.so.6 libasan.so.8 libubsan.so.1 evil.so; do cp /tmp/hostile "
      "/tmp/untrusted/$d/$f; done; done; "
      "echo /lib/evil.so >/tmp/untrusted/etc/ld.so.preload; cp /tmp/hostile "
      "/tmp/untrusted/etc/ld.so.cache; "
      "LD_PRELOAD= LD_LIBRARY_PATH=/lib $C unlock -b /tmp/untrusted,/tmp/newroot,rec -p "
      "/tmp/newroot -D -- "
      "/bin/sh -c 'echo started; echo ${LD_LIBRARY_PATH-gone} ${LD_PRELOAD-gone}; ls /ran'");
  EXPECT_EQ(started.out, "started\ngone gone\n") << started.err;
  EXPECT_FALSE(path_exists("/tmp/untrusted/ran"));
  EXPECT_FALSE(path_exists("/ran"));
}

NS_TEST(NativeUnlock, LoaderVariablesStayWithTheRoot) {
  EXPECT_EQ(shell("LD_X=1 $C unlock -k /tmp/a sh -c 'echo ${LD_X-gone}'").out, "1\n");
  EXPECT_EQ(shell("LD_X=1 $C unlock -r / sh -c 'echo ${LD_X-gone}'").out, "gone\n");
  EXPECT_EQ(shell("LD_X=1 $C unlock --keep-ld -r / sh -c 'echo ${LD_X-gone}'").out, "1\n");
}

// --- every operation -----------------------------------------------------------------------------

NS_TEST(NativeUnlock, OperationsOnMounts) {
  const Outcome tree = shell(
      "mkdir -p /tmp/a /tmp/b /tmp/c; cd /tmp; $C unlock -m tmpfs,name,a,nosuid+noexec,size=64k -k "
      "a/sub,0700 -M /tmp/a,/tmp/b -R b,ro+nodev -P /tmp/b,shared+rec -d /tmp/b -l to,/tmp/link sh "
      "-c 'pwd; stat -c %a sub; readlink /tmp/link; grep \" /tmp/b \" /proc/self/mountinfo; grep "
      "-c "
      "\" /tmp/a \" /proc/self/mountinfo'");
  EXPECT_THAT(tree.out, HasSubstr("/tmp/b\n700\nto\n")) << tree.err;
  EXPECT_THAT(tree.out, HasSubstr("ro,nosuid,nodev,noexec"));
  EXPECT_THAT(tree.out, HasSubstr("shared:"));
  EXPECT_THAT(tree.out, HasSubstr("size=64k"));
  EXPECT_THAT(tree.out, testing::EndsWith("0\n"));
  EXPECT_THAT(tree.err, Not(HasSubstr("ctrtool")));
  EXPECT_EQ(
      shell("touch /tmp/f /tmp/g; echo text >/tmp/f; $C unlock -b /tmp/f,/tmp/g cat /tmp/g").out,
      "text\n");
  EXPECT_EQ(shell("mkdir -p /tmp/d; $C unlock -m 'tmpfs,a\\,b,/tmp/d' sed -n 's/ .tmp.d .*//p' "
                  "/proc/self/mounts")
                .out,
            "a,b\n");
}

NS_TEST(NativeUnlock, LinksInTargetsAreRefusedUnlessAllowed) {
  ASSERT_EQ(shell("mkdir -p /tmp/real; ln -s real /tmp/link").status, 0);
  for (const char* words :
       {"-m tmpfs,x,/tmp/link", "-b /tmp,/tmp/link", "-k /tmp/link/x", "-l x,/tmp/link/y",
        "-u /tmp/link/.", "-R /tmp/link,ro", "-P /tmp/link,private"}) {
    const Outcome refused = shell("$C unlock " + std::string(words) + " true");
    EXPECT_EQ(refused.status, 125) << words;
    EXPECT_THAT(refused.err, HasSubstr("symbolic links")) << words;
  }
  EXPECT_EQ(shell("$C unlock -m tmpfs,x,/tmp/link,follow true").status, 0);
  EXPECT_EQ(shell("$C unlock --resolve=follow -k /tmp/link/x true").status, 0);
  EXPECT_EQ(shell("$C unlock --resolve=no_symlinks -d /tmp/link true").status, 125);
  EXPECT_EQ(shell("$C unlock -d /tmp/link true").status, 0);
  EXPECT_EQ(shell("ln -s / /tmp/real2; $C unlock --resolve=beneath -o /etc/passwd true").status,
            125);
}

NS_TEST(NativeUnlock, RootsAndDirectories) {
  const Outcome kept =
      shell(kUntrusted +
            "mkdir -p /tmp/untrusted/old; $C unlock -b /tmp/untrusted,/tmp/newroot,rec -p "
            "/tmp/newroot,/tmp/newroot/old -- /bin/sh -c 'pwd; ls /old/tmp/untrusted'");
  EXPECT_EQ(kept.out, "/\nbin\nold\nproc\ntmp\n") << kept.err;
}

NS_TEST(NativeUnlock, ChangesTheRootAlone) {
  EXPECT_EQ(shell(kUntrusted + "$C unlock -r /tmp/untrusted /bin/sh -c 'pwd; ls /'").out,
            "/\nbin\nproc\ntmp\n");
}

NS_TEST(NativeUnlock, WritesOpensAndReceives) {
  EXPECT_EQ(shell("echo old >/tmp/f; $C unlock -w '/tmp/f,a,b' cat /tmp/f").out, "a,b\n");
  EXPECT_EQ(shell("$C unlock -w /tmp/none,x true").status, 125);
  const Outcome opened = shell(
      "umask 0; $C unlock -o /tmp/new,wronly+creat+excl,0640 --fd=9 sh -c 'echo x >&9; stat -c %a "
      "/tmp/new; cat /tmp/new'");
  EXPECT_EQ(opened.out, "640\nx\n") << opened.err;
  const Outcome others = shell(
      "exec 7</dev/null 8</dev/zero; A=8 CTRTOOL_X_FD_0=7 $C unlock -o /etc/passwd -i /A,1 true; "
      "$C unlock -k /tmp/q sh -c 'readlink /proc/self/fd/7 || echo closed; echo "
      "${CTRTOOL_X_FD_0-gone}'");
  EXPECT_EQ(others.out, "closed\ngone\n") << others.err;
  EXPECT_THAT(others.err, HasSubstr("operation 1"));
}

NS_TEST(NativeUnlock, ReceivesDescriptorsInOrder) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  support::write_file("/tmp/one", "1");
  support::write_file("/tmp/two", "2");
  const int one = ::open("/tmp/one", O_RDONLY);
  const int two = ::open("/tmp/two", O_RDONLY);
  for (const int fd : {one, two}) {
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ASSERT_EQ(::sendmsg(pair[0], &message, 0), 1);
  }
  const Outcome got = support::run(
      {.argv = support::ctrtool_words({"unlock", "-i", "5,2", "--env=FIRST", "sh", "-c",
                                       "eval cat /proc/self/fd/$FIRST "
                                       "/proc/self/fd/$CTRTOOL_UNLOCK_FD_1; echo "
                                       "$CTRTOOL_UNLOCK_COUNT"}),
       .fds = {{pair[1], 5}}});
  EXPECT_EQ(got.out, "122\n") << got.err;
}

NS_TEST(NativeUnlock, AttachesAMountThatIsADescriptor) {
  const int tree = static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "/etc", 1 /* CLONE */));
  ASSERT_GE(tree, 0);
  const Outcome seen =
      support::run({.argv = support::ctrtool_words({"unlock", "-f", "6,/mnt", "ls", "/mnt/passwd"}),
                    .fds = {{tree, 6}}});
  EXPECT_EQ(seen.out, "/mnt/passwd\n") << seen.err;
}

// --- the drop ------------------------------------------------------------------------------------

NS_TEST(NativeUnlock, SetsAsTheyAreAskedFor) {
  const auto sets = [](const std::string& words) {
    return shell("$C unlock -k /tmp/k " + words + " " + kCaps + "; rmdir /tmp/k").out;
  };
  EXPECT_EQ(sets("-D"), "Inh \nPrm \nEff \nBnd \nAmb \n");
  EXPECT_EQ(sets("-B 0x3 -C 0x1"), "Inh \nPrm 3\nEff 3\nBnd 3\nAmb \n");
  EXPECT_EQ(sets("-B chown,dac_override -C chown -I chown -A chown -s noroot"),
            "Inh 1\nPrm 1\nEff 1\nBnd 3\nAmb 1\n");
  EXPECT_EQ(sets("-S 5 -G 6 -g 7,8 -C chown -I chown -A chown -B chown"),
            "Inh 1\nPrm 1\nEff 1\nBnd 1\nAmb 1\n");
  EXPECT_EQ(shell("$C unlock -k /tmp/i -S 5 -G 6 -g 7,8 sh -c 'id -u; id -g; id -G'").out,
            "5\n6\n6 7 8\n");
  const Outcome kept = shell("$C unlock -k /tmp/j -K " + kCaps);
  EXPECT_EQ(kept.out, shell(kCaps).out);
  EXPECT_THAT(kept.err, HasSubstr("nothing is dropped"));
  EXPECT_EQ(shell("$C unlock -k /tmp/l -n sed -n s/NoNewPrivs:.//p /proc/self/status").out, "1\n");
}

NS_TEST(NativeUnlock, FilterIsTheLastThing) {
  // BPF: deny uname(2) with EPERM, allow the rest.
  struct Insn {
    unsigned short code;
    unsigned char jt, jf;
    unsigned k;
  };
  const Insn filter[] = {
      {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_uname}, {0x06, 0, 0, 0x00050001}, {0x06, 0, 0, 0x7fff0000}};
  support::write_file("/tmp/filter",
                      std::string(reinterpret_cast<const char*>(filter), sizeof filter));
  EXPECT_NE(shell("$C unlock -k /tmp/a -n -x =/tmp/filter uname").status, 0);
  EXPECT_EQ(shell("$C unlock -k /tmp/b -n -x =/tmp/filter sh -c 'exit 3'").status, 3);
  support::write_file("/tmp/nofilter", "abc");
  EXPECT_EQ(shell("$C unlock -k /tmp/c -n -x =/tmp/nofilter true").status, 1);
}

NS_TEST(NativeUnlock, ProgramByDescriptorAndDryRun) {
  EXPECT_EQ(shell("$C unlock -e =/bin/busybox -m tmpfs,x,/tmp echo ok").out, "ok\n");
  const Outcome dry = shell("$C unlock -y -k /tmp/dry -D true");
  EXPECT_EQ(dry.status, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("operation 0 (-k /tmp/dry)"));
  EXPECT_THAT(dry.out, HasSubstr("execute the program"));
  EXPECT_FALSE(path_exists("/tmp/dry"));
}

NS_TEST(NativeUnlock, StepOfChrootPivot) {
  const Outcome swapped = shell(
      "mkdir -p /tmp/cr; mount -t tmpfs x /tmp/cr; mkdir -p /tmp/cr/new; mount -t tmpfs y "
      "/tmp/cr/new; mkdir /tmp/cr/new/old; touch /tmp/cr/new/marker; $C unlock --chroot-pivot "
      "/tmp/cr,/new,/new/old ls /tmp/cr /tmp/cr/old");
  EXPECT_EQ(swapped.out, "/tmp/cr:\nmarker\nold\n\n/tmp/cr/old:\nnew\n") << swapped.err;
}

NS_TEST_WITH(NativeUnlock, WorksWithoutRealRoot, {.user_namespace = true}) {
  const Outcome done = shell(
      "$C unlock -m tmpfs,none,/mnt,nosuid -k /mnt/a -k /mnt/b -b /mnt/a,/mnt/b,ro -D sh -c 'grep "
      "-c "
      "\" /mnt/b tmpfs ro\" /proc/self/mounts; grep -c CapBnd:.0000000000000000 "
      "/proc/self/status'");
  EXPECT_EQ(done.out, "1\n1\n") << done.err;
}

NS_TEST_WITH(NativeUnlock, LockedFlagsStay, {.user_namespace = true}) {
  const Outcome locked = shell(
      "mount -t tmpfs -o nosuid,nodev x /mnt; $C make_ns -U -m -y \"$C unlock -b /mnt,/mnt,noexec "
      "grep ' /mnt ' /proc/self/mounts\" true");
  EXPECT_THAT(locked.out, HasSubstr("nosuid,nodev,noexec")) << locked.err;
}

}  // namespace
