// SPDX-License-Identifier: Apache-2.0
// Hooks: order, namespaces, what they are given, and what their failure does.
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "tests/support/runtime.h"

namespace {

using namespace support;

// A directory seen at the same place on the host and in the container, with hook scripts in it
// that note who ran, in which namespaces, with which state on stdin.
class HookLog {
 public:
  explicit HookLog(Bundle& bundle) : bundle_(bundle) {
    ::mkdir("/hooks", 0755);
    bundle.bind(dir_.path(), dir_.path(), "rbind");
    bundle.shell("echo program >> " + dir_ / "log");
  }
  // Adds a hook to the config; `more` is shell run after the notes.
  void add(const std::string& stage, const std::string& more = "", const std::string& name = "") {
    const std::string label = name.empty() ? stage : name;
    const std::string file = dir_ / label;
    write_file(
        file,
        "#!/bin/sh\necho " + label + " >> " + (dir_ / "log") + "\ncat > " + file +
            ".state\nfor n in mnt net uts pid ipc; do echo \"$n $(readlink /proc/self/ns/$n)\"; "
            "done > " +
            file + ".ns\nenv > " + file + ".env\npwd > " + file + ".cwd\nls /proc/self/fd > " +
            file + ".fds\nhostname > " + file + ".host\n" + more + "\n",
        0755);
    bundle_.set("/hooks/" + stage + "/-", R"({"path":"/bin/sh","args":["sh",)" + json_string(file) +
                                              R"(],"env":["PATH=/usr/bin:/bin","HOOK=yes"]})");
  }
  std::string order() const {
    std::string text = read_file(dir_ / "log");
    for (char& c : text) c = c == '\n' ? ' ' : c;
    return text;
  }
  std::string state(const std::string& name, const std::string& pointer) const {
    return json_get(read_file(dir_ / (name + ".state")), pointer).value_or("(absent)");
  }
  std::string name_space(const std::string& name, const std::string& which) const {
    for (const std::string& line : lines_of(read_file(dir_ / (name + ".ns"))))
      if (line.starts_with(which + " ")) return line.substr(which.size() + 1);
    return "(none)";
  }
  std::string file(const std::string& name) const { return read_file(dir_ / name); }
  std::string path(const std::string& name) const { return dir_ / name; }

