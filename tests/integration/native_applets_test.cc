// SPDX-License-Identifier: Apache-2.0
// Rules and options of the small applets that their numbered examples do not use.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "ctrtool/core/base/strf.h"
#include "tests/support/bundle.h"
#include "tests/support/native.h"
#include "tests/support/tracer.h"

namespace native {
namespace {

NS_TEST(NativeMulticall, Example3InitByItsLink) {
  const Outcome init = shell("cd /tmp; ln -s $C init; ./init");
  EXPECT_EQ(init.status, 1);
  EXPECT_THAT(init.err, HasSubstr("must be PID 1"));
  EXPECT_EQ(shell("$C escape escape init").status, 255);
}

NS_TEST(NativeMulticall, Example3UnderAForeignName) {
  const auto foo = [](const std::string& words, const std::string& before = "") {
    return shell("cd /tmp; ln -sf $C foo; " + before + " ./foo " + words);
  };
  for (const char* words : {"init", "launcher -w -- true", "/x/y/init", "escape init"}) {
    const Outcome refused = foo(words);
    EXPECT_EQ(refused.status, 255) << words;
    EXPECT_THAT(refused.err, HasSubstr("\"foo\"")) << words;
    EXPECT_THAT(refused.err, HasSubstr("CTRTOOL_OVERRIDE_ARGV0_LOOKUP")) << words;
  }
  const Outcome overridden = foo("init", "CTRTOOL_OVERRIDE_ARGV0_LOOKUP=1");
  EXPECT_EQ(overridden.status, 1);
  EXPECT_THAT(overridden.err, HasSubstr("must be PID 1"));
  // It may be the runtime, renamed: what is no applet's name, or a command of both, is its own.
  for (const char* off : {"", "CTRTOOL_OVERRIDE_ARGV0_LOOKUP=0"}) {
    EXPECT_THAT(foo("--version", off).out, testing::StartsWith("ocictr version "));
    EXPECT_THAT(foo("help", off).out, HasSubstr("checkpoint"));
  }
  for (const char* words : {"state no", "--root /tmp/x state no", "--root /tmp/x init", "nosuch"}) {
    const Outcome runtime = foo(words);
    EXPECT_EQ(runtime.status, 1) << words;
    EXPECT_THAT(runtime.err, testing::StartsWith("ocictr: ")) << words;
  }
  EXPECT_EQ(foo("ctrtool env -i A=1").out, "A=1\n");
}

NS_TEST(NativeResetCgroup, ImproveOptionalEntriesNewOnesAndOthers) {
  const std::string tree =
      "cd /tmp; rm -rf t; mkdir -p t/cpu/g t/memory; : >t/cpu/g/cgroup.procs; "
      ": >t/cpu/g/cgroup.threads; ";
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c cpu,?rdma -p g -- echo ok").out, "ok\n");
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c nosuch,cpu -p g -k -- echo ok; echo $?; cat "
                         "t/cpu/g/cgroup.procs")
                .out,
            "2\n0");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c cpu -p g -P 77 -- true; cat t/cpu/g/cgroup.procs").out,
      "77");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c cpu -p g --threads -- true; cat t/cpu/g/cgroup.threads")
          .out,
      "0");
  EXPECT_EQ(
      shell(tree + "$C reset_cgroup -b t -c memory -p new -n -- true; test -d t/memory/new").status,
      0);
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c cpu -p g -P x -- true").status, 1);
}

NS_TEST(NativeResetCgroup, Example5And6RealHierarchies) {
  const std::string tag = support::test_tag();
  for (const ctr::CgroupHierarchy& hierarchy : hierarchies_to_enter()) {
    const bool v2 = hierarchy.version == ctr::CgroupVersion::V2;
    const std::string name = hierarchy.mountpoint == ctr::kCgroupRoot ? "." : hierarchy.name;
    const std::string line = v2 ? "^0::" : hierarchy.name + ":";
    const std::string enter = "$C reset_cgroup -c " + name;
    // IMPROVE: -r is below where we are; -n makes what is missing.
    const Outcome entered = shell(
        enter + " -n -p " + tag + " -- " + enter + " -r -n -p below -- sh -c '" + enter +
        " -r -- grep -c $(basename $(grep \"" + line +
        "\" /proc/self/cgroup)) /proc/self/cgroup; grep \"" + line + "\" /proc/self/cgroup'; cd " +
        hierarchy.mountpoint + "; for i in $(seq 500); do rmdir " + tag + "/below " + tag +
        " 2>/dev/null; test -e " + tag + " || break; sleep 0.02; done");
    EXPECT_THAT(entered.out, testing::EndsWith(":/" + tag + "/below\n")) << entered.err;
    EXPECT_FALSE(support::path_exists(hierarchy.mountpoint + "/" + tag)) << hierarchy.name;
  }
}

