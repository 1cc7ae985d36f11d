// SPDX-License-Identifier: Apache-2.0
// What the parent half does for the child half is done before the child needs it, however long the
// parent takes: it is held right behind its clone, for longer than the child takes.
#include <sys/resource.h>
#include <sys/syscall.h>

#include <vector>

#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

constexpr rlim_t kOurs = 4096;
constexpr const char* kMore = R"([{"type":"RLIMIT_NOFILE","soft":1024,"hard":4097}])";

// The machine that this runs on may give nobody the right to raise a limit; then the calls that
// would are taken for done, and their order is all there is to see.
bool may_raise() {
  const rlimit more{1024, kOurs + 1};
  const rlimit ours{1024, kOurs};
  return ::setrlimit(RLIMIT_NOFILE, &more) == 0 && ::setrlimit(RLIMIT_NOFILE, &ours) == 0;
}

class SlowParent {
 public:
  Outcome run(const std::vector<std::string>& words, bool pretend = false) {
    return trace(runtime_command(words), "/bin/guest",
                 [&](const Call& call) { return at(call, pretend); })
        .outcome;
  }
  // Who set limits, in order: 0 the parent.
  const std::vector<unsigned>& setters() const { return setters_; }

 private:
  Fault at(const Call& call, bool pretend) {
    const bool by_parent = call.process == 0;
    const bool sets = call.call == SYS_prlimit64 && call.arguments[2] != 0;
    if (sets) setters_.push_back(call.process);
    if (by_parent && has_cloned_ && !held_) {
      held_ = true;
      return {.kind = Fault::kHold};
    }
    has_cloned_ = has_cloned_ || call.call == SYS_clone3;
    return sets && pretend ? Fault{.kind = Fault::kFail, .error = 0} : Fault{};
  }

  bool has_cloned_ = false;
  bool held_ = false;
  std::vector<unsigned> setters_;
};

void expect_raised_first(const SlowParent& parent) {
  ASSERT_FALSE(parent.setters().empty());
  EXPECT_EQ(parent.setters().front(), 0U) << "the child, before the parent has raised it";
  EXPECT_NE(parent.setters(), std::vector<unsigned>(parent.setters().size(), 0U))
      << "the child set none";
}

// A user namespace's processes may only lower their limits.
void expect_limits(const std::vector<std::string>& words) {
  const rlimit ours{1024, kOurs};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &ours), 0);
  const bool raises = may_raise();
  SlowParent parent;
  const Outcome outcome = parent.run(words, !raises);
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(Report(outcome.out)["rlimit.NOFILE"], raises ? "1024 4097" : "1024 4096");
  expect_raised_first(parent);
}

class Held {
 public:
  Held() {
    bundle_.map_ids(100000, 65536).args({"/bin/guest", "hold"});
    EXPECT_STATUS(run_bundle(bundle_, {"--detach"}), 0);
  }
  ~Held() { EXPECT_STATUS(runtime({"delete", "--force", bundle_.id()}), 0); }
  const std::string& id() const { return bundle_.id(); }
  std::string user_namespace() const {
    return "/proc/" + std::to_string(pid_of(bundle_.id())) + "/ns/user";
  }
  // Another one's, which is to join ours.
  Bundle& join(Bundle& other) const {
    other.map_ids(100000, 65536).remove("/linux/uidMappings").remove("/linux/gidMappings");
    const int last = json_size(other.config(), "/linux/namespaces") - 1;  // map_ids() has added it
    return other.set("/linux/namespaces/" + std::to_string(last) + "/path",
                     json_string(user_namespace()));
  }

 private:
  Bundle bundle_;
};

OCI_TEST(SlowParent, RaisesTheLimitsOfExec) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  const Held container;
  write_file("/tmp/process.json",
             std::string(R"({"cwd":"/","args":["/bin/guest","report"],"rlimits":)") + kMore + "}");
  expect_limits({"exec", "--process", "/tmp/process.json", container.id()});
}

OCI_TEST(SlowParent, RaisesTheLimitsInANewUserNamespace) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Bundle bundle;
  bundle.map_ids(100000, 65536).set("/process/rlimits", kMore);
  expect_limits({"run", "--bundle", bundle.path(), bundle.id()});
}

// Without a control group the two halves do not meet before the child sets its limits.
OCI_TEST(SlowParent, RaisesTheLimitsInAJoinedUserNamespace) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  const Held container;
  Bundle bundle;
  container.join(bundle).set("/process/rlimits", kMore);
  expect_limits({"--cgroup-manager", "disabled", "run", "--bundle", bundle.path(), bundle.id()});
}

// The process that joins is not the one that goes on, which has from it what it had by then.
OCI_TEST(SlowParent, GivesTheScoreToWhoGoesOn) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  const Held container;
  Bundle bundle;
  container.join(bundle).set("/process/oomScoreAdj", "321");
  SlowParent parent;
  const Outcome outcome = parent.run({"run", "--bundle", bundle.path(), bundle.id()});
  EXPECT_STATUS(outcome, 0);
  EXPECT_EQ(Report(outcome.out)["oom"], "321");
}

}  // namespace
