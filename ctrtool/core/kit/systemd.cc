// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/systemd.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

// Empty counts as unset: engines clear variables so.
std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string private_address(SystemdInstance instance) {
  if (instance == SystemdInstance::System) return "unix:path=/run/systemd/private";
  const std::string directory = variable("XDG_RUNTIME_DIR");
  return directory.empty() ? "" : "unix:path=" + directory + "/systemd/private";
}

std::string bus_address(SystemdInstance instance) {
  const bool user = instance == SystemdInstance::User;
  std::string given = variable(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
  if (!given.empty()) return given;
  if (!user) return "unix:path=/run/dbus/system_bus_socket";
  const std::string directory = variable("XDG_RUNTIME_DIR");
  return directory.empty() ? "" : "unix:path=" + directory + "/bus";
}

DbusMessage bus_call(const char* member, std::vector<DbusValue> body) {
  DbusMessage message;
  message.destination = message.interface = "org.freedesktop.DBus";
  message.path = "/org/freedesktop/DBus";
  message.member = member;
  message.body = std::move(body);
  return message;
}

bool is_unanswered(const Error& error) { return error.code == ETIMEDOUT || error.code == EINTR; }

bool says(const Error& error, const char* name) { return error.message.starts_with(name); }

DbusValue processes(pid_t process) {
  return DbusValue::array("u", {DbusValue::u32(static_cast<std::uint32_t>(process))});
}

DbusValue as_dbus(const std::vector<UnitProperty>& properties) {
  std::vector<DbusValue> list;
  for (const UnitProperty& property : properties)
    list.push_back(DbusValue::structure(
        {DbusValue::string(property.name), DbusValue::variant(property.value)}));
  return DbusValue::array("(sv)", std::move(list));
}

// A string of the manager's; `get` is addressed to it.
Result<std::string> manager_property(Dbus& dbus, DbusMessage get, const char* name) {
  get.interface = "org.freedesktop.DBus.Properties";
  get.member = "Get";
  get.body = {DbusValue::string(kManager), DbusValue::string(name)};
  const std::vector<DbusValue> answer = TRY_CTX(dbus.call(std::move(get)), "systemd");
  if (answer.size() != 1 || answer[0].type != "v" || answer[0].parts[0].type != "s")
    return make_error(Kind::System, "systemd: %s is not a string", name);
  return answer[0].parts[0].text;
}

// "252.39-1~deb12u1"; 0 if there is no number in it.
unsigned version_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
  const Result<unsigned> number =
      parse_number<unsigned>(text.substr(0, text.find_first_not_of("0123456789")));
  return number.ok() ? *number : 0;
}

// A weight of 0 is an error to systemds that know no idle cgroups; the file says it anyway.
Result<std::vector<UnitProperty>> known_properties(Dbus& dbus, DbusMessage get,
                                                   std::vector<UnitProperty> properties) {
  constexpr unsigned kKnowsIdle = 252;
  const auto is_idle = [](const UnitProperty& property) {
    return property.name == "CPUWeight" && property.value.number == 0;
  };
  if (std::none_of(properties.begin(), properties.end(), is_idle)) return properties;
  const Result<std::string> version = manager_property(dbus, std::move(get), "Version");
  if (!version.ok()) return version.error();
  if (version_number(*version) < kKnowsIdle) std::erase_if(properties, is_idle);
  return properties;
}

// JobRemoved: number, job, unit, result.
bool is_end_of(const DbusMessage& signal, const std::string& job) {
  return signal.body.size() == 4 && signal.body[1].text == job && signal.body[3].type == "s";
}

}  // namespace

Result<Systemd> Systemd::connect(SystemdInstance instance, SystemdPatience patience) {
  const DbusPatience answer{patience.answer_ms, patience.interrupted, patience.grace_ms};
  Result<Dbus> direct = Dbus::connect(private_address(instance), answer);
  if (direct.ok()) return Systemd(std::move(direct).value(), false, patience.job_ms);
  // Who is there and says nothing says nothing through the bus.
  if (is_unanswered(direct.error())) return with_context(std::move(direct).error(), "systemd");
  Result<Dbus> bus = Dbus::connect(bus_address(instance), answer);
  if (!bus.ok() && is_unanswered(bus.error()))
    return with_context(std::move(bus).error(), "systemd");
  if (!bus.ok())
    return make_error(Kind::Unsupported, "systemd: the %s manager cannot be reached: %s",
                      instance == SystemdInstance::User ? "user's" : "system",
                      bus.error().message.c_str());
  Systemd systemd(std::move(bus).value(), true, patience.job_ms);
  TRY_CTX(systemd.join_bus(), "systemd");
  return systemd;
}

