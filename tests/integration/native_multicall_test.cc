// SPDX-License-Identifier: Apache-2.0
// Dispatch, and what all applets share: the numbered sections of multicall.md, common.md and
// chaining.md that the tests of single applets do not pass by.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::Outcome;
using support::shell;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Outcome in_scratch(const std::string& text) {
  support::make_directories("/tmp/w");
  return shell("cd /tmp/w; " + text);
}

// --- multicall -----------------------------------------------------------------------------------

NS_TEST(NativeMulticall, SequenceTheProgramsNameDecides) {
  // "ctrtool" and what follows it, "exe" as in /proc/self/exe: the first word is the applet.
  for (const char* name : {"ctrtool", "ctrtool-static", "ctrtool-1.2", "exe", "/proc/self/exe"})
    EXPECT_EQ(shell("$C env -a " + std::string(name) + " $C env -i A=1").out, "A=1\n") << name;
  EXPECT_EQ(shell("$C env -a /x/y/env $C -i A=1").out, "A=1\n");
  EXPECT_EQ(shell("$C env -a exe $C").status, 255);
  // Base 0, above 0; all else is no override, and renameat2 knows no -i.
  const auto overridden = [](const std::string& value) {
    return shell("CTRTOOL_OVERRIDE_ARGV0_LOOKUP=" + value +
                 " $C env -a renameat2 $C env -i A=1; echo $?")
        .out;
  };
  for (const char* on : {"1", "0x1", "010"}) EXPECT_EQ(overridden(on), "A=1\n0\n") << on;
  for (const char* off : {"0", "x", "-1"}) EXPECT_EQ(overridden(off), "2\n") << off;
}

NS_TEST(NativeMulticall, ImproveHelpAndVersionOnStdout) {
  for (const char* words : {"--help", "help", "-h"}) {
    const Outcome help = shell("$C " + std::string(words));
    EXPECT_EQ(help.status, 0) << words;
    EXPECT_THAT(help.out, HasSubstr("mount_seq")) << words;
    EXPECT_EQ(help.err, "");
  }
  EXPECT_THAT(shell("$C --version").out, StartsWith("ctrtool version "));
  EXPECT_EQ(shell("$C --version").out, shell("$C help -v").out);
  EXPECT_THAT(shell("$C help env").out, HasSubstr("ctrtool env"));
  EXPECT_THAT(shell("$C set_fd").err, HasSubstr("did you mean set_fds?"));
  EXPECT_THAT(shell("$C nosuch").err, HasSubstr("CTRTOOL_OVERRIDE_ARGV0_LOOKUP"));
}

NS_TEST(NativeMulticall, ImproveAnEmptyArgumentVector) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    char* none[] = {nullptr};
    ::execv(support::ctrtool_path().c_str(), none);
    ::_exit(99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  // Linux puts an empty argument 0 there (5.18), which names nothing: a usage error, and no crash.
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_NE(WEXITSTATUS(status), 99);
}

NS_TEST(NativeMulticall, ImproveGuardsNeitherReadNorWrite) {
  EXPECT_NE(shell("$C env cat <&-").status, 0);
  EXPECT_NE(shell("$C env sh -c 'echo x 2>/dev/null' >&-").status, 0);
  EXPECT_EQ(
      shell("$C env sh -c 'readlink /proc/self/fd/0; readlink /proc/self/fd/2 >&1' <&- 2>&-").out,
      "anon_inode:[eventpoll]\nanon_inode:[eventpoll]\n");
}

NS_TEST(NativeMulticall, EscapeErrors) {
  EXPECT_EQ(shell("$C escape").status, 255);
  EXPECT_EQ(shell("$C escape nosuch").status, 255);
  EXPECT_EQ(shell("$C escape --nosuch env").status, 255);
  EXPECT_EQ(shell("$C escape --help").out, shell("$C help escape").out);
  EXPECT_EQ(shell("$C _ctrtool_escaped env -i A=1").out, "A=1\n");
}

// --- common --------------------------------------------------------------------------------------

