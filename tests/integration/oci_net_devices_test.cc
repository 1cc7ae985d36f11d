// SPDX-License-Identifier: Apache-2.0
// netDevices: one end of a veth pair goes from the sandbox's network namespace into a container's.
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

bool ip(const std::string& words) {
  return run({.argv = {"/bin/busybox", "sh", "-c", "ip " + words}}).status == 0;
}

// "tst0" with its other end "tst1"; skips where the kernel has no such devices.
#define MAKE_VETH_OR_SKIP() \
  if (!make_veth()) GTEST_SKIP() << "this kernel has no veth devices"

bool make_veth() {
  if (run({.argv = {"ip", "link", "add", "tst0", "type", "veth", "peer", "name", "tst1"}}).status !=
      0)
    return false;
  EXPECT_TRUE(ip("addr add 192.0.2.1/24 dev tst0"));
  return true;
}

// Rights over the network inside do not matter: the runtime does it all before.
Bundle& with_device(Bundle& bundle, const std::string& devices) {
  return bundle.set("/linux/netDevices", devices);
}

OCI_TEST(NetDevices, AreMovedWithTheirAddressesAndUp) {
  MAKE_VETH_OR_SKIP();
  Bundle bundle;
  with_device(bundle, R"({"tst0":{}})").shell("ip addr show dev tst0; ip addr show dev tst1");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(contains(outcome.out, "192.0.2.1/24")) << outcome.out << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "UP")) << outcome.out;
  EXPECT_FALSE(contains(outcome.out, "tst1:")) << "the other end stays: " << outcome.out;
}

// The specification's words: global and permanent. What the kernel makes itself, or takes away
// again, stays behind; so does what a peer may only know by another prefix.
OCI_TEST(NetDevices, KeepWhatIsGlobalAndPermanent) {
  MAKE_VETH_OR_SKIP();
  for (const char* address : {"2001:db8::1/64 dev tst0 nodad", "192.0.2.2/25 dev tst0",
                              "2001:db8::2/64 dev tst0 nodad "
                              "valid_lft 1000 preferred_lft 500",
                              "192.0.2.3/24 dev tst0 valid_lft 1000 preferred_lft 500",
                              "169.254.9.9/16 dev tst0 scope link", "fe80::99/64 dev tst0 nodad"}) {
    const Outcome added = run({.argv = {"sh", "-c", std::string("ip addr add ") + address}});
    ASSERT_EQ(added.status, 0) << address << ": " << added.err;
  }
  Bundle bundle;
  with_device(bundle, R"({"tst0":{}})").shell("ip addr show dev tst0");
  const Outcome outcome = run_bundle(bundle);
  for (const char* kept : {"192.0.2.1/24", "192.0.2.2/25", "2001:db8::1/64"})
    EXPECT_TRUE(contains(outcome.out, kept)) << kept << " of " << outcome.out << outcome.err;
  for (const char* left : {"192.0.2.3", "2001:db8::2", "169.254.9.9", "fe80::99"})
    EXPECT_FALSE(contains(outcome.out, left)) << left << " of " << outcome.out;
}

OCI_TEST(NetDevices, OfAnotherKind) {
  if (run({.argv = {"ip", "link", "add", "tst9", "type", "dummy"}}).status != 0)
    GTEST_SKIP() << "this kernel has no dummy devices";
  EXPECT_TRUE(ip("addr add 192.0.2.9/24 dev tst9"));
  Bundle bundle;
  with_device(bundle, R"({"tst9":{"name":"dum%d"}})").shell("ip addr show dev dum0");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(contains(outcome.out, "192.0.2.9/24")) << outcome.out << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "UP")) << outcome.out;
  EXPECT_EQ(::if_nametoindex("tst9"), 0U);
}

OCI_TEST(NetDevices, AreRenamed) {
  MAKE_VETH_OR_SKIP();
  Bundle bundle;
  with_device(bundle, R"({"tst0":{"name":"inside"}})").shell("ip addr show dev inside");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(contains(outcome.out, "inside") && contains(outcome.out, "192.0.2.1/24"))
      << outcome.out << outcome.err;
}

OCI_TEST(NetDevices, TemplatesGetAFreeNumber) {
  MAKE_VETH_OR_SKIP();
  Bundle bundle;
  with_device(bundle, R"({"tst0":{"name":"eth%d"},"tst1":{"name":"eth%d"}})")
      .shell("ls /sys/class/net | sort");
  EXPECT_EQ(run_bundle(bundle).out, "eth0\neth1\nlo\n");
}

OCI_TEST(NetDevices, WorkInAUserNamespaceAndBeforeHooks) {
  MAKE_VETH_OR_SKIP();
  TempDir dir;
  Bundle bundle;
  bundle.map_ids(100000, 65536);
  with_device(bundle, R"({"tst0":{"name":"net0"}})").shell("ip addr show dev net0");
  bundle.set("/hooks", R"({"createRuntime":[{"path":"/bin/sh","args":["sh","-c",
      "ip link show tst0 >/dev/null 2>&1 || echo moved > )" +
                           dir.path() + R"(/witness"]}]})");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(contains(outcome.out, "192.0.2.1/24")) << outcome.out << outcome.err;
  EXPECT_EQ(read_file(dir / "witness"), "moved\n");
}

// The name of a device that is there already, in a namespace that is joined.
OCI_TEST(NetDevices, ClashesAreErrorsAndMoveNothing) {
  MAKE_VETH_OR_SKIP();
  Bundle bundle;
  for (const char* devices :
       {R"({"tst0":{"name":"lo"}})", R"({"none0":{}})",
        R"({"tst0":{"name":"a"},"tst1":{"name":"a"}})", R"({"tst0":{"name":"a%d%d"}})",
        R"({"tst0":{"name":"a/b"}})", R"({"tst0":{"name":"0123456789abcdef"}})"}) {
    const Outcome outcome = create_bundle(with_device(bundle, devices));
    EXPECT_STATUS(outcome, 1) << devices;
    EXPECT_TRUE(contains(outcome.err, "/linux/netDevices")) << outcome.err;
    EXPECT_NE(::if_nametoindex("tst0"), 0U) << devices;
  }
}

OCI_TEST(NetDevices, NeedANetworkNamespace) {
  MAKE_VETH_OR_SKIP();
  Bundle bundle;
  with_device(bundle, R"({"tst0":{}})").remove("/linux/namespaces/1");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "network namespace")) << outcome.err;
  EXPECT_NE(::if_nametoindex("tst0"), 0U);
}

}  // namespace
