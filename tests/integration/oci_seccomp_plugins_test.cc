// SPDX-License-Identifier: Apache-2.0
// SCMP_ACT_NOTIFY answered by crun's plugins (annotation run.oci.seccomp.plugins), which a process
// of the runtime's loads. tests/support/seccomp_plugin.cc says what ours do.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/paths.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;

std::string plugin(const std::string& name) {
  return build_dir() + "/tests/libseccomp_plugin_" + name + ".so";
}

std::string call(long number) { return "/bin/guest syscall " + std::to_string(number) + "; "; }

Bundle& annotate(Bundle& bundle, const std::string& plugins) {
  return bundle.set("/annotations", R"({"run.oci.seccomp.plugins":)" + json_string(plugins) + "}");
}

// Asks the plugins about all that `good` knows, and about setpriority.
Bundle& ask(Bundle& bundle, const std::string& plugins) {
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getcpu","getppid","umask",
                "mkdirat","chroot","setpriority"],"action":"SCMP_ACT_NOTIFY"}]})");
  return annotate(bundle, plugins);
}

std::string started(const Bundle& bundle) { return bundle.path() + "/plugin.started"; }
std::string stopped(const Bundle& bundle) { return bundle.path() + "/plugin.stopped"; }

// The process that has loaded the plugins, as it has told itself.
Report told(const Bundle& bundle) { return Report(read_file(started(bundle))); }
pid_t host_of(const Bundle& bundle) { return std::stoi(told(bundle)["pid"]); }

bool is_gone(pid_t pid) {
  return eventually(
      [pid] {
        reap_children();
        return !path_exists("/proc/" + std::to_string(pid));
      },
      60000);
}

// Nothing but one line about `what`, and no container.
void expect_refused(const Outcome& outcome, const Bundle& bundle, const std::string& what) {
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/annotations/run.oci.seccomp.plugins: ")) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, what)) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_FALSE(path_exists(state_root() + "/" + bundle.id()));
}

OCI_TEST(SeccompPlugins, EachAnswerMeansWhatItMeansToCrun) {
  Bundle bundle;
  ask(bundle, plugin("good"));
  for (const char* no_new_privileges : {"true", "false"}) {
    bundle.set("/process/noNewPrivileges", no_new_privileges);
    bundle.shell(call(SYS_getcpu) + call(SYS_getppid) + call(SYS_umask) + call(SYS_mkdirat) +
                 call(SYS_setpriority) + "exit 5");
    const Outcome outcome = run_bundle(bundle);
    EXPECT_STATUS(outcome, 5);
    EXPECT_TRUE(contains(outcome.out, " 4242 ok\n")) << outcome.out;  // answered
    EXPECT_TRUE(contains(outcome.out, " 1 ok\n")) << outcome.out;     // by the kernel
    EXPECT_TRUE(contains(outcome.out, " 17 ok\n")) << outcome.out;    // answered later
    EXPECT_TRUE(contains(outcome.out, " Numerical argument out of domain\n")) << outcome.out;
    EXPECT_TRUE(contains(outcome.out, " Operation not supported\n")) << outcome.out;  // by nobody
    // `run` has waited for their end.
    EXPECT_EQ(read_file(stopped(bundle)), "stopped\n");
    EXPECT_FALSE(path_exists("/proc/" + std::to_string(host_of(bundle))));
    ::unlink(stopped(bundle).c_str());
  }
}

OCI_TEST(SeccompPlugins, AreAskedInTheirOrder) {
  Bundle bundle;
  for (const std::string& plugins :
       {plugin("silent") + "::" + plugin("good"), plugin("good") + ":" + plugin("silent")}) {
    ask(bundle, plugins).shell(call(SYS_getcpu) + call(SYS_setpriority));
    const Outcome outcome = run_bundle(bundle);
    EXPECT_TRUE(contains(outcome.out, " 4242 ok\n")) << outcome.out << outcome.err;
    EXPECT_TRUE(contains(outcome.out, " Operation not supported\n")) << outcome.out;
  }
}

