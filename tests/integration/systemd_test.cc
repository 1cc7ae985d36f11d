// SPDX-License-Identifier: Apache-2.0
// A systemd that is absent, slow, refuses, fails or dies: the test plays it. What a real one does
// is tested in the guest.
#include "ctrtool/core/kit/systemd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/support/ns_test.h"
#include "tests/support/runtime.h"

namespace {

using namespace support;
using ctr::DbusMessage;
using ctr::DbusMessageType;
using ctr::DbusValue;
using ctr::Systemd;
using ctr::SystemdInstance;
using ctr::UniqueFd;
using testing::HasSubstr;

// What goes wrong, and at which member of the manager; "AUTH": before the first. All else goes
// well.
struct Manners {
  std::string silent_at{};  // from there on it reads, and says nothing
  std::string leaves_at{};
  bool deaf = false;  // after "AUTH" it does not even read
  std::string refuses{};
  int late_ms = 0;  // with what it says to StartTransientUnit
  std::string refusal = "org.freedesktop.DBus.Error.AccessDenied";
  std::string job_result = "done";  // of a unit that is to be started; empty: none before StopUnit
  bool endless_news = false;        // of other jobs, and nothing else, behind that job
};

DbusMessage answer_to(const DbusMessage& call, DbusMessageType type) {
  DbusMessage answer;
  answer.type = type;
  answer.serial = 1;
  answer.reply_serial = call.serial;
  return answer;
}

DbusMessage job_removed(const std::string& job, const std::string& result) {
  DbusMessage signal;
  signal.type = DbusMessageType::Signal;
  signal.serial = 1;
  signal.path = "/org/freedesktop/systemd1";
  signal.interface = "org.freedesktop.systemd1.Manager";
  signal.member = "JobRemoved";
  signal.body = {DbusValue::u32(1), DbusValue{"o", 0, job, {}}, DbusValue::string("x.scope"),
                 DbusValue::string(result)};
  return signal;
}

// One connection, in a process of its own. Any failure ends it: then there is nobody to talk to.
class Conversation {
 public:
  Conversation(const Manners& manners, UniqueFd peer, std::string log)
      : manners_(manners), peer_(std::move(peer)), log_(std::move(log)) {}

  void go_on_to_the_end() {
    if (!wait_for("BEGIN\r\n")) return;
    note("AUTH");
    if (!meets("AUTH")) return;
    say("DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n");
    while (manners_.deaf) ::pause();
    while (const std::optional<DbusMessage> call = hear()) {
      note(call->member);
      if (!meets(call->member) || !answer(*call)) return;
    }
  }

 private:
  bool more() {
    char bytes[4096];
    const ssize_t got = ::read(peer_.raw(), bytes, sizeof bytes);
    if (got > 0) heard_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }
  bool wait_for(std::string_view words) {
    while (heard_.find(words) == std::string::npos)
      if (!more()) return false;
    heard_.erase(0, heard_.find(words) + words.size());
    return true;
  }
  std::optional<DbusMessage> hear() {
    while (heard_.size() < ctr::kDbusFixedHeader)
      if (!more()) return std::nullopt;
    const std::size_t length = ctr::dbus_message_length(heard_).value();
    while (heard_.size() < length)
      if (!more()) return std::nullopt;
    DbusMessage message = ctr::decode_dbus_message(heard_.substr(0, length)).value();
    heard_.erase(0, length);
    return message;
  }
  // False: this is where it leaves.
  bool meets(const std::string& member) {
    silent_ = silent_ || manners_.silent_at == member;
    return manners_.leaves_at != member;
  }
  void note(const std::string& member) const { write_file(log_, read_file(log_) + member + "\n"); }
  void say(const std::string& bytes) {
    if (!silent_ && ::write(peer_.raw(), bytes.data(), bytes.size()) < 0) ::_exit(0);
  }
  void say(const DbusMessage& message) { say(ctr::encode_dbus_message(message)); }