NS_TEST(NativeCommon, Section1NumbersAreStrict) {
  const auto refused = [](const std::string& words, const std::string& option,
                          const std::string& value) {
    const Outcome outcome = shell("$C " + words);
    EXPECT_NE(outcome.status, 0) << words;
    EXPECT_THAT(outcome.err, HasSubstr(option)) << words;
    EXPECT_THAT(outcome.err, HasSubstr(value)) << words;
  };
  refused("launcher -S 12abc -- true", "-S", "12abc");
  refused("launcher --uid 4294967295 -- true", "--uid", "4294967295");
  refused("launcher -G -1 -- true", "-G", "-1");
  refused("launcher -Q ' 5' -- true", "-Q", " 5");
  refused("launcher -v 2 -- true", "-v", "2");
  refused("launcher -X x -- true", "-X", "x");
  refused("launcher --groups=1,x -- true", "--groups", "x");
  refused("launcher --groups=4294967296 -- true", "--groups", "4294967296");
  refused("launcher --tty-owner-uid y -- true", "--tty-owner-uid", "y");
  refused("mount_seq -D x -M 9", "-M", "9");
  refused("mount_seq -D x -F 0x20", "-F", "0x20");
  refused("init -n /bin/true -r 1s", "-r", "1s");
  // Hexadecimal, octal, decimal; empty items are passed over, an empty list is one.
  EXPECT_EQ(shell("$C launcher -w -S 0x10 -G 010 --groups=,7,,0x9, -- sh -c 'id -u; id -G'").out,
            "16\n8 7 9\n");
  EXPECT_EQ(shell("$C launcher -w --groups= -- id -G").out, "0\n");
}

NS_TEST(NativeCommon, Section2BooleansAndEnumsOfRootfsMount) {
  const auto root = [](const std::string& options) {
    return in_scratch("mkdir -p r; $C rootfs-mount -o dev_opts=none -o " + options +
                      " r && ls r; S=$?; umount -R r 2>/dev/null; exit $S");
  };
  for (const char* no : {"0", "false", "No", "OFF"})
    EXPECT_THAT(root("RUN_dirs=" + std::string(no) + ",root_link_opts=NONE").out,
                HasSubstr("run\n"))
        << no;
  for (const char* yes : {"1", "0x7", "True", "yes", "on"})
    EXPECT_EQ(root("mount_proc=" + std::string(yes)).status, 0) << yes;
  for (const char* bad : {"run_dirs=2x", "run_dirs=", "run_dirs", "nosuch=1", "umask=0x1000",
                          "root_link_opts=all_", "root_link_opts=0x1ffffffff"})
    EXPECT_EQ(root(bad).status, 1) << bad;
  // IMPROVE: the last one wins.
  EXPECT_EQ(root("root_link_opts=all_dirs,root_link_opts=none,run_dirs=0").out,
            "dev\nproc\nrun\nsys\ntmp\n");
}

NS_TEST(NativeCommon, Section3MapsNameTheBadLine) {
  const auto refused = [](const std::string& map) {
    return shell("$C launcher --escape -w -U --uid-map=" + map + " -- true");
  };
  for (const char* map : {"0.0", "0.0.0", "0.0.1:0.5.1", "0.0.1:x.1.1", "0.1.1:1.1.1"}) {
    const Outcome outcome = refused(map);
    EXPECT_EQ(outcome.status, 1) << map;
    EXPECT_THAT(outcome.err, HasSubstr("--uid-map")) << map;
  }
  EXPECT_EQ(shell("$C launcher --escape -w -U --uid-map=0.5.1 --uid-map=0.0.1:1.1000.2 "
                  "--gid-map=0.0.1 -- sh -c 'tr -s \" \" </proc/self/uid_map'")
                .out,
            " 0 0 1\n 1 1000 2\n");
}

