// SPDX-License-Identifier: Apache-2.0
#include "tests/support/applets.h"
#include "tests/support/files.h"
#include "tests/support/ns_test.h"

namespace {

using support::ctrtool;
using support::shell;

// "user:[4026531837]" without its kind.
std::string inode_of(const std::string& path) {
  const std::string target = support::link_target(path);
  return target.substr(target.find('['));
}

NS_TEST(NsTree, Example1ShowsNestedUserNamespaces) {
  const support::Outcome outcome = shell(
      "unshare -Ur sh -c 'unshare -Urn sh -c \"readlink /proc/self/ns/net; "
      "exec sleep 9\" & sleep 0.3; wait' & sleep 0.6; $C ns_tree -q -P");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GT(lines.size(), 2U) << outcome.out << outcome.err;
  const std::string net = lines[0];
  bool owned_by_the_inner_one = false;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i)
    if (lines[i + 1].find(net) != std::string::npos)
      owned_by_the_inner_one = lines[i].find("user:[") >= 4;
  EXPECT_TRUE(owned_by_the_inner_one) << outcome.out;
}

NS_TEST(NsTree, Example3FindsANamespaceThatOnlyABindMountKeeps) {
  ASSERT_TRUE(support::write_file("/run/kept", ""));
  const support::Outcome outcome = shell(
      "unshare -n sh -c 'readlink /proc/self/ns/net; echo $$ >/run/pid; exec sleep 0.6' & "
      "sleep 0.3; mount --bind /proc/$(cat /run/pid)/ns/net /run/kept; wait; $C ns_tree -q -k");
  const std::string net = support::lines_of(outcome.out)[0];
  EXPECT_TRUE(support::contains(outcome.out, net + ", 0 processes, kept by mount /run/kept"))
      << outcome.out << outcome.err;
}