  // False: it leaves.
  bool answer(const DbusMessage& call) {
    if (call.member == "StartTransientUnit") sleep_ms(manners_.late_ms);
    if (call.member == manners_.refuses) {
      DbusMessage refusal = answer_to(call, DbusMessageType::Error);
      refusal.error = manners_.refusal;
      refusal.body = {DbusValue::string("not\nfor you")};
      say(refusal);
      return true;
    }
    DbusMessage answer = answer_to(call, DbusMessageType::Return);
    const bool starts = call.member == "StartTransientUnit";
    const bool stops = call.member == "StopUnit";
    const bool has_job = starts || stops;
    if (call.member == "Get") answer.body = {DbusValue::variant(DbusValue::string(""))};
    if (has_job) answer.body = {DbusValue{"o", 0, starts ? "/job/7" : "/job/8", {}}};
    say(answer);
    while (starts && manners_.endless_news) say(job_removed("/job/6", "done"));
    if (!has_job) return true;
    if (!meets("JobRemoved")) return false;
    say(job_removed("/job/6", "failed"));
    const bool ends = !manners_.job_result.empty();
    if (stops && !ends) say(job_removed("/job/7", "canceled"));
    if (stops) say(job_removed("/job/8", "done"));
    if (starts && ends) say(job_removed("/job/7", manners_.job_result));
    return true;
  }

  const Manners& manners_;
  UniqueFd peer_;
  std::string log_;
  std::string heard_;
  bool silent_ = false;
};

// Listens in DIRECTORY/systemd/private until the end of its life.
class Manager {
 public:
  Manager(const std::string& directory, const Manners& manners) : log_(dir_ / "log") {
    const std::string path = directory + "/systemd/private";
    make_directories(directory + "/systemd");
    ::unlink(path.c_str());
    const UniqueFd listener = ctr::sys::listen_unix(path, SOCK_STREAM, 16).value();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::signal(SIGPIPE, SIG_IGN);
    while (true) {
      ctr::Result<UniqueFd> peer = ctr::sys::accept(listener);
      if (!peer.ok()) ::_exit(1);
      Conversation(manners, std::move(*peer), log_).go_on_to_the_end();
    }
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool was_asked(const std::string& member) const {
    const std::vector<std::string> asked = lines_of(read_file(log_));
    return std::find(asked.begin(), asked.end(), member) != asked.end();
  }

 private:
  TempDir dir_;
  std::string log_;
  pid_t pid_ = -1;
};

// --- the mechanism ----------------------------------------------------------------------------

constexpr ctr::SystemdPatience kLittle{.answer_ms = 200, .job_ms = 200};
constexpr ctr::SystemdPatience kMuch{};

// What a runtime asks of it, in that order.
ctr::Result<void> start(ctr::SystemdPatience patience) {
  Systemd systemd = TRY(Systemd::connect(SystemdInstance::User, patience));
  TRY(systemd.cgroup_root());
  return systemd.start_scope("x.scope", {}, ::getpid());
}

class Directory {
 public:
  Directory() { ::setenv("XDG_RUNTIME_DIR", dir_.path().c_str(), 1); }
  const std::string& path() const { return dir_.path(); }

 private:
  TempDir dir_;
};

NS_TEST(Systemd, WellMannered) {
  const Directory directory;
  const Manager manager(directory.path(), {});
  ASSERT_OK(start(kMuch));
  EXPECT_TRUE(manager.was_asked("StartTransientUnit"));
  EXPECT_FALSE(manager.was_asked("StopUnit"));
}

NS_TEST(Systemd, OneThatSaysNothingIsNotWaitedForForEver) {
  const Directory directory;
  for (const char* member : {"AUTH", "Get", "StartTransientUnit", "JobRemoved"}) {
    SCOPED_TRACE(member);
    const Manager manager(directory.path(), {.silent_at = member});
    const ctr::Result<void> started = start(kLittle);
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ETIMEDOUT);
    EXPECT_THAT(started.error().message, HasSubstr("no answer"));
    // Without a word about it, that unit may be another's.
    EXPECT_EQ(manager.was_asked("StopUnit"), std::string(member) == "JobRemoved");
  }
}

NS_TEST(Systemd, OneThatTalksOfOtherThingsOnlyNeither) {
  const Directory directory;
  const Manager manager(directory.path(), {.endless_news = true});
  const ctr::Result<void> started = start(kLittle);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ETIMEDOUT);
  EXPECT_THAT(started.error().message, HasSubstr("the job of x.scope"));
}