NS_TEST(NativeCommon, Section5FormsOfTheJoinSpec) {
  const std::string other =
      "export C; unshare -u sh -c 'hostname other; exec sleep 30' & P=$!; "
      "until test \"$(tr '\\0' ' ' </proc/$P/cmdline)\" = 'sleep 30 '; do :; done; "
      "L=\"$C launcher --unsafe-no-escape -w\"; exec 8</proc/$P/ns/uts 9</proc/$P; ";
  const std::string end = " -- hostname; kill $P";
  const auto joined = [&](const std::string& words) { return shell(other + words + end).out; };
  EXPECT_EQ(joined("$L --nsenter2=u:8"), "other\n");
  EXPECT_EQ(joined("$L --nsenter2=:8"), "other\n");
  EXPECT_EQ(joined("V=8 $L --nsenter2=u-V"), "other\n");
  EXPECT_EQ(joined("CTRTOOL_CONTAINER_LAUNCHER_PID_FD=8 $L --nsenter2=u-"), "other\n");
  EXPECT_EQ(joined("$L --nsenter2=u=/proc/$P/ns/uts"), "other\n");
  EXPECT_EQ(joined("$L --nsenter2=un//proc/$P"), "other\n");
  EXPECT_EQ(joined("cd /proc; $L --nsenter2=u/$P"), "other\n");
  EXPECT_EQ(joined("$L --nsenter2=u%/proc/$P"), "other\n");
  EXPECT_EQ(joined("$L -f i --old-nsenter=u:8 2>/dev/null; $C launcher --unsafe-no-escape -f i "
                   "--old-nsenter=u:8"),
            "other\n");
  // No letters at a directory: nothing is joined.
  EXPECT_EQ(joined("$L --nsenter2=//proc/$P"), shell("hostname").out);
  // X closes the descriptor.
  const std::string seen = " -- sh -c 'hostname; test -e /proc/self/fd/8 || echo closed'; kill $P";
  EXPECT_EQ(shell(other + "$L --nsenter2=uX:8" + seen).out, "other\nclosed\n");
  EXPECT_EQ(shell(other + "$L --nsenter2=u:8" + seen).out, "other\n");
}

NS_TEST(NativeCommon, Section5JoinsOfPidfdsAndTheirNumber) {
  // A pidfd takes several letters; a namespace file one.
  const Outcome several = shell(
      "export C; unshare -un sh -c 'hostname other; exec sleep 30' & P=$!; "
      "until test \"$(tr '\\0' ' ' </proc/$P/cmdline)\" = 'sleep 30 '; do :; done; "
      "$C pidfd_ctl -n $P -e PIDFD sh -c '$C launcher --unsafe-no-escape -w --nsenter2=un-PIDFD -- "
      "sh -c \"hostname; readlink /proc/self/ns/net\"'; readlink /proc/$P/ns/net; "
      "$C launcher --unsafe-no-escape -w --nsenter2=un=/proc/$P/ns/uts -- true; echo $?; kill $P");
  const std::string net = several.out.substr(6, several.out.find('\n', 6) - 5);
  EXPECT_EQ(several.out, "other\n" + net + net + "1\n") << several.err;
  std::string specs;
  for (int i = 0; i < 64; ++i) specs += " --nsenter2=u=/proc/self/ns/uts";
  const std::string run = "$C launcher --unsafe-no-escape -w" + specs;
  EXPECT_EQ(shell(run + " -- true").status, 0);
  const Outcome more = shell(run + " --nsenter2=u=/proc/self/ns/uts -- true");
  EXPECT_EQ(more.status, 1);
  EXPECT_THAT(more.err, HasSubstr("more than 64"));
}

NS_TEST(NativeCommon, Section6CapabilityWords) {
  const auto bounding = [](const std::string& words) {
    return shell("$C launcher -w --clear-caps-before-exec=0 -b " + words +
                 " -- sed -n 's/CapBnd:.0*//p' /proc/self/status")
        .out;
  };
  EXPECT_EQ(bounding("0x3000"), "3000\n");
  EXPECT_EQ(bounding("net_admin,CAP_NET_RAW"), "3000\n");
  EXPECT_EQ(bounding("kill,+chown"), "21\n");
  EXPECT_EQ(shell("$C launcher -w -I +kill -- sed -n 's/CapInh:.0*//p' /proc/self/status").out,
            "20\n");
  EXPECT_EQ(shell("$C launcher -w -b nosuch -- true").status, 1);
}