// Without a subscription a manager tells the bus nothing of its jobs; its private peers it does.
Result<void> Systemd::join_bus() {
  TRY(dbus_.call(bus_call("Hello", {})));
  const std::string rule =
      strf("type='signal',sender='%s',interface='%s',member='JobRemoved'", kService, kManager);
  TRY(dbus_.call(bus_call("AddMatch", {DbusValue::string(rule)})));
  TRY(dbus_.call(manager_call("Subscribe", {})));
  return {};
}

DbusMessage Systemd::manager_call(const char* member, std::vector<DbusValue> body) const {
  DbusMessage message;
  if (through_bus_) message.destination = kService;
  message.path = kManagerPath;
  message.interface = kManager;
  message.member = member;
  message.body = std::move(body);
  return message;
}

Result<std::string> Systemd::cgroup_root() {
  Result<std::string> path = manager_property(dbus_, manager_call("Get", {}), "ControlGroup");
  if (path.ok() && *path == "/") path->clear();
  return path;
}

Result<void> Systemd::await_job(const std::vector<DbusValue>& answer, const std::string& unit) {
  if (answer.size() != 1 || answer[0].type != "o")
    return make_error(Kind::System, "systemd: no job");
  const std::string& job = answer[0].text;
  const DbusMessage end = TRY_CTX(
      dbus_.wait_signal(
          "JobRemoved", [&](const DbusMessage& signal) { return is_end_of(signal, job); }, job_ms_),
      "systemd: the job of %s", unit.c_str());
  const std::string& result = end.body[3].text;
  if (result == "done" || result == "skipped") return {};
  return make_error(Kind::System, "systemd: %s: the job's result is \"%s\"", unit.c_str(),
                    escape(result).c_str());
}

Result<void> Systemd::start(DbusMessage message, const std::string& unit) {
  TRY(dbus_.send(message));
  Result<std::vector<DbusValue>> answer = dbus_.answer_to(message);
  Result<void> started = answer.ok() ? await_job(*answer, unit) : answer.error();
  if (started.ok()) return {};
  // Not to be stopped before it is known to be ours: another may have that name.
  if (!answer.ok() && is_unanswered(answer.error())) {
    dbus_.set_grace(kUndoGraceMs);
    answer = dbus_.answer_to(message);
  }
  if (!answer.ok()) return started;
  const Result<void> stopped = stop(unit);
  if (!stopped.ok()) started.error().message += "; also: " + stopped.error().message;
  return started;
}

Result<void> Systemd::start_scope(const std::string& unit, std::vector<UnitProperty> properties,
                                  pid_t process) {
  if (process > 0) properties.push_back({"PIDs", processes(process)});
  properties = TRY(known_properties(dbus_, manager_call("Get", {}), std::move(properties)));
  const DbusMessage message =
      manager_call("StartTransientUnit", {DbusValue::string(unit), DbusValue::string("fail"),
                                          as_dbus(properties), DbusValue::array("(sa(sv))", {})});
  Result<void> started = start(message, unit);
  if (!started.ok() && says(started.error(), kUnitExists)) {
    // Perhaps only the memory of one that failed.
    static_cast<void>(dbus_.call(manager_call("ResetFailedUnit", {DbusValue::string(unit)})));
    started = start(message, unit);
  }
  if (started.ok()) return {};
  if (says(started.error(), kUnitExists)) started.error().kind = Kind::Exists;
  return with_context(std::move(started).error(), "start " + quote(unit));
}

Result<void> Systemd::attach(const std::string& unit, const std::string& below, pid_t process) {
  TRY_CTX(dbus_.call(manager_call(
              "AttachProcessesToUnit",
              {DbusValue::string(unit), DbusValue::string(below), processes(process)})),
          "systemd: attach to %s", quote(unit).c_str());
  return {};
}

Result<void> Systemd::set_properties(const std::string& unit,
                                     const std::vector<UnitProperty>& properties) {
  constexpr bool kRuntime = true;  // until the next boot
  const std::vector<UnitProperty> known =
      TRY(known_properties(dbus_, manager_call("Get", {}), properties));
  if (known.empty()) return {};
  TRY_CTX(
      dbus_.call(manager_call("SetUnitProperties", {DbusValue::string(unit),
                                                    DbusValue::boolean(kRuntime), as_dbus(known)})),
      "systemd: properties of %s", quote(unit).c_str());
  return {};
}

Result<void> Systemd::stop(const std::string& unit) {
  dbus_.set_grace(kUndoGraceMs);
  const Result<std::vector<DbusValue>> answer =
      dbus_.call(manager_call("StopUnit", {DbusValue::string(unit), DbusValue::string("replace")}));
  const Result<void> stopped = answer.ok() ? await_job(*answer, unit) : answer.error();
  if (!stopped.ok() && says(stopped.error(), kNoSuchUnit)) return {};
  if (!stopped.ok()) return with_context(stopped.error(), "stop " + quote(unit));
  static_cast<void>(dbus_.call(manager_call("ResetFailedUnit", {DbusValue::string(unit)})));
  return {};
}

}  // namespace ctr