NS_TEST(Systemd, AJobThatDoesNotEndWellIsAnErrorAndItsUnitIsStopped) {
  const Directory directory;
  for (const char* result : {"failed", "canceled", "timeout", "dependency", "a\nb"}) {
    SCOPED_TRACE(result);
    const Manager manager(directory.path(), {.job_result = result});
    const ctr::Result<void> started = start(kMuch);
    ASSERT_FALSE(started.ok());
    EXPECT_THAT(started.error().message, HasSubstr("the job's result is \""));
    EXPECT_EQ(started.error().message.find('\n'), std::string::npos);
    EXPECT_TRUE(manager.was_asked("StopUnit"));
  }
  const Manager manager(directory.path(), {.job_result = "skipped"});
  EXPECT_TRUE(start(kMuch).ok());
}

NS_TEST(Systemd, OneThatRefusesIsQuotedOnOneLine) {
  const Directory directory;
  for (const char* member : {"Get", "StartTransientUnit"}) {
    SCOPED_TRACE(member);
    const Manager manager(directory.path(), {.refuses = member});
    const ctr::Result<void> started = start(kMuch);
    ASSERT_FALSE(started.ok());
    EXPECT_THAT(started.error().message, HasSubstr("AccessDenied: not\\nfor you"));
  }
}

NS_TEST(Systemd, OneThatDiesIsTold) {
  const Directory directory;
  ::setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus", 1);
  EXPECT_EQ(start(kMuch).error().kind, ctr::Kind::Unsupported);
  for (const char* member : {"AUTH", "Get", "StartTransientUnit", "JobRemoved"}) {
    SCOPED_TRACE(member);
    const Manager manager(directory.path(), {.leaves_at = member});
    const ctr::Result<void> started = start(kMuch);
    ASSERT_FALSE(started.ok());
    EXPECT_THAT(started.error().message,
                testing::AnyOf(HasSubstr("the peer has closed"), HasSubstr("Connection reset"),
                               HasSubstr("Broken pipe"), HasSubstr("cannot be reached")));
  }
}

// Readable from the start, or as soon as the manager has been asked that.
class Interruption {
 public:
  Interruption() { come(); }
  Interruption(const Manager& manager, const std::string& member) : teller_(::fork()) {
    if (teller_ != 0) return;
    if (eventually([&] { return manager.was_asked(member); })) come();
    ::_exit(0);
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  ~Interruption() {
    if (teller_ > 0) ::waitpid(teller_, nullptr, 0);
  }
  ctr::SystemdPatience of(ctr::SystemdPatience patience) const {
    patience.interrupted = pipe_.read;
    return patience;
  }

 private:
  void come() const { EXPECT_TRUE(ctr::sys::write_all(pipe_.write, "x").ok()); }

  ctr::sys::Pipe pipe_ = ctr::sys::pipe().value();
  pid_t teller_ = -1;
};

NS_TEST(Systemd, WhoIsInterruptedAsksForNothing) {
  const Directory directory;
  const Manager manager(directory.path(), {});
  const Interruption interruption;
  EXPECT_EQ(start(interruption.of(kMuch)).error().code, EINTR);
  EXPECT_FALSE(manager.was_asked("AUTH"));
}

NS_TEST(Systemd, WhoIsInterruptedWaitsNoLonger) {
  const Directory directory;
  for (const char* member : {"AUTH", "Get", "StartTransientUnit", "JobRemoved"}) {
    SCOPED_TRACE(member);
    const Manager manager(directory.path(), {.silent_at = member});
    const bool job = std::string(member) == "JobRemoved";
    const Interruption interruption(manager, job ? "StartTransientUnit" : member);
    const ctr::Result<void> started = start(interruption.of(kMuch));
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, EINTR);
    EXPECT_THAT(started.error().message, HasSubstr("interrupted by a signal"));
    EXPECT_EQ(manager.was_asked("StopUnit"), job);
  }
}

