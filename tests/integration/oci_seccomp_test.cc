// SPDX-License-Identifier: Apache-2.0
// SCMP_ACT_NOTIFY: an agent outside gets the listener and answers for the kernel.
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/runtime.h"

namespace {

using namespace support;

// Answers every notification of every filter that it is given, with 4242, and writes down what came
// along with the listener: PATH.1, PATH.2...
class Agent {
 public:
  explicit Agent(const std::string& path) : path_(path) {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket, 4), 0);
    pid_ = ::fork();
    if (pid_ == 0) serve(socket);
    ::close(socket);
  }
  ~Agent() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // What it was told with the number-th listener.
  std::string told(int number) const {
    const std::string file = path_ + "." + std::to_string(number);
    EXPECT_TRUE(eventually([&] { return path_exists(file); }));
    return read_file(file);
  }

 private:
  [[noreturn]] void serve(int socket) const {
    for (int number = 1;; ++number) {
      const int connection = ::accept(socket, nullptr, nullptr);
      if (connection < 0) ::_exit(1);
      if (::fork() == 0) handle(connection, number);
      ::close(connection);
    }
  }

  [[noreturn]] void handle(int connection, int number) const {
    std::string text(65536, '\0');
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    iovec part{text.data(), text.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(connection, &header, 0);
    const cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    if (got <= 0 || rights == nullptr || rights->cmsg_len != CMSG_LEN(sizeof(int))) ::_exit(1);
    int listener = -1;
    memcpy(&listener, CMSG_DATA(rights), sizeof listener);
    // Nothing more may come, and nobody may keep the connection.
    char more = 0;
    const bool closed = ::read(connection, &more, 1) == 0;
    text.resize(static_cast<std::size_t>(got));
    write_file(path_ + ".new" + std::to_string(number), closed ? text : "not closed");
    ::rename((path_ + ".new" + std::to_string(number)).c_str(),
             (path_ + "." + std::to_string(number)).c_str());
    while (true) {
      seccomp_notif request{};
      if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
        if (errno == EINTR) continue;
        ::_exit(0);
      }
      seccomp_notif_resp answer{};
      answer.id = request.id;
      answer.val = 4242;
      ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
  }

  std::string path_;
  pid_t pid_ = -1;
};

Bundle& ask(Bundle& bundle, const std::string& socket, const std::string& names) {
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"some \"metadata\"",)"
             R"("listenerPath":)" +
                 json_string(socket) + R"(,"syscalls":[{"names":[)" + names +
                 R"(],"action":"SCMP_ACT_NOTIFY"}]})");
  return bundle.args({"/bin/guest", "syscall", std::to_string(SYS_getcpu)});
}

OCI_TEST(SeccompNotify, AnAgentAnswers) {
  TempDir dir;
  const Agent agent(dir / "agent");
  Bundle bundle;
  ask(bundle, dir / "agent", "\"getcpu\"");
  for (const char* no_new_privileges : {"true", "false"}) {
    bundle.set("/process/noNewPrivileges", no_new_privileges);
    const Outcome outcome = run_bundle(bundle);
    EXPECT_EQ(outcome.out, "syscall " + std::to_string(SYS_getcpu) + " 4242 ok\n") << outcome.err;
  }
}