NS_TEST(NativeCommon, Section7LimitsAreAppliedInOrder) {
  EXPECT_EQ(shell("$C launcher -w --rlimit nofile=50:60 --rlimit N=40: --rlimit CORE=: -- sh -c "
                  "'ulimit -Sn; ulimit -Hn'")
                .out,
            "40\n60\n");
  EXPECT_EQ(
      shell("$C launcher -w --rlimit core=0x10 --rlimit stack=Unlimited -- sh -c 'ulimit -Hc; "
            "ulimit -s'")
          .out,
      "0\nunlimited\n");
  for (const char* bad : {"nofile", "nosuch=1", "nofile=", "nofile=1k"})
    EXPECT_EQ(shell("$C launcher -w --rlimit " + std::string(bad) + " -- true").status, 1) << bad;
}

NS_TEST(NativeCommon, Section8PropagationWords) {
  const auto shared = [](const std::string& word) {
    return shell(
               "mount --make-rshared /; $C launcher -w -m -R " + word +
               " -- sh -c 'sed -n \"/ \\/ /p\" /proc/self/mountinfo | grep -o \"shared\\|master\\|"
               "unbindable\" | sort -u'")
        .out;
  };
  EXPECT_EQ(shared("sh"), "shared\n");
  EXPECT_EQ(shared("sl"), "master\n");
  EXPECT_EQ(shared("private"), "");
  EXPECT_EQ(shared("unchanged"), "shared\n");
  EXPECT_EQ(shared("unbindable"), "unbindable\n");
  EXPECT_EQ(shell("$C launcher -w -m -R s -- true").status, 1);
}

NS_TEST(NativeCommon, Section10SignalNames) {
  const auto traps = [](const std::string& signal) {
    return shell("$C launcher -w -mpt -- $C init -s " + signal +
                 " -a exit -n /bin/sh -c -c -c 'kill -USR1 1'")
        .status;
  };
  for (const char* name : {"10", "USR1", "sigusr1", "SIGUSR1"}) EXPECT_EQ(traps(name), 0) << name;
  // Numbers are base 0 here as well.
  for (const char* name : {"0xa", "012"}) EXPECT_EQ(traps(name), 0) << name;
  EXPECT_EQ(traps("nosuch"), 1);
  EXPECT_EQ(traps("0x41"), 1);
  EXPECT_EQ(traps("08"), 1);
  EXPECT_EQ(traps("65"), 1);
}

NS_TEST(NativeCommon, Section11EscapeKeepsTheWords) {
  const Outcome shown = shell(
      "$C escape launcher -w -- sh -c 'tr \"\\0\" \" \" </proc/$PPID/cmdline; stat -Lc %a "
      "/proc/$PPID/exe'");
  EXPECT_THAT(shown.out, HasSubstr("ctrtool escape launcher -w -- sh -c ")) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr(" 555\n"));
  const Outcome unwritable = shell(
      "$C launcher --escape -w -- sh -c 'echo x 2>/dev/null >/proc/$PPID/exe || echo refused'");
  EXPECT_EQ(unwritable.out, "refused\n");
}

NS_TEST(NativeCommon, Section11ImproveWhereMemoryMayNotBeExecuted) {
  if (::access("/proc/sys/vm/memfd_noexec", W_OK) != 0)
    GTEST_SKIP() << "this kernel has no vm.memfd_noexec";
  const Outcome bound = shell(
      "echo 2 >/proc/sys/vm/memfd_noexec && $C escape launcher -w -- sh -c 'readlink "
      "/proc/$PPID/exe; echo x 2>/dev/null >/proc/$PPID/exe || echo refused'");
  EXPECT_EQ(bound.status, 0) << bound.err;
  EXPECT_THAT(bound.out, HasSubstr("refused\n"));
  EXPECT_THAT(bound.out, Not(HasSubstr("memfd")));
}