NS_TEST(NativeResetCgroup, ImproveRelativePathsNeedAHierarchy) {
  const Outcome fake = shell(
      "cd /tmp; mkdir -p t/cpu/g; : >t/cpu/g/cgroup.procs; $C reset_cgroup -b t -c cpu "
      "-r -p g -- true");
  EXPECT_EQ(fake.status, 1);
  EXPECT_THAT(fake.err, HasSubstr("no cgroup hierarchy is mounted there"));
  EXPECT_EQ(shell("$C reset_cgroup -r -p ../x -c '' -- true").status, 1);
}

NS_TEST(NativeResetCgroup, OptionsOrderAndNames) {
  // -c, then systemd, unified, then -a; a list given again replaces the one before; PATH is the
  // root.
  const std::string tree =
      "cd /tmp; rm -rf t; for d in a systemd unified z; do mkdir -p t/$d; : >t/$d/cgroup.procs; "
      "done; ";
  const std::string written = "; cat t/*/cgroup.procs | wc -c";
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c nosuch -c ,a, -s -u -a z -- true" + written).out,
            "4\n");
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c a -- true" + written).out, "1\n");
  const Outcome partial = shell(tree + "$C reset_cgroup -b t -c a -a nosuch -s -- true" + written);
  EXPECT_EQ(partial.out, "2\n");
  EXPECT_THAT(partial.err, HasSubstr("nosuch"));
  EXPECT_THAT(partial.err, HasSubstr("entered before: a,systemd"));
  // IMPROVE: of the usual names only those that are there; a path is never cut.
  EXPECT_EQ(shell(tree + "mkdir t/cpu; : >t/cpu/cgroup.procs; $C reset_cgroup -b t -- cat "
                         "t/cpu/cgroup.procs")
                .out,
            "0");
  EXPECT_EQ(shell(tree + "$C reset_cgroup -b t -c a -p $(printf %5000s | tr ' ' x) -- true").status,
            1);
  EXPECT_EQ(shell(tree + "ln -s /tmp/out t/a/l; $C reset_cgroup -b t -c a -p l -- true").status, 1);
  EXPECT_EQ(shell("$C reset_cgroup -c ''").status, 1) << "no program";
  EXPECT_EQ(shell("$C reset_cgroup -c '' -- /no/such").status, 127);
}

NS_TEST(NativeResetCgroup, ImproveNoLinksInThePath) {
  const std::string tree =
      "cd /tmp; rm -rf t out; mkdir -p t/cpu,cpuacct/g out; ln -s cpu,cpuacct t/cpu; ln -s g "
      "t/cpu/l; ln -s /tmp/out t/cpu/o; : >t/cpu/g/cgroup.procs; $C reset_cgroup -b t -c cpu ";
  EXPECT_EQ(shell(tree + "-p g -- cat t/cpu/g/cgroup.procs").out, "0") << "a hierarchy may be one";
  EXPECT_EQ(shell(tree + "-p /g -- cat t/cpu/g/cgroup.procs").out, "0");
  const Outcome link = shell(tree + "-p l -- true");
  EXPECT_EQ(link.status, 1);
  EXPECT_THAT(link.err, HasSubstr("\"cpu\": open \"./l/cgroup.procs\""));
  EXPECT_THAT(link.err, HasSubstr("symbolic links"));
  EXPECT_EQ(shell(tree + "-n -p o/new -- true; test -e out/new && echo out").out, "");
  EXPECT_EQ(shell(tree + "-n -p g/new -- true; test -d t/cpu/g/new && echo made").out, "made\n");
}

NS_TEST(NativeSetFds, ImproveWithoutCloseRange) {
  // A seccomp program that answers EPERM to close_range (436): the table of /proc serves.
  const Outcome scanned = shell(
      "printf '\\040\\000\\000\\000\\000\\000\\000\\000"
      "\\025\\000\\000\\001\\264\\001\\000\\000"
      "\\006\\000\\000\\000\\001\\000\\005\\000"
      "\\006\\000\\000\\000\\000\\000\\377\\177' >/tmp/bpf; exec 7</dev/null 9</etc/group; $C "
      "launcher -w -D "
      "--seccomp-fd 8 -- $C set_fds -f 9 -- sh -c 'readlink /proc/self/fd/3; test -e "
      "/proc/self/fd/7 || "
      "echo closed' 8</tmp/bpf");
  EXPECT_EQ(scanned.out, "/etc/group\nclosed\n") << scanned.err;
}