 private:
  TempDir dir_;
  Bundle& bundle_;
};

constexpr const char* kStages[] = {"prestart",       "createRuntime", "createContainer",
                                   "startContainer", "poststart",     "poststop"};

OCI_TEST(Hooks, RunInOrder) {
  Bundle bundle;
  HookLog log(bundle);
  for (const char* stage : kStages) log.add(stage);
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(log.order(), "prestart createRuntime createContainer ");
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  EXPECT_TRUE(
      log.order() == "prestart createRuntime createContainer startContainer program poststart " ||
      log.order() == "prestart createRuntime createContainer startContainer poststart program ")
      << log.order();
  ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  EXPECT_TRUE(log.order().ends_with("poststop ")) << log.order();
}

// What is said for one stage is true of all.
OCI_TEST(Hooks, OfEveryStageHaveTheirOwnPathArgumentsAndEnvironment) {
  Bundle bundle;
  TempDir work;
  bundle.bind(work.path(), work.path(), "rbind").args({"/bin/guest", "exit", "0"});
  write_file(work / "hook",
             "#!/bin/sh\necho \"$STAGE $# $1 $2 ${HOME-no home}\" >>" + (work / "$STAGE") + "\n",
             0755);
  for (const char* stage : kStages)
    bundle.set(std::string("/hooks/") + stage + "/-",
               R"({"path":)" + json_string(work / "hook") + R"(,"args":["odd","a b",)" +
                   json_string(stage) + R"(],"env":["STAGE=)" + stage + R"("],"timeout":100})");
  EXPECT_STATUS(run_bundle(bundle), 0);
  for (const char* stage : kStages)
    EXPECT_EQ(read_file(work / stage), std::string(stage) + " 2 a b " + stage + " no home\n");
}

// A relative path and no time at all, of whichever stage: told by its pointer.
OCI_TEST(Hooks, OfEveryStageAreChecked) {
  for (const char* stage : kStages) {
    Bundle bundle;
    const std::string at = std::string("/hooks/") + stage;
    for (const auto& [hook, member] : {std::pair{R"({"path":"relative"})", "/0/path"},
                                       {R"({"path":"/bin/true","timeout":0})", "/0/timeout"}}) {
      const Outcome outcome = create_bundle(bundle.set(at, std::string("[") + hook + "]"));
      EXPECT_STATUS(outcome, 1) << stage;
      EXPECT_TRUE(contains(outcome.err, at + member)) << outcome.err;
    }
  }
}

OCI_TEST(Hooks, OfOneStageRunInTheConfigsOrder) {
  Bundle bundle;
  HookLog log(bundle);
  for (const char* name : {"one", "two", "three"}) log.add("createRuntime", "", name);
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_EQ(log.order(), "one two three ");
  ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
}

OCI_TEST(Hooks, RunInTheirNamespaces) {
  Bundle bundle;
  HookLog log(bundle);
  for (const char* stage : kStages) log.add(stage);
  bundle.shell("exec guest report > " + log.path("report"));
  EXPECT_STATUS(run_bundle(bundle), 0);
  const Report report(log.file("report"));
  for (const char* stage : {"prestart", "createRuntime", "poststart", "poststop"}) {
    for (const char* name : {"mnt", "net", "uts", "pid"})
      EXPECT_EQ(log.name_space(stage, name), link_target(std::string("/proc/self/ns/") + name))
          << stage << " " << name;
    EXPECT_EQ(log.file(std::string(stage) + ".host"), "sandbox\n");
  }
  for (const char* stage : {"createContainer", "startContainer"})
    for (const char* name : {"mnt", "net", "uts"})
      EXPECT_EQ(log.name_space(stage, name), report[std::string("ns.") + name])
          << stage << " " << name;
}

OCI_TEST(Hooks, GetTheState) {
  Bundle bundle;
  HookLog log(bundle);
  for (const char* stage : kStages) log.add(stage);
  bundle.set("/annotations", R"({"org.test.key":"a/b"})");
  ASSERT_STATUS(create_bundle(bundle), 0);
  const std::string pid = std::to_string(pid_of(bundle.id()));
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  ASSERT_TRUE(reaches(bundle.id(), "stopped"));
  ASSERT_STATUS(runtime({"delete", bundle.id()}), 0);
  for (const char* stage : kStages) {
    EXPECT_EQ(log.state(stage, "/ociVersion"), "1.0.2") << stage;
    EXPECT_EQ(log.state(stage, "/id"), bundle.id()) << stage;
    EXPECT_EQ(log.state(stage, "/bundle"), bundle.path()) << stage;
    EXPECT_EQ(log.state(stage, "/annotations/org.test.key"), "a/b") << stage;
    EXPECT_TRUE(contains(log.file(std::string(stage) + ".state"), "a/b"))
        << "slashes are not escaped";
  }
  for (const char* stage : {"prestart", "createRuntime", "poststart"})
    EXPECT_EQ(log.state(stage, "/pid"), pid) << stage;
  for (const char* stage : {"prestart", "createRuntime", "createContainer"})
    EXPECT_TRUE(log.state(stage, "/status") == "creating" ||
                log.state(stage, "/status") == "created")
        << stage;
  EXPECT_EQ(log.state("startContainer", "/status"), "created");
  EXPECT_EQ(log.state("poststart", "/status"), "running");
  EXPECT_EQ(log.state("poststop", "/status"), "stopped");
}

OCI_TEST(Hooks, GetTheirOwnEnvironmentAndNoDescriptors) {
  Bundle bundle;
  HookLog log(bundle);
  for (const char* stage : {"createRuntime", "createContainer", "startContainer"}) log.add(stage);
  EXPECT_STATUS(run_bundle(bundle), 0);
  for (const char* stage : {"createRuntime", "createContainer", "startContainer"}) {
    for (const std::string& line : lines_of(log.file(std::string(stage) + ".env")))
      EXPECT_TRUE(line.starts_with("PATH=") || line == "HOOK=yes" || line.starts_with("PWD=") ||
                  line.starts_with("OLDPWD=") || line.starts_with("SHLVL=") ||
                  line.starts_with("_="))
          << stage << ": " << line;
    EXPECT_LE(lines_of(log.file(std::string(stage) + ".fds")).size(), 5U)
        << stage << ": 0-2, the listing, and the script: " << log.file(std::string(stage) + ".fds");
  }
  EXPECT_EQ(log.file("createRuntime.cwd"), bundle.path() + "\n");
}

OCI_TEST(Hooks, FailureOfCreateStagesFailsCreate) {
  for (const char* stage : {"prestart", "createRuntime", "createContainer"}) {
    Bundle bundle;
    HookLog log(bundle);
    log.add(stage, "echo why it failed >&2; exit 3");
    log.add(stage, "", "second");
    log.add("poststop");
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, stage)) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, "why it failed"))
        << "its output is in the text: " << outcome.err;
    EXPECT_EQ(log.order(), std::string(stage) + " poststop ");
    EXPECT_STATUS(runtime({"state", bundle.id()}), 1);
  }
}

OCI_TEST(Hooks, FailureOfStartContainerFailsStart) {
  Bundle bundle;
  HookLog log(bundle);
  log.add("startContainer", "exit 4");
  ASSERT_STATUS(create_bundle(bundle), 0);
  const Outcome outcome = runtime({"start", bundle.id()});
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "startContainer")) << outcome.err;
  EXPECT_STATUS(runtime({"state", bundle.id()}), 1);  // the life cycle went on to delete
  EXPECT_EQ(log.order(), "startContainer ") << "the program must not run";
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Hooks, FailureOfPoststartEndsTheContainer) {
  Bundle bundle;
  HookLog log(bundle);
  log.add("poststart", "exit 5");
  log.add("poststop");
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_STATUS(runtime({"start", bundle.id()}), 1);
  EXPECT_EQ(log.order(), "poststart poststop ");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Hooks, FailureOfPoststopIsOnlyAWarning) {
  Bundle bundle;
  HookLog log(bundle);
  log.add("poststop", "exit 6");
  log.add("poststop", "", "second");
  ASSERT_STATUS(create_bundle(bundle), 0);
  EXPECT_STATUS(runtime({"delete", bundle.id()}), 0);
  EXPECT_EQ(log.order(), "poststop second ");
}

