// SPDX-License-Identifier: Apache-2.0
// nsenter, by the numbered examples and rules of its document.

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/bundle.h"
#include "tests/support/native.h"
#include "tests/support/other_namespaces.h"
#include "tests/support/tracer.h"

namespace native {
namespace {

NS_TEST(NativeNsenter, Example1NetworkByFile) {
  const Outcome links = beside_container(
      "touch /tmp/a; mount --bind /proc/$P/ns/net /tmp/a; $C nsenter -j n=/tmp/a readlink "
      "/proc/self/ns/net; readlink /proc/$P/ns/net");
  const auto lines = links.out.size() / 2;
  EXPECT_EQ(links.out.substr(0, lines), links.out.substr(lines)) << links.err;
  EXPECT_THAT(links.out, HasSubstr("net:["));
}

NS_TEST(NativeNsenter, Example2UserAndNetworkOfAProcess) {
  const Outcome done = beside_container(
      "$C nsenter -j Un@$P sh -c 'readlink /proc/self/ns/net; id -u' >/tmp/o; "
      "readlink /proc/$P/ns/net; cat /tmp/o");
  const std::string net = done.out.substr(0, done.out.find('\n') + 1);
  EXPECT_EQ(done.out, net + net + "0\n") << done.err;
}

NS_TEST(NativeNsenter, Example3NamespacesOfMakeNs) {
  for (const char* how : {":", "$C "}) {
    const Outcome name = shell(std::string("$C make_ns -U -u -H box ") + how +
                               "nsenter -j U:/CTRTOOL_MAKE_NS_FD_0 -j u::CTRTOOL_MAKE_NS_FD_1 "
                               "sh -c 'hostname; env | grep -c ^CTRTOOL_MAKE_NS_FD_'");
    EXPECT_EQ(name.out, "box\n1\n") << how << name.err;
  }
}

NS_TEST(NativeNsenter, Example4PidAsTheNamespaceHasIt) {
  const Outcome pid = beside_container("$C nsenter -j Up@$P -- sh -c 'echo $$; exit 7'");
  EXPECT_EQ(pid.status, 7) << pid.err;
  EXPECT_LT(pid.out.size(), 4U) << pid.out;
  EXPECT_EQ(beside_container("$C nsenter -j Up@$P -- sh -c 'kill -9 $$'").status, 137);
}

NS_TEST(NativeNsenter, Example5MistakesAreToldApart) {
  const auto outcome = [](const std::string& spec) {
    return shell("$C nsenter -j " + spec + " true");
  };
  EXPECT_EQ(outcome("Q=/x").status, 1);
  EXPECT_EQ(outcome("n").status, 1);
  EXPECT_EQ(outcome("n:abc").status, 1);
  EXPECT_EQ(outcome("n=/etc/hostname").status, 125);
  EXPECT_THAT(outcome("n=/etc/passwd").err, HasSubstr("not a namespace"));
  EXPECT_THAT(outcome("n=/proc/self/ns/uts").err, HasSubstr("it is a uts namespace"));
  const Outcome unset = outcome("n-NO_SUCH");
  EXPECT_EQ(unset.status, 1);
  EXPECT_THAT(unset.err, HasSubstr("NO_SUCH is not set"));
  EXPECT_THAT(outcome("n:77").err, HasSubstr("77 is closed"));
  EXPECT_EQ(outcome("n:77").status, 125);
  EXPECT_THAT(outcome("n@4000000").err, HasSubstr("gone"));
  EXPECT_EQ(shell("$C nsenter true").status, 1);
  EXPECT_EQ(shell("$C nsenter -j n=/proc/self/ns/net -- /no/such").status, 127);
}

NS_TEST(NativeNsenter, Example6RunsFromASealedCopy) {
  const Outcome exe = beside_container(
      "$C nsenter -j Um@$P --fork -e -- true; $C nsenter -j p@$P -- sh -c ': >/tmp/up; sleep 30' & "
      "for i in $(seq 500); do test -e /tmp/up && break; sleep 0.02; done; "
      "readlink /proc/$!/exe; kill $!; wait");
  EXPECT_THAT(exe.out, HasSubstr("/memfd:ctrtool (deleted)")) << exe.err;
}

NS_TEST(NativeNsenter, AllOfATargetAndItsPlaces) {
  const Outcome all = beside_container(
      "$C nsenter -t $P -a -r target -w target -- sh -c 'hostname; pwd; tr \"\\0\" \" \" "
      "</proc/1/cmdline'");
  EXPECT_THAT(all.out, HasSubstr("inside\n")) << all.err;
  EXPECT_THAT(all.out, HasSubstr("sleep 30")) << all.err;
}

NS_TEST(NativeNsenter, IdentityAndCapabilities) {
  EXPECT_EQ(beside_container("$C nsenter -j U@$P -S 5 -G 6 -- sh -c 'id -u; id -g; id -G'").out,
            "5\n6\n6\n");
  const Outcome caps =
      beside_container("$C nsenter -j U@$P -N -- sed -n s/CapEff:.0*/x/p /proc/self/status");
  EXPECT_EQ(caps.out, "x\n") << caps.err;
  EXPECT_EQ(beside_container("A=1 CTRTOOL_X_FD_0=5 $C nsenter -E -j n@$P -- sh -c 'echo $A "
                             "${CTRTOOL_X_FD_0-gone}'")
                .out,
            "1 gone\n");
}

NS_TEST(NativeNsenter, HostProgramAndStages) {
  EXPECT_EQ(beside_container("$C nsenter -x /bin/busybox -j m@$P -- busybox echo ok").out, "ok\n");
  EXPECT_EQ(beside_container("$C nsenter -j n@$P :env -i A=1").out, "A=1\n");
  EXPECT_EQ(beside_container("exec 8</proc/$P/ns/uts; V=8 $C env A=2 :nsenter -j u::V -- sh -c "
                             "'hostname; echo $A ${V-gone}'")
                .out,
            "inside\n2 gone\n");
}

NS_TEST(NativeNsenter, OptionsLettersOfATarget) {
  // Each letter joins its kind, and no other one.
  const Outcome kinds = beside_container(
      "for l in n:net u:uts i:ipc C:cgroup; do $C nsenter -t $P -U -${l%:*} -- readlink "
      "/proc/self/ns/${l#*:}; readlink /proc/$P/ns/${l#*:}; done");
  const std::vector<std::string> lines = lines_of(kinds.out);
  ASSERT_EQ(lines.size(), 8U) << kinds.out << kinds.err;
  for (std::size_t i = 0; i < lines.size(); i += 2) EXPECT_EQ(lines[i], lines[i + 1]);
  EXPECT_EQ(beside_container("$C nsenter -t $P -u -- sh -c 'hostname; test $(readlink "
                             "/proc/self/ns/net) = '$(readlink /proc/self/ns/net)' && echo same'")
                .out,
            "inside\nsame\n");
  EXPECT_EQ(beside_container("$C nsenter -t $P -m --mount -p --pid -U -- sh -c 'tr \"\\0\" \" \" "
                             "</proc/1/cmdline'")
                .out,
            "sleep 30 ");
  EXPECT_EQ(beside_container("$C pidfd_ctl -n $P -e F $C nsenter -t :/F -u hostname").out,
            "inside\n");
  EXPECT_EQ(shell("$C nsenter -t 0 -u true").status, 1);
  EXPECT_EQ(shell("$C nsenter -u true").status, 1) << "without -t";
  EXPECT_EQ(shell("$C nsenter -t 4000000 -u true").status, 125) << "gone";
}

NS_TEST(NativeNsenter, OptionsTimeNamespaceAppliesAtOnce) {
  const Outcome later = shell(
      "$C launcher -T --time-offset boottime=1000000 -P /tmp/pid -- sleep 30; P=$(cat /tmp/pid); "
      "$C nsenter -j T@$P -- sh -c 'read a b </proc/uptime; test ${a%.*} -gt 1000000 && echo "
      "later'; "
      "kill $P");
  EXPECT_EQ(later.out, "later\n") << later.err;
}

NS_TEST(NativeNsenter, OptionsRootAndDirectory) {
  const std::string tree = "mkdir -p /tmp/r/bin /tmp/r/d; cp /bin/busybox /tmp/r/bin/pwd; ";
  const std::string join = "$C nsenter -j u=/proc/self/ns/uts ";
  EXPECT_EQ(shell(tree + join + "-r /tmp/r -w /d -- /bin/pwd").out, "/d\n");
  EXPECT_EQ(shell(tree + "exec 7</tmp/r 8</tmp/r/d; V=7 " + join + "-r :/V -w :8 -- /bin/pwd").out,
            "/d\n");
  EXPECT_EQ(shell(tree + "cd /tmp; " + join + "-w r/d pwd").out, "/tmp/r/d\n");
  EXPECT_EQ(shell("cd /tmp; " + join + "pwd").out, "/tmp\n") << "unchanged without a mount join";
  EXPECT_EQ(shell("cd /tmp; $C nsenter -j m=/proc/self/ns/mnt pwd").out, "/\n");
  EXPECT_EQ(shell(join + "-r /no/such true").status, 125);
}

NS_TEST(NativeNsenter, OptionsCredentialsAndForks) {
  const std::string caps = "-- sed -n 's/CapPrm:.0*/x/p' /proc/self/status";
  EXPECT_EQ(beside_container("$C nsenter -N -j U@$P " + caps).out, "x\n");
  EXPECT_NE(beside_container("$C nsenter -N -k -j U@$P " + caps).out, "x\n");
  EXPECT_EQ(beside_container("$C nsenter -N -j n@$P -- grep NoNewPrivs /proc/self/status").out,
            "NoNewPrivs:\t1\n");
  const Outcome kept = beside_container(
      "$C launcher -w -S 5 -G 6 --groups=7 -k -a sys_admin,sys_ptrace -- $C nsenter -P -j n@$P -- "
      "sh "
      "-c 'id -u; id -G'");
  EXPECT_EQ(kept.out, "5\n6 7\n") << kept.err;
  // Without a fork a pid join is for children only, and we are the process itself.
  EXPECT_EQ(
      beside_container("$C nsenter --no-fork -j p@$P -- readlink /proc/self/ns/pid >/tmp/o; test "
                       "\"$(cat /tmp/o)\" = \"$(readlink /proc/self/ns/pid)\" && echo outside")
          .out,
      "outside\n");
  EXPECT_EQ(beside_container(
                "sh -c '$C nsenter -j n@$P sh -c \"echo \\$\\$\" & echo $!; wait' | sort -u | "
                "wc -l")
                .out,
            "1\n")
      << "it becomes the program";
  EXPECT_EQ(beside_container("$C nsenter -F -j n@$P -- sh -c 'kill -TERM $$'").status, 143);
}

NS_TEST(NativeNsenter, OptionsDeathSignalOfTheChild) {
  const Outcome dead = beside_container(
      "$C nsenter -F -d KILL -j n@$P -- sh -c 'echo $$ >/tmp/p; : >/tmp/up; sleep 60' & "
      "for i in $(seq 500); do test -e /tmp/up && break; sleep 0.02; done; kill -9 $!; "
      "for i in $(seq 500); do kill -0 $(cat /tmp/p) 2>/dev/null || break; sleep 0.02; done; "
      "grep -q 'State:.[RS]' /proc/$(cat /tmp/p)/status 2>/dev/null || test ! -s /tmp/p || "
      "echo dead");
  EXPECT_EQ(dead.out, "dead\n") << dead.err;
  EXPECT_EQ(shell("$C nsenter -d nosuch -j n=/proc/self/ns/net true").status, 1);
}

NS_TEST(NativeNsenter, Example5MoreMistakesToldApart) {
  const Outcome number = shell("V=x $C nsenter -j n-V true");
  EXPECT_EQ(number.status, 1);
  EXPECT_THAT(number.err, HasSubstr("V"));
  // No permission: another user's namespace.
  const Outcome refused = beside_container(
      "chmod 755 /tmp; cp $C /tmp/ctrtool; exec 8</proc/$P/ns/net; setpriv --reuid 1000 --regid "
      "1000 "
      "--clear-groups --inh-caps=-all --bounding-set=-all /tmp/ctrtool nsenter -j n:8 true");
  EXPECT_EQ(refused.status, 125);
  EXPECT_THAT(refused.err, HasSubstr("not permitted"));
  for (const char* words :
       {"-j n=/x -c other true", "-j n=/x --new Q true", "--new m --no-fork true",
        "-j n=/x --uid-map 0.0.1 true", "-j n=/x", "-r target -j n=/x true"})
    EXPECT_EQ(shell("$C nsenter " + std::string(words)).status, 1) << words;
}

NS_TEST(NativeNsenter, NestsInOneStepAndKnowsThePid) {
  const Outcome nested = beside_container(
      "$C nsenter -t $P -a --new mp --pid-file /tmp/inner -- sh -c 'echo $$; : >/tmp/up; sleep 20' "
      "& "
      "for i in $(seq 500); do test -e /tmp/up && break; sleep 0.02; done; I=$(cat /tmp/inner); "
      "grep NSpid /proc/$I/status | tr '\\t' ' ' | sed \"s/$I/I/\"; kill -9 "
      "$I; wait $!; echo $?");
  EXPECT_THAT(nested.out, MatchesRegex("1\nNSpid: I [0-9]+ 1\n137\n")) << nested.err;
  const Outcome user = beside_container(
      "$C nsenter -t $P -a --new U --uid-map 0.5.1 --gid-map 0.5.1 --report-pid 1 -- sh -c 'id -u; "
      "cat /proc/self/uid_map'");
  EXPECT_THAT(user.out, MatchesRegex("[0-9]+\n0\n +0 +5 +1\n")) << user.err;
}

// Whoever joins is not to be traced or read from inside: not dumpable from before it is there on.
NS_TEST(NativeNsenter, SequenceNotDumpableBeforeItJoins) {
  if (const std::string why = support::why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const support::OtherNamespaces other;
  ASSERT_TRUE(other.ready()) << other.err();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"nsenter", "-e", "-P", "-j", "Un%" + other.proc(), "true"},
        {"ns_open_file", "-n", "-N", other.proc() + "/ns/net", "-U", "-d", "inet", "true"}}) {
    bool dumpable = true;
    unsigned joins = 0;
    const auto look = [&](const support::Call& call) {
      if (call.call == SYS_prctl && call.arguments[0] == PR_SET_DUMPABLE)
        dumpable = call.arguments[1] != 0;
      if (call.call != SYS_setns) return support::Fault{};
      ++joins;
      EXPECT_FALSE(dumpable) << words[0];
      return support::Fault{};
    };
    const support::Traced traced =
        support::trace({.argv = support::ctrtool_words(words), .timeout_ms = 60000}, "/true", look);
    EXPECT_GT(joins, 0U) << words[0] << traced.outcome.err;
  }
}