NS_TEST(NativeCommon, Section13EscapesInLiterals) {
  EXPECT_EQ(in_scratch("$C mount_seq -w f -b 'a\\n\\t\\r\\\\\\x41\\101'").status, 0);
  EXPECT_EQ(support::read_file("/tmp/w/f"), "a\n\t\r\\AA");
  EXPECT_EQ(in_scratch("$C mount_seq -w f -b '\\0' && od -An -c f").out, "  \\0\n");
  EXPECT_EQ(in_scratch("$C mount_seq -w g -d 'a\\n' && cat g").out, "a\\n");
  for (const char* bad : {"\\q", "\\x4", "\\", "\\777"})
    EXPECT_EQ(in_scratch("$C mount_seq -w h -b '" + std::string(bad) + "'").status, 1) << bad;
}

// --- chaining ------------------------------------------------------------------------------------

NS_TEST(NativeChaining, Section3StagesNestAndOnlyAColonMakesOne) {
  EXPECT_EQ(shell("$C env A=1 :env B=2 :env C=3 :env -u PATH sh -c 'echo $A$B$C'").out, "123\n");
  const Outcome file = in_scratch(
      "printf '#!/bin/sh\\necho file\\n' >:env; chmod +x :env; $C env ./:env; $C env $PWD/:env");
  EXPECT_EQ(file.out, "file\nfile\n") << file.err;
  // Without any file: the stage needs neither a PATH nor a binary.
  EXPECT_EQ(shell("$C env PATH=/nowhere :env -i A=1").out, "A=1\n");
}

NS_TEST(NativeChaining, Section3AStageSeesWhatAnExecWouldLeave) {
  // The descriptor of :V has become private, 9 has not; what env opened for itself is gone.
  const auto listed = [](const std::string& set_fds) {
    return in_scratch(
               "echo A=1 >f; exec 8<f 9</etc/group; V=8 $C env -F :V " + set_fds +
               " --keep-others -- sh -c 'for f in /proc/self/fd/*; do readlink $f; done; echo $A'")
        .out;
  };
  const std::string stage = listed(":set_fds");
  EXPECT_EQ(stage, listed("$C set_fds"));
  EXPECT_THAT(stage, HasSubstr("/etc/group\n"));
  EXPECT_THAT(stage, Not(HasSubstr("/tmp/w/f")));
  EXPECT_TRUE(stage.ends_with("\n1\n")) << stage;
}

NS_TEST(NativeChaining, Section3EscapeAsAStageDoesNotRepeatTheOthers) {
  const Outcome once = in_scratch(
      "$C mount_seq -w log -d x -a -- :escape launcher -w -- sh -c 'readlink /proc/$PPID/exe; tr "
      "\"\\0\" \" \" </proc/$PPID/cmdline' >out; cat out log");
  EXPECT_THAT(once.out, StartsWith("/memfd:ctrtool (deleted)\nctrtool escape launcher -w "))
      << once.err;
  EXPECT_TRUE(once.out.ends_with("x")) << once.out;
  EXPECT_FALSE(once.out.ends_with("xx")) << once.out;
}

NS_TEST(NativeChaining, Section2TheWholeValueIsANumberOfAnOpenDescriptor) {
  const auto refused = [](const std::string& spec) {
    return shell("V=3x W=77 X= $C env -F " + spec + " true");
  };
  EXPECT_THAT(refused("/V").err, HasSubstr("V"));
  EXPECT_THAT(refused(":W").err, HasSubstr("W"));
  EXPECT_THAT(refused(":X").err, HasSubstr("X"));
  EXPECT_THAT(refused("/NO_SUCH").err, HasSubstr("NO_SUCH"));
  for (const char* spec : {"/V", ":W", ":X", "/NO_SUCH", "77", "=/no/such"})
    EXPECT_EQ(refused(spec).status, 125) << spec;
  // SPEC :VAR of a later stage sees the new environment.
  EXPECT_EQ(shell("$C env F=8 :set_fds -e :F -- sh -c 'readlink /proc/self/fd/3; echo ${F-gone}' "
                  "8</etc/group")
                .out,
            "/etc/group\ngone\n");
}

}  // namespace