// crun serves while its `run` or `exec` waits, and nobody else.
OCI_TEST(SeccompPlugins, ServeWhatHasBeenCreatedUntilItIsGone) {
  Bundle bundle;
  ask(bundle, plugin("good"))
      .shell("/bin/guest syscall " + std::to_string(SYS_getcpu) +
             " >/answer; mv /answer /answered; exec /bin/guest hold");
  ASSERT_STATUS(create_bundle(bundle), 0);
  const pid_t host = host_of(bundle);
  EXPECT_TRUE(path_exists("/proc/" + std::to_string(host)));
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  EXPECT_TRUE(eventually([&] { return path_exists(bundle.in_rootfs("/answered")); }, 60000));
  EXPECT_TRUE(contains(read_file(bundle.in_rootfs("/answered")), " 4242 ok\n"));

  const Outcome exec =
      runtime({"exec", bundle.id(), "/bin/guest", "syscall", std::to_string(SYS_getcpu)});
  EXPECT_TRUE(contains(exec.out, " 4242 ok")) << exec.out << exec.err;
  EXPECT_NE(host_of(bundle), host);
  EXPECT_TRUE(is_gone(host_of(bundle))) << "the one of exec";
  ::unlink(stopped(bundle).c_str());

  EXPECT_TRUE(path_exists("/proc/" + std::to_string(host)));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_TRUE(is_gone(host));
  EXPECT_EQ(read_file(stopped(bundle)), "stopped\n");
}

OCI_TEST(SeccompPlugins, StopWhenTheContainerIsNeverStarted) {
  Bundle bundle;
  ask(bundle, plugin("good"));
  ASSERT_STATUS(create_bundle(bundle), 0);
  const pid_t host = host_of(bundle);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_TRUE(is_gone(host));
  EXPECT_EQ(read_file(stopped(bundle)), "stopped\n");
}

OCI_TEST(SeccompPlugins, GoOnWithoutTheRunThatWasKilled) {
  Bundle bundle;
  ask(bundle, plugin("good")).args({"/bin/guest", "hold"});
  pid_t host = 0;
  {
    const Running attached(runtime_command({"run", "--bundle", bundle.path(), bundle.id()}));
    ASSERT_TRUE(reaches(bundle.id(), "running", 60000));
    host = host_of(bundle);
  }
  EXPECT_TRUE(path_exists("/proc/" + std::to_string(host)));
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_TRUE(is_gone(host));
  EXPECT_EQ(read_file(stopped(bundle)), "stopped\n");
}