NS_TEST(Systemd, WhoIsInterruptedStopsWhatWasBegun) {
  const Directory directory;
  for (const int late_ms : {0, 300}) {
    SCOPED_TRACE(late_ms);
    const Manager manager(directory.path(), {.late_ms = late_ms, .job_result = ""});
    const Interruption interruption(manager, "StartTransientUnit");
    const ctr::Result<void> started = start(interruption.of(kMuch));
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, EINTR);
    EXPECT_EQ(started.error().message.find("also"), std::string::npos) << started.error().message;
    EXPECT_TRUE(manager.was_asked("StopUnit"));
  }
}

NS_TEST(Systemd, WhoIsInterruptedStopsNoUnitOfAnothers) {
  const Directory directory;
  const Manager manager(directory.path(), {.refuses = "StartTransientUnit",
                                           .late_ms = 300,
                                           .refusal = "org.freedesktop.systemd1.UnitExists"});
  const Interruption interruption(manager, "StartTransientUnit");
  EXPECT_EQ(start(interruption.of(kMuch)).error().code, EINTR);
  EXPECT_FALSE(manager.was_asked("StopUnit"));
}

NS_TEST(Systemd, OneThatDoesNotReadIsNotWaitedForForEver) {
  const Directory directory;
  const Manager manager(directory.path(), {.deaf = true});
  const auto say_much = [](ctr::SystemdPatience patience) -> ctr::Result<void> {
    Systemd systemd = TRY(Systemd::connect(SystemdInstance::User, patience));
    return systemd.start_scope(
        "x.scope", {{"Description", DbusValue::string(std::string(1U << 20, 'x'))}}, ::getpid());
  };
  const ctr::Result<void> said = say_much(kLittle);
  ASSERT_FALSE(said.ok());
  EXPECT_EQ(said.error().code, ETIMEDOUT);
}

// As one that is stopped, or a bus that many others wait for.
NS_TEST(Systemd, OneThatTakesUpNoConnectionIsNotWaitedForForEver) {
  const Directory directory;
  make_directories(directory.path() + "/systemd");
  const std::string path = directory.path() + "/systemd/private";
  const UniqueFd listener = ctr::sys::listen_unix(path, SOCK_STREAM, 0).value();
  std::vector<UniqueFd> queue;
  while (true) {
    ctr::Result<UniqueFd> one = ctr::sys::connect_unix(path, SOCK_STREAM | SOCK_NONBLOCK);
    if (!one.ok()) break;
    queue.push_back(std::move(one).value());
  }
  EXPECT_EQ(start(kLittle).error().code, ETIMEDOUT);
  const Interruption interruption;
  EXPECT_EQ(start(interruption.of(kMuch)).error().code, EINTR);
}

// --- the program, as an engine drives it -------------------------------------------------------

// In one line, and nothing is left: run_oci_test looks.
void expect_refused(const char* why) {
  Bundle bundle;
  bundle.remove("/linux/cgroupsPath");
  Command command =
      runtime_command({"--systemd-cgroup", "create", "--bundle", bundle.path(), bundle.id()});
  command.timeout_ms = 300000;
  const Outcome outcome = run(command);
  EXPECT_STATUS(outcome, 1);
  EXPECT_THAT(outcome.err, HasSubstr(why));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_FALSE(path_exists(state_root() + "/" + bundle.id()));
}

OCI_TEST(SystemdDriver, CreateFailsCleanlyWithoutOne) {
  expect_refused("systemd: the system manager cannot be reached");
}

