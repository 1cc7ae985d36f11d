// SPDX-License-Identifier: Apache-2.0
// Sweeps: at every system call of a command, by the runtime or by the half of it that becomes the
// container, somebody is killed, told to leave or held up, or the call fails. Whatever happens, the
// command says so in one line, and one `delete --force` leaves nothing. In short runs samples.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <algorithm>
#include <map>

#include "ctrtool/core/base/strf.h"
#include "tests/support/runtime.h"
#include "tests/support/tracer.h"

namespace {

using namespace support;

bool is_long() { return ::getenv("OCICTR_TEST_LONG") != nullptr; }

// A command in the life of a container, and what comes before it.
struct Scene {
  const char* verb;
  void (*prepare)(const Bundle& bundle);
  std::vector<std::string> (*words)(const Bundle& bundle);
};

const Scene kCreate = {"create", [](const Bundle&) {},
                       [](const Bundle& bundle) -> std::vector<std::string> {
                         return {"create", "--bundle", bundle.path(), bundle.id()};
                       }};
const Scene kRun = {"run", [](const Bundle&) {},
                    [](const Bundle& bundle) -> std::vector<std::string> {
                      return {"run", "--detach", "--bundle", bundle.path(), bundle.id()};
                    }};
const Scene kStart = {"start",
                      [](const Bundle& bundle) { EXPECT_STATUS(create_bundle(bundle), 0); },
                      [](const Bundle& bundle) -> std::vector<std::string> {
                        return {"start", bundle.id()};
                      }};
const Scene kExec = {
    "exec", [](const Bundle& bundle) { EXPECT_STATUS(run_bundle(bundle, {"--detach"}), 0); },
    [](const Bundle& bundle) -> std::vector<std::string> {
      return {"exec", bundle.id(), "/bin/guest", "exit", "0"};
    }};
const Scene kDelete = {
    "delete", [](const Bundle& bundle) { EXPECT_STATUS(run_bundle(bundle, {"--detach"}), 0); },
    [](const Bundle& bundle) -> std::vector<std::string> {
      return {"delete", "--force", bundle.id()};
    }};

const Scene kKill = {"kill", kExec.prepare, [](const Bundle& bundle) -> std::vector<std::string> {
                       return {"kill", bundle.id(), "KILL"};
                     }};
const Scene kUpdate = {"update", kExec.prepare,
                       [](const Bundle& bundle) -> std::vector<std::string> {
                         return {"update", "--pids-limit", "50", "--cpu-share", "512", bundle.id()};
                       }};
const Scene kPause = {"pause", kExec.prepare, [](const Bundle& bundle) -> std::vector<std::string> {
                        return {"pause", bundle.id()};
                      }};

constexpr const char* kPayload = "/bin/guest";

class Sweep {
 public:
  explicit Sweep(const Scene& scene) : scene_(scene) {
    bundle_.args({kPayload, "hold"});
    before_ = take_snapshot();
    calls_ = round([](const Call&) { return Fault{}; }).calls;
    delete_container();
  }

  const std::vector<Call>& all_points() const { return calls_; }
  // The calls to bring a fault about at: all, or so many of them, evenly.
  std::vector<Call> points(std::size_t samples) const {
    if (is_long() || calls_.size() <= samples) return calls_;
    std::vector<Call> some;
    for (std::size_t i = 0; i < samples; ++i) some.push_back(calls_[calls_.size() * i / samples]);
    return some;
  }

  Traced round(const std::function<Fault(const Call&)>& at) {
    scene_.prepare(bundle_);
    return trace(runtime_command(scene_.words(bundle_)), kPayload, at);
  }

  // The same fault at one call only.
  Traced round_with(const Call& point, const Fault& fault) {
    Traced traced = round([&](const Call& call) {
      const bool here = call.process == point.process && call.index == point.index;
      const bool fits = fault.kind != Fault::kFail || call.call == point.call;
      return here && fits ? fault : Fault{};
    });
    ++rounds_;
    hits_ += traced.faults > 0 ? 1 : 0;
    return traced;
  }