NS_TEST(NativeSetFds, OptionsListsAndWhoWins) {
  const std::string open = "exec 7</etc/passwd 8</etc/group; ";
  const std::string show = " -- sh -c 'for f in 3 4 5; do readlink /proc/self/fd/$f; done; true'";
  EXPECT_EQ(shell(open + "$C set_fds -f 8,7,," + show).out, "/etc/group\n/etc/passwd\n");
  EXPECT_EQ(shell(open + "$C set_fds -f 8 -e 7" + show).out, "/etc/passwd\n");
  EXPECT_EQ(shell(open + "V=8 $C set_fds -e :V -f 7" + show).out, "/etc/passwd\n");
  EXPECT_EQ(shell(open + "$C set_fds -f ''" + show).out, "");
  EXPECT_EQ(shell("$C set_fds -s -- sh -c 'echo $LISTEN_FDS'").out, "0\n");
  EXPECT_EQ(shell("LISTEN_FDNAMES=x $C set_fds -s -- sh -c 'echo $LISTEN_FDNAMES'").out, "x\n");
  EXPECT_EQ(
      shell("$C set_fds -f 0 -- sh -c 'cmp /proc/self/fd/0 /proc/self/fd/3' </etc/group").status,
      0);
  EXPECT_EQ(shell("exec 9</etc/group; $C set_fds -- ls /proc/self/fd").out, "0\n1\n2\n3\n");
  EXPECT_EQ(shell("A== $C set_fds -e /A= -- true").status, 1);
  EXPECT_EQ(shell("$C set_fds").status, 1);
}

NS_TEST(NativeEnv, OrderNamesAndEmptyOnes) {
  EXPECT_EQ(shell("env -i A=1 B=2 C=3 $C env B=4 A=5").out, "A=5\nB=4\nC=3\n");
  EXPECT_EQ(shell("$C env -i A=1 A=2").out, "A=2\n");
  EXPECT_EQ(shell("$C env =x true").status, 125);
  EXPECT_EQ(shell("$C env -u '' true").status, 125);
  EXPECT_EQ(shell("$C env --nosuch").status, 125);
  EXPECT_EQ(shell("$C env -i -- sh -c 'echo $A' A=1").out, "\n")
      << "what follows the program is its own";
  EXPECT_EQ(shell("$C env -i sh -c 'echo found'").out, "found\n") << "the system's default PATH";
  EXPECT_EQ(shell("$C env - -u A B=1").out, "B=1\n");
}

NS_TEST(NativeCmd, Example1And2HideTheWords) {
  const Outcome hidden = shell(
      "printf 'env\\nTOKEN=s3cret\\nsh\\n-c\\ntr \"\\\\0\" \" \" </proc/$PPID/cmdline; echo "
      "$TOKEN\\n' >/tmp/f; "
      "$C cmd -f /tmp/f; $C launcher -w -- $C cmd -f /tmp/f | grep -c s3cret");
  EXPECT_THAT(hidden.out, HasSubstr("s3cret\n")) << hidden.err;
  EXPECT_THAT(hidden.out, testing::EndsWith("1\n"));
  EXPECT_EQ(
      shell("cd /tmp; echo 1 >a; echo 2 >b; printf '%s\\n' -x a b | $C cmd -- renameat2; cat a b")
          .out,
      "2\n1\n");
  // A missing last newline is fine, CR is data, an empty line an empty word; -b puts lines first.
  EXPECT_EQ(shell("printf 'a\\r\\n\\nb' | $C cmd -n env | od -An -c | tr -d ' \\n'").out,
            "env\\n'a\\r'\\n''\\nb\\n");
  EXPECT_EQ(shell("printf 'x' | $C cmd -F 77 env").status, 1);
  // A descriptor is closed when it has been read.
  EXPECT_EQ(shell("cd /tmp; echo x >f; $C cmd -x -F 8 -- sh -c 'test -e /proc/self/fd/8 || echo "
                  "closed' 8<f")
                .out,
            "closed\n");
}