NS_TEST(NsTree, Example4ClimbsToTheOwner) {
  const support::Outcome outcome = ctrtool({"ns_tree", "-a", "/proc/self/ns/net"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GE(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("net:" + inode_of("/proc/self/ns/net")));
  EXPECT_TRUE(lines[1].starts_with("  user:" + inode_of("/proc/self/ns/user")));
  EXPECT_TRUE(lines.back().ends_with("(outside)"));
}

// A parent that nobody is in: its only process has gone on into a child of it.
NS_TEST(NsTree, Example2ParentWithoutProcesses) {
  const support::Outcome outcome = shell(
      "unshare -Ur sh -c 'readlink /proc/self/ns/user >/run/outer; exec unshare -Ur sh -c \"echo "
      ">/run/ready; exec sleep 600\"' & P=$!; i=0; while test ! -e /run/ready && test $i -lt 600; "
      "do "
      "i=$((i+1)); sleep 0.1; done; $C ns_tree -q -k; kill -9 $P; cat /run/outer");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_FALSE(lines.empty()) << outcome.err;
  EXPECT_TRUE(support::contains(outcome.out, lines.back() + " owner 0, 0 processes, kept by"))
      << outcome.out;
  EXPECT_TRUE(support::contains(outcome.out, "child namespace")) << outcome.out;
}

NS_TEST(NsTree, OptionsFindWhatOnlyADescriptorKeeps) {
  const support::Outcome outcome = shell(
      "$C make_ns -n -u sh -c 'readlink /proc/self/fd/$CTRTOOL_MAKE_NS_NET_FD; echo "
      "$CTRTOOL_MAKE_NS_NET_FD $$; '$C' ns_tree -q -k'");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GT(lines.size(), 2U) << outcome.err;
  const std::string number = lines[1].substr(0, lines[1].find(' '));
  const std::string pid = lines[1].substr(lines[1].find(' ') + 1);
  EXPECT_TRUE(support::contains(outcome.out,
                                lines[0] + ", 0 processes, kept by fd " + number + " of process "))
      << outcome.out;
  EXPECT_TRUE(support::contains(outcome.out, "of process " + pid)) << outcome.out;
}

NS_TEST(NsTree, OptionsFindWhatIsThereForChildrenToCome) {
  const support::Outcome outcome = shell(
      "$C make_ns -T -z 'echo $1 >/run/helper' -x 'readlink /proc/self/fd/$3; '$C' ns_tree -q "
      "-k; cat /run/helper' true");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GT(lines.size(), 2U) << outcome.err;
  EXPECT_TRUE(support::contains(outcome.out, lines[0] + ", 0 processes, kept by ")) << outcome.out;
  EXPECT_TRUE(support::contains(outcome.out, "children to come of process " + lines.back()))
      << outcome.out;
}

NS_TEST(NsTree, OptionsJsonHasStableKeys) {
  const std::string json = ctrtool({"ns_tree", "-q", "-j"}).out;
  for (const char* key : {"\"type\":", "\"inode\":", "\"dev\":", "\"owner_uid\":", "\"parent\":",
                          "\"owner\":", "\"processes\":", "\"kept_by\":"})
    EXPECT_TRUE(support::contains(json, key)) << key;
}

NS_TEST(NsTree, Example5AnOrdinaryUserSeesHisOwn) {
  const support::Outcome outcome = shell(
      "mkdir -p /tmp/bin; cp $C /tmp/bin/ctrtool; chmod 755 /tmp /tmp/bin; setpriv --reuid 1000 "
      "--regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all /tmp/bin/ctrtool ns_tree "
      "-q");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(support::contains(outcome.out, "(outside)")) << outcome.out;
}

NS_TEST(NsTree, RefusesWhatIsNoNamespace) {
  EXPECT_EQ(ctrtool({"ns_tree", "-a", "/proc/self/status"}).status, 1);
  EXPECT_EQ(ctrtool({"ns_tree", "-t", "x"}).status, 1);
}

NS_TEST(NsTree, OptionsFindWhatOnlyASocketKeeps) {
  const support::Outcome outcome = shell(
      "export C; $C ns_open_file -n -A -U -4 127.0.0.1,80 :pidfd_ctl -2 /CTRTOOL_NS_OPEN_FILE_FD_0 "
      "-N -v NET sh -c 'readlink /proc/self/fd/$NET; echo $CTRTOOL_NS_OPEN_FILE_FD_0 $$; eval "
      "\"exec $NET<&-\"; exec $C ns_tree -q -k'");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GT(lines.size(), 2U) << outcome.err;
  const std::string number = lines[1].substr(0, lines[1].find(' '));
  const std::string pid = lines[1].substr(lines[1].find(' ') + 1);
  EXPECT_TRUE(support::contains(
      outcome.out, lines[0] + ", 0 processes, kept by socket " + number + " of process " + pid))
      << outcome.out;
}

NS_TEST(NsTree, OptionsFindWhatOnlyAThreadKeeps) {
  ASSERT_TRUE(support::write_file("/tmp/threads.py", R"(
import ctypes, os, subprocess, sys, threading
made, over = threading.Event(), threading.Event()
def other():
    CLONE_NEWNET = 0x40000000
    assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
    print(os.readlink('/proc/thread-self/ns/net'), threading.get_native_id(), flush=True)
    made.set()
    over.wait()
threading.Thread(target=other).start()
made.wait()
subprocess.run([sys.argv[1], 'ns_tree', '-q', '-k'])
print(os.getpid())
over.set()
)"));
  const support::Outcome outcome = shell("/usr/bin/python3 /tmp/threads.py $C");
  const std::vector<std::string> lines = support::lines_of(outcome.out);
  ASSERT_GT(lines.size(), 2U) << outcome.err;
  const std::string net = lines[0].substr(0, lines[0].find(' '));
  const std::string thread = lines[0].substr(lines[0].find(' ') + 1);
  EXPECT_TRUE(support::contains(
      outcome.out, net + ", 0 processes, kept by thread " + thread + " of process " + lines.back()))
      << outcome.out;
}

NS_TEST(NsTree, OptionsPidHierarchyAndKinds) {
  const support::Outcome outcome = shell(
      "unshare -pf --kill-child sh -c ': >/run/ready; exec sleep 600' & P=$!; i=0; while test ! -e "
      "/run/ready && test $i -lt 600; do i=$((i+1)); sleep "
      "0.1; done; $C ns_tree -q -p; echo --; $C ns_tree -q -t n; kill -9 $P; readlink "
      "/proc/self/ns/pid");
  const std::string outer = support::lines_of(outcome.out).back();
  const std::size_t end = outcome.out.find("--\n");
  const std::string tree = outcome.out.substr(0, end);
  EXPECT_TRUE(support::contains(tree, outer)) << outcome.out << outcome.err;
  EXPECT_TRUE(support::contains(tree, "\n  pid:[")) << tree;
  EXPECT_FALSE(support::contains(tree, "net:[")) << tree;
  const std::string kinds = outcome.out.substr(end);
  EXPECT_TRUE(support::contains(kinds, "net:[") && support::contains(kinds, "user:[")) << kinds;
  EXPECT_FALSE(support::contains(kinds, "uts:[")) << kinds;
}

}  // namespace