bool runs_anywhere(const std::string& word) {
  for (const std::string& pid : support::list_directory("/proc"))
    if (support::read_file("/proc/" + pid + "/cmdline").find(word) != std::string::npos)
      return true;
  return false;
}

// The process that makes the namespaces is killed before it has made the one inside: nothing goes
// on without it.
NS_TEST(NativeNsenter, NestsAndGoesWithTheProcessBetween) {
  if (const std::string why = support::why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  const support::OtherNamespaces other;
  ASSERT_TRUE(other.ready()) << other.err();
  const std::vector<std::string> words{"nsenter", "-e", "-j", "Un%" + other.proc(), "--new", "mp",
                                       "--",      "sh", "-c", ": >/tmp/ran"};
  for (const unsigned long where : {SYS_setns, SYS_unshare, SYS_clone3}) {
    const auto kill = [&](const support::Call& call) {
      const bool there = call.process == 1 && call.call == where;
      return support::Fault{there ? support::Fault::kKillCaller : support::Fault::kNone};
    };
    const support::Traced traced = support::trace(
        {.argv = support::ctrtool_words(words), .timeout_ms = 60000}, "/no payload", kill);
    const std::string at = support::name_of_call(where);
    EXPECT_EQ(traced.faults, 1U) << at;
    EXPECT_EQ(traced.outcome.status, 125) << at << traced.outcome.err;
    EXPECT_FALSE(runs_anywhere("/tmp/ran")) << at;
    EXPECT_FALSE(support::path_exists("/tmp/ran")) << at;
  }
  EXPECT_EQ(support::run({.argv = support::ctrtool_words(words)}).status, 0);
  EXPECT_TRUE(support::path_exists("/tmp/ran"));
}

NS_TEST(NativeNsenter, OptionsCgroupsOfTheTarget) {
  const std::string tag = support::test_tag();
  for (const ctr::CgroupHierarchy& hierarchy : hierarchies_to_enter()) {
    const std::string dir = hierarchy.mountpoint + "/" + tag;
    const Outcome entered = beside_container(
        "mkdir " + dir + "; echo $P >" + dir + "/cgroup.procs; $C nsenter -t $P -u -c target -- " +
        "cat /proc/self/cgroup >/tmp/seen; cmp /tmp/seen /proc/$P/cgroup && grep -c :/" + tag +
        "$ /tmp/seen; grep -c :/" + tag + "$ /proc/self/cgroup; kill -9 $P; for i in $(seq 500); " +
        "do rmdir " + dir + " 2>/dev/null; test -e " + dir + " || break; sleep 0.02; done");
    EXPECT_EQ(entered.out, "1\n0\n") << hierarchy.name << entered.err;
    EXPECT_FALSE(support::path_exists(dir)) << hierarchy.name;
  }
  EXPECT_EQ(shell("$C nsenter -j u=/proc/self/ns/uts -c target true").status, 1) << "no target";
}

}  // namespace
}  // namespace native