// Whether the words stand anywhere in memory that the process has written to.
bool memory_has(pid_t pid, const std::string& words) {
  constexpr std::size_t kLargest = 64U << 20;  // a sanitizer's own maps are larger, and never ours
  const ctr::UniqueFd memory(::open(ctr::strf("/proc/%d/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(memory.valid());
  bool found = false;
  for (const std::string& line :
       support::lines_of(support::read_file(ctr::strf("/proc/%d/maps", pid)))) {
    std::size_t from = 0;
    std::size_t to = 0;
    char writable = 0;
    if (::sscanf(line.c_str(), "%zx-%zx r%c", &from, &to, &writable) != 3) continue;
    if (writable != 'w' || to - from > kLargest) continue;
    std::string bytes(to - from, '\0');
    const ssize_t got = ::pread(memory.raw(), bytes.data(), bytes.size(), static_cast<off_t>(from));
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    found |= bytes.find(words) != std::string::npos;
  }
  return found;
}

// Of what is read only the words of the program are left in memory when that is executed.
NS_TEST(NativeCmd, RulesMemoryIsWipedBeforeAProgramIsExecuted) {
  if (const std::string why = support::why_no_tracing(); !why.empty()) GTEST_SKIP() << why;
  // Longer than what is read at once, so that the text moves while it is read.
  std::string text = "env\nKEPT=these-are-passed-on\n";
  for (int i = 0; i < 500; ++i) text += "# this-was-only-a-remark and some more of it\n";
  text += "/bin/true\n";
  support::write_file("/tmp/words", text);
  bool had_kept = false;
  bool had_remark = false;
  unsigned execs = 0;
  const auto look = [&](const support::Call& call) {
    if (call.call != SYS_execve || call.process != 0) return support::Fault{};
    // The first is the test's own, which starts ctrtool.
    if (++execs == 2) {
      had_kept = memory_has(call.pid, "these-are-passed-on");
      had_remark = memory_has(call.pid, "this-was-only-a-remark");
    }
    return support::Fault{};
  };
  const support::Command command{.argv = {support::ctrtool_path(), "cmd", "-c", "-f", "/tmp/words"},
                                 .timeout_ms = 60000};
  const support::Traced traced = support::trace(command, "/true", look);
  EXPECT_EQ(traced.outcome.status, 0) << traced.outcome.err;
  EXPECT_GE(execs, 2U);
  EXPECT_TRUE(had_kept) << "the look would not find what there is";
  EXPECT_FALSE(had_remark);
}

NS_TEST(NativeHelp, RulesOfHelpAmongOtherWords) {
  // Recognised before the program only, and then nothing is done.
  EXPECT_EQ(shell("$C set_fds -- sh -c 'echo $1' x --help").out, "--help\n");
  EXPECT_EQ(shell("$C env sh -c 'echo $1' x --help").out, "--help\n");
  EXPECT_THAT(shell("$C launcher -w --help -- touch /tmp/x").out, HasSubstr("Usage:"));
  EXPECT_THAT(shell("$C init -n /bin/true --help").out, HasSubstr("Usage:"));
  EXPECT_FALSE(support::path_exists("/tmp/x"));
  const Outcome usage = shell("$C set_fds --nosuch");
  EXPECT_EQ(usage.status, 1);
  EXPECT_EQ(usage.out, "");
  EXPECT_THAT(usage.err, HasSubstr("ctrtool help set_fds"));
  EXPECT_EQ(shell("$C set_fds --version").out.rfind("ctrtool version ", 0), 0U);
  EXPECT_EQ(shell("$C help -o launcher | grep -c .").out,
            shell("$C help -j launcher | grep -c short").out);
  EXPECT_THAT(shell("$C help -a").out, HasSubstr("Usage: ctrtool rootfs-mount"));
}

NS_TEST(NativeSetFds, OthersMayStay) {
  const std::string open = "exec 8</dev/null 9</dev/null; ";
  EXPECT_EQ(shell(open + "$C set_fds -f 8 --keep-others -- sh -c 'test -e /proc/self/fd/9 && echo "
                         "kept'")
                .out,
            "kept\n");
  EXPECT_EQ(shell(open + "$C set_fds -f 8 --cloexec-others -- sh -c 'test -e /proc/self/fd/9 || "
                         "echo gone'")
                .out,
            "gone\n");
  EXPECT_EQ(shell("$C set_fds -m 1:1 -f 3x -- true").status, 1);
  // Below 3, and with gaps.
  EXPECT_EQ(
      shell("exec 8</etc/group 9</etc/passwd; $C set_fds -m 8:0 -m 9:12 -- sh -c 'readlink "
            "/proc/self/fd/0 /proc/self/fd/12; for n in 3 8 9; do test ! -e /proc/$$/fd/$n || echo "
            "$n; done'")
          .out,
      "/etc/group\n/etc/passwd\n");
}

NS_TEST(NativeHelp, Example3UnknownNamesGetAListOnStderr) {
  const Outcome unknown = shell("$C help ns_open_fil");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(unknown.out, "");
  EXPECT_THAT(unknown.err, HasSubstr("did you mean ns_open_file?"));
  EXPECT_THAT(unknown.err, HasSubstr("Usage: ctrtool APPLET"));
  EXPECT_THAT(unknown.err, HasSubstr("\n  unlock "));
  // What the other applets' pages have.
  EXPECT_NE(shell("$C help ns_open_file | grep -c -- --socket").out, "0\n");
  EXPECT_EQ(shell("$C help ns_open_file").out, shell("$C ns_open_file --help").out);
}

NS_TEST(NativeHelp, OptionsSayWhatThisBinaryIs) {
  const std::string build = shell("$C --version").out;
  EXPECT_THAT(build, testing::MatchesRegex("ctrtool version [0-9.]+ \\((static|dynamic), "
                                           "[a-z0-9_]+(; commit [0-9a-f]+ of [-0-9]+)?\\)\n"));
  for (const char* words : {"help -v", "help --version", "set_fds --version"})
    EXPECT_EQ(shell("$C " + std::string(words)).out, build) << words;
}

NS_TEST(NativeHelp, OptionsTopicsOfItsDocument) {
  for (const char* topic : {"specs", "caps", "signals", "rlimits", "sockets", "open-flags", "ops",
                            "registers", "chaining", "exit-codes", "environment", "examples"}) {
    const Outcome text = shell("$C help " + std::string(topic));
    EXPECT_EQ(text.status, 0) << topic << text.err;
    EXPECT_GT(text.out.size(), 60U) << topic;
    EXPECT_THAT(shell("$C help").out, HasSubstr(std::string(" ") + topic)) << topic;
  }
  // Each word that the topics name is one: a bad one would be a mistake of usage.
  const auto bad_words = [](const std::string& topic, const std::string& line,
                            const std::string& option) {
    return shell("cd /tmp; for w in $($C help " + topic + " | sed -n '/^" + line +
                 "/{n;p}') odd; do $C ns_open_file " + option +
                 " $w -q 2>/dev/null; test $? != 1 || echo $w; done")
        .out;
  };
  EXPECT_EQ(bad_words("sockets", "Families", "-n -d"), "odd\n");
  EXPECT_EQ(bad_words("sockets", "Types", "-n -d unix -t"), "odd\n");
  EXPECT_EQ(bad_words("sockets", "Protocols", "-n -p"), "odd\n");
  EXPECT_EQ(bad_words("open-flags", "Flags", "-m -O"), "odd\n");
  EXPECT_EQ(bad_words("open-flags", "How", "-m -R"), "odd\n");
  const Outcome operations = shell(
      "cd /tmp; for w in $($C help ops | sed -n 's/^  [a-zA-Z]  //p' | sed 's/   .*//') odd; do $C "
      "ns_open_file -I $w -q 2>&1 | grep -o 'odd.*unknown operation'; done");
  EXPECT_EQ(operations.out, "odd\": unknown operation\n") << operations.err;
}

NS_TEST(NativeHelp, OptionsJsonHasScopesAndVariables) {
  const Outcome json = shell(
      "$C help -j | jq -r '.[] | select(.name == \"make_ns\") | (.options[] | select(.long == "
      "\"loopback\") | .scope), (.environment | map(.name) | .[0])'");
  EXPECT_EQ(json.out, "n\nCTRTOOL_MAKE_NS_FD_<n>\n") << json.err;
  EXPECT_THAT(shell("$C help -o mount_seq").out, HasSubstr("-M\t--mode\tOCTAL\tDw\n"));
  EXPECT_THAT(shell("$C help -o mount_seq").out, HasSubstr("-m\t--mount\tTARGET\t\n"));
}

NS_TEST(NativeHelp, RulesOfWidthAndColour) {
  const auto longest = [](const std::string& words) {
    return std::stoi(shell(words + " | tr -d '\\r' | awk '{ if (length > n) n = length } END { "
                                   "print n }'")
                         .out);
  };
  const std::string options = "sed -n '/^Options:/,/^Exit/p'";
  EXPECT_LE(longest("$C help ns_open_file | " + options), 80);
  EXPECT_LE(longest("COLUMNS=200 $C help ns_open_file | " + options), 80) << "not a terminal";
  EXPECT_LE(longest("$C tty_proxy -w 60 $C help env </dev/null | " + options), 60);
  const int wide = longest("$C tty_proxy -w 150 $C help ns_open_file </dev/null | " + options);
  EXPECT_GT(wide, 100);
  EXPECT_LE(wide, 150);
  EXPECT_THAT(shell("$C help --color env").out, HasSubstr("\033[1mOptions:\033[0m\n"));
  EXPECT_EQ(shell("$C help --color env | sed 's/\033\\[[01]m//g'").out, shell("$C help env").out);
}

}  // namespace
}  // namespace native