  void delete_container() {
    EXPECT_STATUS(runtime({"delete", "--force", bundle_.id()}), 0);
    for (const std::string& line : left_behind(before_)) ADD_FAILURE() << line;
  }

  std::vector<std::string> left() const { return left_behind(before_); }
  bool has_processes() const {
    reap_children();
    return take_snapshot().processes.size() > before_.processes.size();
  }
  const Bundle& bundle() const { return bundle_; }

  // The same two processes make the same calls: nearly every point is met again, but for those of
  // loops that wait.
  void report(const char* what) const {
    ::printf("%s of %s: %u calls, %u rounds, %u hit\n", what, scene_.verb,
             static_cast<unsigned>(calls_.size()), rounds_, hits_);
    EXPECT_GT(hits_, 0U);
  }

 private:
  const Scene& scene_;
  Bundle bundle_;
  Snapshot before_;
  std::vector<Call> calls_;
  unsigned rounds_ = 0;
  unsigned hits_ = 0;
};

std::string place_of(const Scene& scene, const Call& point) {
  return ctr::strf("%s, process %u, call %u (%s)", scene.verb, point.process, point.index,
                   name_of_call(point.call).c_str());
}

using Check = std::function<void(const Sweep& sweep, const Traced& traced)>;

// One fault at a time, at those of the calls where it is to be; `check` before the container is
// deleted. Ends with the first point that fails.
void sweep_calls(const char* what, const Scene& scene, std::size_t samples, Fault::Kind kind,
                 const Check& check, bool of_child_only = false) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Sweep sweep(scene);
  for (const Call& point : sweep.points(samples)) {
    if (of_child_only && point.process == 0) continue;
    SCOPED_TRACE(place_of(scene, point));
    check(sweep, sweep.round_with(point, {.kind = kind}));
    sweep.delete_container();
    if (testing::Test::HasFailure()) return;
  }
  sweep.report(what);
}

// --- kill sweep ----------------------------------------------------------------------------------

// A container that was not finished takes its processes with it, without anybody's help.
void expect_no_orphans(const Sweep& sweep) {
  const std::string status = state_of(sweep.bundle().id(), "/status");
  if (status == "created" || status == "running" || status == "stopped") return;
  EXPECT_TRUE(eventually([&] { return !sweep.has_processes(); })) << "the container is " << status;
}

void kill_the_runtime_at_every_call(const Scene& scene) {
  sweep_calls("kill sweep", scene, 12, Fault::kKillProgram, [&](const Sweep& sweep, const Traced&) {
    if (scene.verb == kCreate.verb) expect_no_orphans(sweep);
  });
}

OCI_TEST(KillSweep, Create) { kill_the_runtime_at_every_call(kCreate); }
OCI_TEST(KillSweep, Run) { kill_the_runtime_at_every_call(kRun); }
OCI_TEST(KillSweep, Start) { kill_the_runtime_at_every_call(kStart); }
OCI_TEST(KillSweep, Exec) { kill_the_runtime_at_every_call(kExec); }
OCI_TEST(KillSweep, Delete) { kill_the_runtime_at_every_call(kDelete); }
OCI_TEST(KillSweep, Kill) { kill_the_runtime_at_every_call(kKill); }
OCI_TEST(KillSweep, Update) { kill_the_runtime_at_every_call(kUpdate); }
OCI_TEST(KillSweep, Pause) { kill_the_runtime_at_every_call(kPause); }

// At most one line, and a failed create leaves nothing, not even for `delete`. What `exec` has made
// is its program as soon as it is there: its end is the status.
void kill_the_child_at_every_call(const Scene& scene) {
  const auto check = [&](const Sweep& sweep, const Traced& traced) {
    EXPECT_LT(traced.outcome.status, scene.verb == kExec.verb ? 256 : 128) << traced.outcome.err;
    EXPECT_LE(lines_of(traced.outcome.err).size(), 1U) << traced.outcome.err;
    if (traced.outcome.status != 0 && scene.verb != kExec.verb) {
      for (const std::string& line : sweep.left()) ADD_FAILURE() << line;
    }
  };
  sweep_calls("kill sweep of the child", scene, 24, Fault::kKillCaller, check, true);
}