OCI_TEST(SystemdDriver, CreateFailsCleanlyWithOneThatDiesRefusesOrFails) {
  for (const char* member : {"AUTH", "Get", "StartTransientUnit", "JobRemoved"}) {
    SCOPED_TRACE(member);
    const Manager manager("/run", {.leaves_at = member});
    expect_refused("systemd");
  }
  {
    const Manager manager("/run", {.refuses = "StartTransientUnit"});
    expect_refused("AccessDenied: not\\nfor you");
  }
  for (const char* result : {"failed", "canceled"}) {
    const Manager manager("/run", {.job_result = result});
    expect_refused(result);
    EXPECT_TRUE(manager.was_asked("StopUnit"));
  }
}

// While systemd is waited for, SIGTERM or another of its kind is the end of it, as elsewhere.
void expect_interrupted(const std::vector<std::string>& words, const Manners& manners,
                        const char* asked) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    SCOPED_TRACE(ctr::strf("%s, signal %d", asked, signal));
    const Manager manager("/run", manners);
    Bundle bundle;
    bundle.remove("/linux/cgroupsPath");
    std::vector<std::string> all{"--systemd-cgroup"};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--bundle", bundle.path(), bundle.id()});
    const Snapshot before = take_snapshot();
    {
      Running runtime(runtime_command(all));
      ASSERT_TRUE(eventually([&] { return manager.was_asked(asked); }));
      runtime.kill(signal);
      const Outcome outcome = runtime.wait();
      EXPECT_STATUS(outcome, 128 + signal);
      EXPECT_THAT(outcome.err, HasSubstr("interrupted by a signal"));
      EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    }
    EXPECT_FALSE(path_exists(state_root() + "/" + bundle.id()));
    EXPECT_EQ(manager.was_asked("StopUnit"), manners.silent_at.empty());
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << line;
  }
}

OCI_TEST(SystemdDriver, CreateIsInterruptedByASignal) {
  expect_interrupted({"create"}, {.job_result = ""}, "StartTransientUnit");
  for (const char* member : {"AUTH", "Get", "StartTransientUnit"})
    expect_interrupted({"create"}, {.silent_at = member}, member);
}

OCI_TEST(SystemdDriver, RunIsInterruptedByASignal) {
  expect_interrupted({"run"}, {.job_result = ""}, "StartTransientUnit");
  expect_interrupted({"run", "--detach"}, {.job_result = ""}, "StartTransientUnit");
}

OCI_TEST(SystemdDriver, RestoreIsInterruptedByASignal) {
  expect_interrupted({"restore"}, {.silent_at = "Get"}, "Get");
}

// As nohup(1) has it.
OCI_TEST(SystemdDriver, CreateIsNotInterruptedByASignalThatTheCallerIgnores) {
  const Manager manager("/run", {.late_ms = 1000, .job_result = "failed"});
  Bundle bundle;
  bundle.remove("/linux/cgroupsPath");
  Command command =
      runtime_command({"--systemd-cgroup", "create", "--bundle", bundle.path(), bundle.id()});
  command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"});
  Running creator(command);
  ASSERT_TRUE(eventually([&] { return manager.was_asked("StartTransientUnit"); }));
  creator.kill(SIGHUP);
  const Outcome outcome = creator.wait();
  EXPECT_STATUS(outcome, 1);
  EXPECT_THAT(outcome.err, HasSubstr("the job's result is \"failed\""));
}

OCI_TEST(SystemdDriver, CreateWaitsForASilentOneHalfAMinute) {
  if (::getenv("OCICTR_TEST_LONG") == nullptr) GTEST_SKIP() << "only with --long";
  for (const char* member : {"AUTH", "Get", "StartTransientUnit", "JobRemoved"}) {
    SCOPED_TRACE(member);
    const Manager manager("/run", {.silent_at = member});
    expect_refused("no answer: Connection timed out");
  }
}

}  // namespace