OCI_TEST(Hooks, PoststopRunsWithoutTheBundle) {
  Bundle bundle;
  HookLog log(bundle);
  log.add("poststop");
  ASSERT_STATUS(create_bundle(bundle), 0);
  ASSERT_EQ(::rename(bundle.path().c_str(), "/tmp/moved"), 0);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  ASSERT_EQ(::rename("/tmp/moved", bundle.path().c_str()), 0);
  EXPECT_EQ(log.order(), "poststop ");
}

OCI_TEST(Hooks, TimeoutKills) {
  Bundle bundle;
  bundle.set("/hooks/createRuntime/-", R"({"path":"/bin/sh","args":["sh","-c",
      "trap '' TERM; sleep 61 & sleep 60"],"timeout":1})");
  timespec begin{};
  ::clock_gettime(CLOCK_MONOTONIC, &begin);
  const Outcome outcome = create_bundle(bundle);
  timespec end{};
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  EXPECT_STATUS(outcome, 1);
  EXPECT_LT(end.tv_sec - begin.tv_sec, 5);
  EXPECT_TRUE(contains(outcome.err, "time")) << outcome.err;
}

// All at once, or it would take a second for each. A poststop hook is told of in the log only.
OCI_TEST(Hooks, OfEveryStageAreKilledWhenTheirTimeIsOver) {
  std::vector<std::unique_ptr<Bundle>> bundles;
  std::vector<std::unique_ptr<Running>> running;
  for (const char* stage : kStages) {
    Bundle& bundle = *bundles.emplace_back(std::make_unique<Bundle>());
    bundle.args({"/bin/guest", "exit", "0"})
        .set(std::string("/hooks/") + stage,
             R"([{"path":"/bin/sh","args":["sh","-c","exec sleep 1000"],"timeout":1}])");
    running.push_back(std::make_unique<Running>(
        runtime_command({"run", "--bundle", bundle.path(), bundle.id()})));
  }
  for (std::size_t i = 0; i < running.size(); ++i) {
    const std::string stage = kStages[i];
    const Outcome outcome = running[i]->wait(60000);
    EXPECT_STATUS(outcome, stage == "poststop" ? 0 : 1) << stage;
    const std::string told =
        stage + " hook #0 \"/bin/sh\": hook ran past specified timeout of 1.0s";
    EXPECT_EQ(contains(outcome.err, told), stage != "poststop") << stage << ": " << outcome.err;
    EXPECT_FALSE(path_exists(state_root() + "/" + bundles[i]->id())) << stage;
  }
}

OCI_TEST(Hooks, MayRunForACallerThatIgnoresItsChildren) {
  Bundle bundle;
  HookLog hooks(bundle);
  hooks.add("createRuntime");
  hooks.add("createContainer");
  Command command = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"});
  EXPECT_STATUS(run(command), 0);
  EXPECT_EQ(hooks.order(), "createRuntime createContainer ");
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(Hooks, NeedNotReadTheirInput) {
  Bundle bundle;
  bundle.set("/annotations", R"({"big":")" + std::string(200000, 'x') + R"("})");
  bundle.set("/hooks/createRuntime/-", R"({"path":"/bin/true"})");
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle), 0);
}

OCI_TEST(Hooks, BadOnesAreRefusedBeforeAnythingIsMade) {
  for (const char* bad :
       {R"({"path":"relative"})", R"({"path":""})", R"({})", R"({"path":"/bin/true","timeout":0})",
        R"({"path":"/bin/true","timeout":-1})"}) {
    Bundle bundle;
    bundle.set("/hooks/createRuntime/-", bad);
    const Outcome outcome = create_bundle(bundle);
    EXPECT_STATUS(outcome, 1);
    EXPECT_TRUE(contains(outcome.err, "hooks")) << outcome.err;
  }
  Bundle bundle;
  bundle.set("/hooks/createRuntime/-", R"({"path":"/bin/missing-hook"})");
  const Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/bin/missing-hook")) << outcome.err;
}

OCI_TEST(Hooks, FirstArgumentIsThePathWhenThereAreNone) {
  Bundle bundle;
  TempDir work;
  write_file(work / "hook", "#!/bin/sh\necho \"$0 $#\" > " + (work / "seen") + "\n", 0755);
  bundle.set("/hooks/createRuntime/-", R"({"path":)" + json_string(work / "hook") + "}");
  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle), 0);
  EXPECT_EQ(read_file(work / "seen"), work / "hook 0\n");
}

}  // namespace