OCI_TEST(KillSweep, ChildOfCreate) { kill_the_child_at_every_call(kCreate); }
OCI_TEST(KillSweep, ChildOfExec) { kill_the_child_at_every_call(kExec); }
OCI_TEST(KillSweep, ChildOfRun) { kill_the_child_at_every_call(kRun); }

// --- end sweep -----------------------------------------------------------------------------------

// The last calls of the program itself, besides the samples: what is asked for is there by then.
std::vector<Call> points_and_last(const Sweep& sweep, std::size_t samples, std::size_t last) {
  std::vector<Call> points = sweep.points(samples);
  const std::vector<Call>& all = sweep.all_points();
  for (auto call = all.rbegin(); call != all.rend() && last > 0 && !is_long(); ++call) {
    if (call->process != 0) continue;
    points.push_back(*call);
    --last;
  }
  return points;
}

// Told to leave by SIGTERM, the runtime either has made what was asked for, and says so, or says
// that it was told, and nothing is left of it.
void end_the_runtime_at_every_call(const Scene& scene, bool (*made)(const Sweep& sweep),
                                   bool (*nothing_made)(const Sweep& sweep)) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Sweep sweep(scene);
  for (const Call& point : points_and_last(sweep, 12, 12)) {
    SCOPED_TRACE(place_of(scene, point));
    const Traced traced = sweep.round_with(point, {.kind = Fault::kEndProgram});
    const int status = traced.outcome.status;
    EXPECT_TRUE(status == 0 || status == 128 + SIGTERM) << status << ": " << traced.outcome.err;
    EXPECT_TRUE(status == 0 ? made(sweep) : nothing_made(sweep)) << status;
    sweep.delete_container();
    if (testing::Test::HasFailure()) return;
  }
  sweep.report("end sweep");
}

bool nothing_is_left(const Sweep& sweep) { return sweep.left().empty(); }

OCI_TEST(EndSweep, Create) {
  constexpr auto kMade = [](const Sweep& sweep) {
    return state_of(sweep.bundle().id(), "/status") == "created";
  };
  end_the_runtime_at_every_call(kCreate, kMade, nothing_is_left);
}

OCI_TEST(EndSweep, RunDetached) {
  constexpr auto kMade = [](const Sweep& sweep) {
    return state_of(sweep.bundle().id(), "/status") == "running";
  };
  end_the_runtime_at_every_call(kRun, kMade, nothing_is_left);
}

bool has_processes(const Sweep& sweep, std::size_t wanted) {
  return eventually([&] {
    const std::size_t lines = lines_of(runtime({"ps", sweep.bundle().id()}).out).size();
    return lines == 1 + wanted;  // the heading
  });
}

OCI_TEST(EndSweep, ExecDetached) {
  const Scene detached = {"exec", kExec.prepare,
                          [](const Bundle& bundle) -> std::vector<std::string> {
                            return {"exec", "--detach", bundle.id(), kPayload, "hold"};
                          }};
  constexpr auto kMade = [](const Sweep& sweep) { return has_processes(sweep, 2); };
  constexpr auto kNothing = [](const Sweep& sweep) { return has_processes(sweep, 1); };
  end_the_runtime_at_every_call(detached, kMade, kNothing);
}

// --- hold sweep ----------------------------------------------------------------------------------

// Whoever is slower than all others, at whatever moment: it is the same in the end.
void hold_at_every_call(const Scene& scene) {
  sweep_calls("hold sweep", scene, 8, Fault::kHold, [](const Sweep&, const Traced& traced) {
    EXPECT_EQ(traced.outcome.status, 0) << traced.outcome.err;
    EXPECT_EQ(traced.outcome.err, "");
  });
}

OCI_TEST(HoldSweep, Create) { hold_at_every_call(kCreate); }
OCI_TEST(HoldSweep, Run) { hold_at_every_call(kRun); }
OCI_TEST(HoldSweep, Start) { hold_at_every_call(kStart); }
OCI_TEST(HoldSweep, Exec) { hold_at_every_call(kExec); }
OCI_TEST(HoldSweep, Delete) { hold_at_every_call(kDelete); }

// --- error sweep ---------------------------------------------------------------------------------

