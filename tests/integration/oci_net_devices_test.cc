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