OCI_TEST(SeccompNotify, TheAgentIsToldWhoAsks) {
  TempDir dir;
  const Agent agent(dir / "agent");
  Bundle bundle;
  ask(bundle, dir / "agent", "\"getcpu\"").set("/annotations", R"({"a/b":"c"})");
  bundle.args({"/bin/guest", "hold"});
  ASSERT_STATUS(create_bundle(bundle), 0);
  const std::string pid = std::to_string(pid_of(bundle.id()));
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const std::string text = agent.told(1);
  EXPECT_EQ(json_get(text, "/ociVersion"), "1.0.2") << text;
  EXPECT_EQ(json_get(text, "/fds"), R"(["seccompFd"])");
  EXPECT_EQ(json_get(text, "/pid"), pid);
  EXPECT_EQ(json_get(text, "/metadata"), "some \"metadata\"");
  EXPECT_EQ(json_get(text, "/state/id"), bundle.id());
  EXPECT_EQ(json_get(text, "/state/pid"), pid);
  EXPECT_EQ(json_get(text, "/state/bundle"), bundle.path());
  EXPECT_EQ(json_get(text, "/state/annotations/a~1b"), "c");

  const Outcome exec =
      runtime({"exec", bundle.id(), "/bin/guest", "syscall", std::to_string(SYS_getcpu)});
  EXPECT_TRUE(contains(exec.out, " 4242 ok")) << exec.out << exec.err;
  const std::string told = agent.told(2);
  EXPECT_EQ(json_get(told, "/state/status"), "running") << told;
  EXPECT_EQ(json_get(told, "/state/pid"), pid);
  EXPECT_NE(json_get(told, "/pid"), pid);
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

// The listener is out before the program's own execve, which may be one of the calls asked about.
OCI_TEST(SeccompNotify, TheProgramMayBeAskedAboutFromItsFirstCall) {
  TempDir dir;
  const Agent agent(dir / "agent");
  Bundle bundle;
  ask(bundle, dir / "agent", R"("close","getcpu")");
  bundle.set("/linux/seccomp/flags", R"(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])");
  EXPECT_TRUE(contains(run_bundle(bundle).out, " 4242 ok"));
}

// crun's ways, where config.json itself names nobody.
OCI_TEST(SeccompNotify, AnAnnotationOrAVariableMayNameTheAgent) {
  TempDir dir;
  const std::string path = dir / "agent";
  const Agent agent(path);
  Bundle bundle;
  ask(bundle, "", "\"getcpu\"");
  Command command{.argv = {runtime_path(), "--root", state_root(), "run", "--bundle", bundle.path(),
                           bundle.id()}};
  command.env = {{"RUN_OCI_SECCOMP_RECEIVER=" + path}};
  EXPECT_TRUE(contains(run(command).out, " 4242 ok"));
  bundle.set("/annotations", R"({"run.oci.seccomp.receiver":)" + json_string(path) + "}");
  command.env = {{"RUN_OCI_SECCOMP_RECEIVER=/nowhere"}};
  const Outcome outcome = run(command);
  EXPECT_TRUE(contains(outcome.out, " 4242 ok")) << outcome.err;

  ASSERT_STATUS(create_bundle(bundle.args({"/bin/guest", "hold"})), 0);
  ASSERT_STATUS(runtime({"start", bundle.id()}), 0);
  const Outcome exec =
      runtime({"exec", bundle.id(), "/bin/guest", "syscall", std::to_string(SYS_getcpu)});
  EXPECT_TRUE(contains(exec.out, " 4242 ok")) << exec.out << exec.err;
  EXPECT_STATUS(runtime({"delete", "--force", bundle.id()}), 0);
}

OCI_TEST(SeccompNotify, AnAgentsPathIsAbsolute) {
  Bundle bundle;
  ask(bundle, "", "\"getcpu\"");
  bundle.set("/annotations", R"({"run.oci.seccomp.receiver":"agent"})");
  Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/annotations/run.oci.seccomp.receiver")) << outcome.err;
  bundle.set("/annotations", "{}");
  outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/seccomp/listenerPath")) << outcome.err;
}

OCI_TEST(SeccompNotify, WithoutAnAgentCreateFails) {
  Bundle bundle;
  ask(bundle, "/nowhere/agent", "\"getcpu\"");
  Outcome outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "/linux/seccomp/listenerPath")) << outcome.err;
  ask(bundle, "/nowhere/agent", "\"sendmsg\"");
  outcome = create_bundle(bundle);
  EXPECT_STATUS(outcome, 1);
  EXPECT_TRUE(contains(outcome.err, "sendmsg")) << outcome.err;
  // Nobody to ask, nothing to be asked: the path means nothing then.
  ask(bundle, "/nowhere/agent", "\"getcpu\"")
      .set("/linux/seccomp/syscalls/0/action", "\"SCMP_ACT_ALLOW\"");
  EXPECT_STATUS(run_bundle(bundle), 0);
}

}  // namespace
