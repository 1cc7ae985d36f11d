// SPDX-License-Identifier: Apache-2.0
// The systemd that makes a container's cgroup: the system's, or the user's own. Talks to the
// manager's private socket where it may, and through the bus where not.
#pragma once

#include <string>
#include <vector>

#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/dbus.h"
#include "ctrtool/core/kit/systemd_unit.h"

namespace ctr {

// How long is waited for a manager that is slow or stopped.
struct SystemdPatience {
  int answer_ms = 30000;
  int job_ms = 60000;
  BorrowedFd interrupted = kNoFd;  // readable: only for `grace_ms` more, see DbusPatience. Or none
  int grace_ms = 0;
};
// For what is to be undone: a manager that is well does it in much less.
inline constexpr int kUndoGraceMs = 3000;

class Systemd {
 public:
  // Reads XDG_RUNTIME_DIR and DBUS_*_BUS_ADDRESS: that is where a manager says how to find it.
  static Result<Systemd> connect(SystemdInstance instance, SystemdPatience patience = {});

  // The manager's own cgroup, below which all of its units are: "" for the root.
  Result<std::string> cgroup_root();
  // Makes the scope with one process in it, or a slice (process 0: none), and returns when it is
  // there. Kind::Exists: there is a unit of that name. When it fails, no unit remains; if the
  // manager has not even answered it may come to it later, and makes no scope if the process has
  // ended by then.
  Result<void> start_scope(const std::string& unit, std::vector<UnitProperty> properties,
                           pid_t process);
  Result<void> set_properties(const std::string& unit, const std::vector<UnitProperty>& properties);
  // Moves a process into a unit's cgroup, or into the one `below` it ("/init.scope"; empty: none),
  // where we may not do so ourselves.
  Result<void> attach(const std::string& unit, const std::string& below, pid_t process);
  // Returns when the unit has stopped; one that is not there is fine. Who is interrupted gives it
  // kUndoGraceMs all the same.
  Result<void> stop(const std::string& unit);

 private:
  Systemd(Dbus dbus, bool through_bus, int job_ms)
      : dbus_(std::move(dbus)), through_bus_(through_bus), job_ms_(job_ms) {}
  Result<void> join_bus();
  DbusMessage manager_call(const char* member, std::vector<DbusValue> body) const;
  Result<void> start(DbusMessage message, const std::string& unit);
  // Waits for the result of the job that the manager has answered with.
  Result<void> await_job(const std::vector<DbusValue>& answer, const std::string& unit);

  Dbus dbus_;
  bool through_bus_;
  int job_ms_;
};

// A scope that was started, and who can stop it.
struct StartedScope {
  Systemd manager;
  std::string unit;
};

}  // namespace ctr