// What the manual pages say that a call may answer on a machine in trouble. EINTR is among them
// where the kernel gives it: it must never be told.
const std::vector<int>& errors_of(unsigned long call) {
  static const std::vector<int> kOthers = {EPERM, ENOMEM};
  static const std::vector<int> kNone;
  static const std::map<unsigned long, std::vector<int>> kErrors = {
      {SYS_openat, {EMFILE, EINTR, EIO, EACCES}},
      {SYS_open, {EMFILE, EINTR, EIO, EACCES}},
      {SYS_openat2, {ENOSYS, EAGAIN, EPERM, EMFILE}},
      {SYS_read, {EIO, EINTR}},
      {SYS_pread64, {EIO, EINTR}},
      {SYS_write, {ENOSPC, EIO, EINTR}},
      {SYS_close, {EIO, EINTR}},
      {SYS_close_range, {ENOSYS, ENOMEM}},
      {SYS_mmap, {ENOMEM}},
      {SYS_mprotect, {ENOMEM}},
      {SYS_clone, {EAGAIN, ENOMEM, EPERM}},
      {SYS_clone3, {EAGAIN, ENOMEM, ENOSYS, EPERM}},
      {SYS_execve, {ENOMEM, EACCES, EIO}},
      {SYS_execveat, {ENOMEM, EACCES, ENOSYS}},
      {SYS_mount, {EPERM, ENOMEM, EBUSY}},
      {SYS_umount2, {EPERM, EBUSY}},
      {SYS_fsopen, {EPERM, ENOSYS}},
      {SYS_fsconfig, {EPERM, EINVAL}},
      {SYS_fsmount, {EPERM, ENOMEM}},
      {SYS_open_tree, {EPERM, ENOSYS}},
      {SYS_move_mount, {EPERM, EBUSY}},
      {SYS_mount_setattr, {EPERM, ENOSYS}},
      {SYS_pivot_root, {EPERM, EBUSY}},
      {SYS_setns, {EPERM, ENOMEM}},
      {SYS_unshare, {EPERM, ENOSPC}},
      {SYS_mkdirat, {ENOSPC, EROFS, EIO}},
      {SYS_mkdir, {ENOSPC, EROFS, EIO}},
      {SYS_mknodat, {EPERM, ENOSPC}},
      {SYS_symlinkat, {EPERM, ENOSPC}},
      {SYS_unlinkat, {EIO, EBUSY}},
      {SYS_rmdir, {EIO, EBUSY}},
      {SYS_renameat, {EIO, ENOSPC}},
      {SYS_renameat2, {EIO, ENOSPC}},
      {SYS_rename, {EIO, ENOSPC}},
      {SYS_flock, {EINTR, ENOLCK}},
      {SYS_poll, {EINTR, ENOMEM}},
      {SYS_ppoll, {EINTR, ENOMEM}},
      {SYS_wait4, {EINTR}},
      {SYS_waitid, {EINTR}},
      {SYS_accept4, {EINTR, EMFILE, ECONNABORTED}},
      {SYS_connect, {EINTR, ECONNREFUSED}},
      {SYS_sendmsg, {EINTR, ENOMEM}},
      {SYS_recvmsg, {EINTR, ENOMEM}},
      {SYS_memfd_create, {ENOSYS, EMFILE}},
      {SYS_keyctl, {ENOSYS, EDQUOT}},
      {SYS_pidfd_open, {EMFILE, ENOSYS}},
      {SYS_pidfd_send_signal, {EPERM, ENOSYS}},
      {SYS_setresuid, {EAGAIN, EPERM}},
      {SYS_statx, {ENOSYS, EIO}},
      // These do not fail, or not by a number.
      {SYS_brk, kNone},
      {SYS_futex, kNone},
      {SYS_munmap, kNone},
      {SYS_exit_group, kNone},
      {SYS_rt_sigreturn, kNone},
      {SYS_rt_sigaction, kNone},
      {SYS_rt_sigprocmask, kNone},
      {SYS_getpid, kNone},
      {SYS_gettid, kNone},
      {SYS_getuid, kNone},
      {SYS_geteuid, kNone},
      {SYS_getgid, kNone},
      {SYS_getegid, kNone},
      {SYS_umask, kNone},
      {SYS_arch_prctl, kNone},
      {SYS_set_tid_address, kNone},
      {SYS_set_robust_list, kNone},
      {SYS_restart_syscall, kNone},
  };
  const auto found = kErrors.find(call);
  return found != kErrors.end() ? found->second : kOthers;
}

