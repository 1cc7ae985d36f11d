// SPDX-License-Identifier: Apache-2.0
// Where and when the program runs: scheduler, I/O priority, personality, memory policy, CPUs of
// exec.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string output_of(Bundle& bundle, const std::string& script) {
  bundle.args({"/bin/sh", "-c", script});
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 0);
  return outcome.out;
}

OCI_TEST(Scheduling, PolicyAndNiceness) {
  Bundle bundle;
  bundle.set("/process/scheduler", R"({"policy":"SCHED_BATCH","nice":7})");
  // Field 19 is the niceness, field 41 the policy (proc(5)); 3 is SCHED_BATCH.
  EXPECT_EQ(output_of(bundle, "cut -d' ' -f19,41 /proc/self/stat"), "7 3\n");
}

OCI_TEST(Scheduling, OtherPoliciesAndTheOneThatNoKernelHas) {
  Bundle bundle;
  bundle.set("/process/scheduler", R"({"policy":"SCHED_OTHER","nice":-3})");
  EXPECT_EQ(run_report(bundle)["sched"], "0 priority 0 nice -3");
  bundle.set("/process/scheduler", R"({"policy":"SCHED_IDLE"})");
  EXPECT_EQ(run_report(bundle)["sched"], "5 priority 0 nice 0");
  const Outcome iso = create_bundle(bundle.set("/process/scheduler", R"({"policy":"SCHED_ISO"})"));
  EXPECT_STATUS(iso, 1);
  EXPECT_TRUE(contains(iso.err, "/process/scheduler")) << iso.err;
}

// Much of a long period: time that a busy host takes from a virtual machine counts as used. And not
// too much: the kernel shares out what there is, and refuses more.
constexpr const char* kDeadline =
    R"({"policy":"SCHED_DEADLINE","runtime":40000000,"deadline":90000000,"period":100000000})";
constexpr const char* kDeadlineSeen = "40000000 90000000 100000000";
constexpr const char* kForbidden = "this machine forbids real time in control groups";

// A kernel that divides real time among control groups gives a new one none.
bool is_forbidden(const Outcome& outcome) { return contains(outcome.err, "not permitted"); }

// Policies as sched_getscheduler(2) numbers them; 0x40000000 is reset-on-fork.
OCI_TEST(Scheduling, RealTimePoliciesTheirFlagsAndDeadlines) {
  Bundle bundle;
  bundle.set("/process/scheduler",
             R"({"policy":"SCHED_BATCH","flags":["SCHED_FLAG_RESET_ON_FORK"]})");
  EXPECT_EQ(run_report(bundle)["sched"], std::to_string(0x40000003) + " priority 0 nice 0");
  bool forbidden = false;
  const auto expect = [&](const char* scheduler, const char* found,
                          const std::vector<std::string>& deadline = {}) {
    const Outcome outcome = run_bundle(bundle.set("/process/scheduler", scheduler));
    const Report report(outcome.out);
    EXPECT_TRUE(is_forbidden(outcome) ||
                (report["sched"] == found && report.all("deadline") == deadline))
        << outcome.out << outcome.err;
    forbidden = forbidden || is_forbidden(outcome);
  };
  expect(R"({"policy":"SCHED_FIFO","priority":7})", "1 priority 7 nice 0");
  expect(R"({"policy":"SCHED_RR","priority":5})", "2 priority 5 nice 0");
  expect(kDeadline, "6 priority 0 nice 0", {kDeadlineSeen});
  if (forbidden) GTEST_SKIP() << kForbidden;
}

// Who has deadlines cannot fork; the program keeps nothing of what the hooks take.
OCI_TEST(Scheduling, DeadlinesComeAfterTheHooks) {
  Bundle bundle;
  bundle.set("/process/scheduler", kDeadline)
      .set("/process/capabilities", R"({"bounding":["CAP_KILL"],"permitted":["CAP_KILL"]})")
      .set("/hooks", R"({"startContainer":[{"path":"/bin/touch","args":["touch","/hook"]}]})");
  const Outcome outcome = run_bundle(bundle);
  if (is_forbidden(outcome)) GTEST_SKIP() << kForbidden;
  const Report report(outcome.out);
  EXPECT_EQ(report["sched"], "6 priority 0 nice 0") << outcome.err;
  EXPECT_EQ(report["deadline"], kDeadlineSeen);
  EXPECT_EQ(report["status.CapPrm"], "0000000000000020");
  EXPECT_TRUE(path_exists(bundle.rootfs() + "/hook"));
}

