// SPDX-License-Identifier: Apache-2.0
// What happens once, whoever else does the same at that moment; and what is left when a process
// that stands between the runtime and the container dies. Numbers: tests/CASES.md.
#include <stdlib.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

// --- FLT-06 --------------------------------------------------------------------------------------

// Different bundles and cgroups under one ID: the losers take nothing of the winner's away.
OCI_TEST(Races, TheWinnerOfDifferentCreatesLives) {
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    Bundle one;
    Bundle other;
    const std::string id = one.id();
    one.args({"/bin/guest", "hold"});
    other.args({"/bin/guest", "hold"});
    if (round % 2 == 0) other.set("/linux/cgroupsPath", json_string(one.cgroup()));
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 6; ++i) {
      const Bundle& bundle = i % 2 == 0 ? one : other;
      all.push_back(
          std::make_unique<Running>(runtime_command({"create", "--bundle", bundle.path(), id})));
    }
    int winners = 0;
    for (const auto& creator : all) {
      const Outcome outcome = creator->wait();
      winners += outcome.status == 0 ? 1 : 0;
      if (outcome.status == 0) continue;
      EXPECT_STATUS(outcome, 1);
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
      EXPECT_TRUE(contains(outcome.err, "exist")) << outcome.err;
    }
    EXPECT_EQ(winners, 1);
    EXPECT_STATUS(runtime({"start", id}), 0);
    EXPECT_STATUS(runtime({"exec", id, "/bin/true"}), 0);
    EXPECT_STATUS(runtime({"delete", "--force", id}), 0);
  }
}

// --- FLT-07 --------------------------------------------------------------------------------------

class CountedHooks {
 public:
  explicit CountedHooks(Bundle& bundle) {
    bundle.bind(log_.path(), log_.path(), "bind").args({"/bin/guest", "hold"});
    for (const char* stage : {"startContainer", "poststart", "poststop"}) {
      const std::string script = std::string("echo ") + stage + " >>" + log_.path() + "/ran";
      bundle.set(std::string("/hooks/") + stage + "/-",
                 R"({"path":"/bin/sh","args":["sh","-c",)" + json_string(script) + "]}");
    }
  }
  std::string ran() const { return read_file(log_ / "ran"); }
  void forget() const { write_file(log_ / "ran", ""); }

 private:
  TempDir log_;
};

OCI_TEST(Races, HooksRunOnceForTwoWhoStartAndTwoWhoDelete) {
  Bundle bundle;
  const CountedHooks hooks(bundle);
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    hooks.forget();
    ASSERT_STATUS(create_bundle(bundle), 0);
    {
      Running one(runtime_command({"start", bundle.id()}));
      Running two(runtime_command({"start", bundle.id()}));
      EXPECT_EQ(one.wait().status + two.wait().status, 1);
    }
    EXPECT_EQ(hooks.ran(), "startContainer\npoststart\n");
    {
      Running one(runtime_command({"delete", "--force", bundle.id()}));
      Running two(runtime_command({"delete", "--force", bundle.id()}));
      EXPECT_STATUS(one.wait(), 0);
      EXPECT_STATUS(two.wait(), 0);
    }
    EXPECT_EQ(hooks.ran(), "startContainer\npoststart\npoststop\n");
  }
}

// --- FLT-05 --------------------------------------------------------------------------------------

// In a user namespace that is joined the process that joins is not the one that goes on. Either may
// be killed at any moment.
OCI_TEST(KillSweep, HelpersInAJoinedUserNamespace) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Bundle holder;
  holder.map_ids(100000, 65536).args({"/bin/guest", "hold"});
  ASSERT_STATUS(run_bundle(holder, {"--detach"}), 0);
  Bundle bundle;
  bundle.map_ids(100000, 65536).remove("/linux/uidMappings").remove("/linux/gidMappings");
  const int last = json_size(bundle.config(), "/linux/namespaces") - 1;
  bundle
      .set("/linux/namespaces/" + std::to_string(last) + "/path",
           json_string(ctr::strf("/proc/%d/ns/user", pid_of(holder.id()))))
      .args({"/bin/guest", "hold"});
  const Snapshot before = take_snapshot();
  const auto create = [&](const std::function<Fault(const Call&)>& at) {
    return trace(runtime_command({"create", "--bundle", bundle.path(), bundle.id()}), "/bin/guest",
                 at);
  };
  std::vector<Call> calls = create([](const Call&) { return Fault{}; }).calls;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  std::erase_if(calls, [](const Call& call) { return call.process == 0; });
  ASSERT_GT(calls.size(), 50U);
  EXPECT_GE(calls.back().process, 2U) << "nobody was between";
  const bool all = ::getenv("OCICTR_TEST_LONG") != nullptr;
  const std::size_t step = all ? 1 : calls.size() / 24;
  for (std::size_t i = 0; i < calls.size(); i += step) {
    const Call& point = calls[i];
    SCOPED_TRACE(ctr::strf("process %u, call %u (%s)", point.process, point.index,
                           name_of_call(point.call).c_str()));
    const Traced traced = create([&](const Call& call) {
      const bool here = call.process == point.process && call.index == point.index;
      return here ? Fault{.kind = Fault::kKillCaller} : Fault{};
    });
    EXPECT_LT(traced.outcome.status, 256) << "it hangs";
    if (traced.outcome.status != 0) {
      EXPECT_EQ(lines_of(traced.outcome.err).size(), 1U) << traced.outcome.err;
      EXPECT_STATUS(runtime({"state", bundle.id()}), 1);
    }
    EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_STATUS(runtime({"delete", "--force", holder.id()}), 0);
}

}  // namespace