// Of the caller it has nothing, but for the stderr of a command that waits.
OCI_TEST(SeccompPlugins, AreLoadedInAPlaceOfTheirOwn) {
  Bundle bundle;
  ask(bundle, plugin("good")).args({"/bin/guest", "hold"});
  const ctr::UniqueFd extra(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  Command command =
      runtime_command({"create", "--preserve-fds", "1", "--bundle", bundle.path(), bundle.id()});
  command.fds = {{extra.raw(), 3}};
  ASSERT_STATUS(run(command), 0);
  const Report report = told(bundle);
  EXPECT_EQ(report.all("fd").size(), 5U) << read_file(started(bundle));
  for (const char* fd : {"0 /dev/null", "1 /dev/null", "2 /dev/null"})
    EXPECT_TRUE(report.has("fd", fd)) << read_file(started(bundle));
  for (const char* socket : {"fd 3 socket:", "fd 4 socket:"})
    EXPECT_TRUE(contains(read_file(started(bundle)), socket)) << read_file(started(bundle));
  EXPECT_EQ(report.all("environment").size(), 0U) << read_file(started(bundle));
  EXPECT_EQ(report["state"], state_root() + "/" + bundle.id());
  EXPECT_EQ(report["id"], bundle.id());
  EXPECT_EQ(report["bundle"], bundle.path());
  EXPECT_EQ(report["config"], state_root() + "/" + bundle.id() + "/config.json");
  EXPECT_EQ(report["readable"], "1");
  for (const std::string& name : list_directory(report["state"]))
    EXPECT_FALSE(contains(name, "plugins")) << name;
  EXPECT_EQ(report["session"], report["pid"]);
  const std::string proc = "/proc/" + report["pid"];
  EXPECT_EQ(link_target(proc + "/cwd"), "/");
  // From a file that no container can write to.
  EXPECT_TRUE(contains(link_target(proc + "/exe"), "memfd:seccomp-plugins"));
  const ctr::UniqueFd exe(::open((proc + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::fcntl(exe.raw(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
  EXPECT_TRUE(is_gone(host_of(bundle)));

  bundle.args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle), 0);
  EXPECT_FALSE(told(bundle).has("fd", "2 /dev/null"));
}

// The kernel answers for whoever has failed. crun's `run` ends then, and leaves its program alone.
OCI_TEST(SeccompPlugins, AfterAFailureThereIsNobodyToAsk) {
  Bundle bundle;
  ask(bundle, plugin("good"))
      .shell(call(SYS_getcpu) + call(SYS_chroot) + call(SYS_getcpu) + "exit 6");
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 6);
  EXPECT_TRUE(contains(outcome.err, "seccomp plugin " + plugin("good") + ": failed (43) for " +
                                        "system call " + std::to_string(SYS_chroot)))
      << outcome.err;
  const std::string after = outcome.out.substr(outcome.out.find('\n') + 1);
  EXPECT_EQ(after, "syscall " + std::to_string(SYS_chroot) + " -1 Function not implemented\n" +
                       "syscall " + std::to_string(SYS_getcpu) + " -1 Function not implemented\n");
}

OCI_TEST(SeccompPlugins, AnswerForACompiledFilterToo) {
  const std::vector<sock_filter> program = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getcpu},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const std::string bytes(reinterpret_cast<const char*>(program.data()),
                          program.size() * sizeof program[0]);
  const Outcome encoded = run({.argv = {"base64", "-w0"}, .input = bytes});
  Bundle bundle;
  bundle.set("/annotations", R"({"run.oci.seccomp_bpf_data":)" + json_string(encoded.out) +
                                 R"(,"run.oci.seccomp.plugins":)" + json_string(plugin("good")) +
                                 "}");
  bundle.shell(call(SYS_getcpu));
  const Outcome outcome = run_bundle(bundle);
  EXPECT_TRUE(contains(outcome.out, " 4242 ok\n")) << outcome.out << outcome.err;
}

OCI_TEST(SeccompPlugins, WhatIsNoPluginIsRefusedInOneLine) {
  Bundle bundle;
  const std::string good = plugin("good");
  for (const auto& [plugins, what] : std::vector<std::pair<std::string, std::string>>{
           {"/nowhere/plugin.so", "/nowhere/plugin.so: cannot open shared object file"},
           {"no-such-plugin.so", "no-such-plugin.so: cannot open shared object file"},
           {bundle.path() + "/config.json", "/config.json: "},
           {good + ":/nowhere/two\nlines.so", "/nowhere/two\\nlines.so: cannot open"},
           {"libm.so.6", "libm.so.6: it has no run_oci_seccomp_notify_handle_request"},
           {plugin("new"), "it is for version 2 of the interface, not 1"},
           {"lib/plugin.so", "\"lib/plugin.so\" must be an absolute path"},
           {":", "names no plugin"}}) {
    ask(bundle, plugins);
    expect_refused(create_bundle(bundle), bundle, what);
    expect_refused(run_bundle(bundle), bundle, what);
  }
}

OCI_TEST(SeccompPlugins, AStartThatFailsIsTold) {
  Bundle bundle;
  ask(bundle, plugin("silent") + ":" + plugin("good"));
  write_file(bundle.path() + "/plugin", "fail");
  expect_refused(create_bundle(bundle), bundle, plugin("good") + ": its start failed (42)");
  write_file(bundle.path() + "/plugin", "crash");
  expect_refused(create_bundle(bundle), bundle,
                 "the process that loads the plugins ended: killed by signal 6");
}

OCI_TEST(SeccompPlugins, AreNotToBeHadTogetherWithAnAgent) {
  Bundle bundle;
  ask(bundle, plugin("good"));
  Command command = runtime_command({"create", "--bundle", bundle.path(), bundle.id()});
  command.env = {{"RUN_OCI_SECCOMP_RECEIVER=/agent"}};
  expect_refused(run(command), bundle, "together with a seccomp agent");
  bundle.set("/annotations/run.oci.seccomp.receiver", "\"/agent\"");
  expect_refused(create_bundle(bundle), bundle, "together with a seccomp agent");
  bundle.remove("/annotations/run.oci.seccomp.receiver");
  bundle.set("/linux/seccomp/listenerPath", "\"/agent\"");
  expect_refused(create_bundle(bundle), bundle, "together with a seccomp agent");
}

// Nobody is asked: then they are not loaded.
OCI_TEST(SeccompPlugins, AreLoadedOnlyForAFilterThatAsks) {
  Bundle bundle;
  annotate(bundle, "/nowhere/plugin.so").args({"/bin/guest", "exit", "0"});
  EXPECT_STATUS(run_bundle(bundle), 0);
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW"})");
  EXPECT_STATUS(run_bundle(bundle), 0);
}

#ifdef __x86_64__
OCI_TEST(SeccompPlugins, NeedTheHostsLoader) {
#ifdef OCICTR_SANITIZED
  GTEST_SKIP() << "not run under the sanitizers: with them the runtime needs the loader itself";
#endif
  Bundle bundle;
  ask(bundle, plugin("good"));
  ASSERT_EQ(::mount("tmpfs", "/lib64", "tmpfs", 0, nullptr), 0);
  const Outcome outcome = create_bundle(bundle);
  EXPECT_EQ(::umount("/lib64"), 0);
  expect_refused(outcome, bundle, "plugins need this host's dynamic loader");
}
#endif

}  // namespace