OCI_TEST(Scheduling, IoPriorityIsSet) {
  for (const auto& [name, number] :
       {std::pair{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}}) {
    Bundle bundle;
    bundle.set("/process/ioPriority", R"({"class":")" + std::string(name) + R"(","priority":6})");
    EXPECT_EQ(run_report(bundle)["ioprio"], std::to_string((number << 13) + 6)) << name;
  }
}

OCI_TEST(Scheduling, MemoryPolicyIsSet) {
  if (!path_exists("/proc/self/numa_maps")) GTEST_SKIP() << "this kernel has no NUMA policies";
  Bundle bundle;
  bundle.set("/linux/memoryPolicy",
             R"({"mode":"MPOL_INTERLEAVE","nodes":"0","flags":["MPOL_F_STATIC_NODES"]})");
  EXPECT_TRUE(contains(output_of(bundle, "head -1 /proc/self/numa_maps"), "interleave=static:0"));
}

// As numa_maps names them. Newer ones may be missing: that is told, and not taken for another.
OCI_TEST(Scheduling, EveryMemoryPolicyAndFlag) {
  if (!path_exists("/proc/self/numa_maps")) GTEST_SKIP() << "this kernel has no NUMA policies";
  struct Case {
    const char* policy;
    const char* found;
    bool new_since_5_10;
  };
  for (const Case& one : {
           Case{R"({"mode":"MPOL_DEFAULT","nodes":""})", " default ", false},
           {R"({"mode":"MPOL_BIND","nodes":"0"})", " bind:0 ", false},
           {R"({"mode":"MPOL_INTERLEAVE","nodes":"0"})", " interleave:0 ", false},
           {R"({"mode":"MPOL_PREFERRED","nodes":"0"})", " prefer:0 ", false},
           {R"({"mode":"MPOL_LOCAL","nodes":""})", " local ", false},
           {R"({"mode":"MPOL_PREFERRED_MANY","nodes":"0"})", " prefer (many):0 ", true},
           {R"({"mode":"MPOL_WEIGHTED_INTERLEAVE","nodes":"0"})", " weighted interleave:0 ", true},
           {R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]})",
            " bind=static:0 ", false},
           {R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_RELATIVE_NODES"]})",
            " bind=relative:0 ", false},
           {R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_NUMA_BALANCING"]})", " bind", true},
       }) {
    Bundle bundle;
    bundle.set("/linux/memoryPolicy", one.policy).shell("head -n 1 /proc/self/numa_maps");
    const Outcome outcome = run_bundle(bundle);
    const bool missing = one.new_since_5_10 && contains(outcome.err, "/linux/memoryPolicy");
    EXPECT_TRUE(missing || contains(outcome.out, one.found))
        << one.policy << outcome.out << outcome.err;
  }
}

OCI_TEST(Scheduling, ExecRunsOnItsCpus) {
  Bundle bundle;
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string process = json_set(*json_get(bundle.config(), "/process"), "/execCPUAffinity",
                                       R"({"initial":"0","final":"0"})");
  write_file("/tmp/affinity.json", json_set(process, "/args", R"(["/bin/guest","report"])"));
  const Outcome outcome = runtime({"exec", "--process", "/tmp/affinity.json", bundle.id()});
  EXPECT_EQ(Report(outcome.out)["status.Cpus_allowed_list"], "0") << outcome.err;
  ::unlink("/tmp/affinity.json");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Scheduling, PersonalityOf32Bits) {
  Bundle bundle;
  bundle.set("/linux/personality", R"({"domain":"LINUX32"})");
  EXPECT_EQ(output_of(bundle, "uname -m"), "i686\n");
}

OCI_TEST(Scheduling, IoPriorityAndMemoryPolicyAreAccepted) {
  Bundle bundle;
  bundle.set("/process/ioPriority", R"({"class":"IOPRIO_CLASS_IDLE","priority":0})")
      .set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"0"})");
  EXPECT_EQ(output_of(bundle, "echo ran"), "ran\n");
}

OCI_TEST(Scheduling, MemoryPolicyOfANodeThatIsNotThereFails) {
  Bundle bundle;
  bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"900"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/memoryPolicy")) << outcome.err;
}

}  // namespace