struct Injection {
  Call point;
  int error;
};

std::vector<Injection> injections(const std::vector<Call>& points, bool all) {
  std::vector<Injection> list;
  std::size_t turn = 0;
  for (const Call& point : points) {
    const std::vector<int>& errors = errors_of(point.call);
    if (errors.empty()) continue;
    if (all) {
      for (const int error : errors) list.push_back({point, error});
    } else {
      list.push_back({point, errors[turn++ % errors.size()]});
    }
  }
  return list;
}

bool is_said(const Traced& traced, const Call& point) {
  const std::size_t lines = lines_of(traced.outcome.err).size();
  const bool mute = point.call == SYS_write;  // it may have been the message itself
  return lines == 1 || (mute && lines == 0);
}

void expect_success_or_one_line(const Traced& traced, const Injection& injection) {
  if (traced.outcome.status == 0) return;
  EXPECT_LT(traced.outcome.status, 256) << "it hangs";
  EXPECT_TRUE(traced.outcome.status < 128 || traced.outcome.status == 255)
      << traced.outcome.status << ": " << traced.outcome.err;
  EXPECT_TRUE(is_said(traced, injection.point)) << traced.outcome.err;
  EXPECT_NE(injection.error, EINTR) << traced.outcome.err;
}

void fail_every_call(const Scene& scene) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Sweep sweep(scene);
  for (const Injection& injection : injections(sweep.points(20), is_long())) {
    SCOPED_TRACE(place_of(scene, injection.point) + ": " + ::strerror(injection.error));
    const Traced traced =
        sweep.round_with(injection.point, {.kind = Fault::kFail, .error = injection.error});
    expect_success_or_one_line(traced, injection);
    const bool makes_it = scene.verb == kCreate.verb || scene.verb == kRun.verb;
    if (traced.outcome.status != 0 && makes_it) {
      for (const std::string& line : sweep.left()) ADD_FAILURE() << "left by itself: " << line;
    }
    sweep.delete_container();
    if (testing::Test::HasFailure() && ::getenv("OCICTR_SWEEP_ON") == nullptr) return;
  }
  sweep.report("error sweep");
}

OCI_TEST(ErrorSweep, Create) { fail_every_call(kCreate); }
OCI_TEST(ErrorSweep, Run) { fail_every_call(kRun); }
OCI_TEST(ErrorSweep, Start) { fail_every_call(kStart); }
OCI_TEST(ErrorSweep, Exec) { fail_every_call(kExec); }
OCI_TEST(ErrorSweep, Delete) { fail_every_call(kDelete); }

// Without its pidfd the process that runs on is still known, and ended. How many calls come before
// differs by those of loops that wait: each is known by its turn among its like.
OCI_TEST(ErrorSweep, ExecWithoutPidfds) {
  if (const std::string why = why_no_faults(); !why.empty()) GTEST_SKIP() << why;
  Sweep sweep(kExec);
  std::vector<Call> points = sweep.all_points();
  std::erase_if(points, [](const Call& call) { return call.call != SYS_pidfd_open; });
  ASSERT_FALSE(points.empty());
  for (std::size_t i = 0; i < points.size(); ++i) {
    SCOPED_TRACE(place_of(kExec, points[i]));
    std::size_t turn = 0;
    const Traced traced = sweep.round([&](const Call& call) {
      const bool here = call.call == SYS_pidfd_open && turn++ == i;
      return here ? Fault{.kind = Fault::kFail, .error = EMFILE} : Fault{};
    });
    EXPECT_EQ(traced.faults, 1U);
    EXPECT_NE(traced.outcome.status, 0);
    expect_success_or_one_line(traced, {points[i], EMFILE});
    sweep.delete_container();
  }
}

}  // namespace
