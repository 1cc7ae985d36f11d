// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/report.h"

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace oci {
namespace {

void write_annotations(json::Writer& out, const ContainerState& state) {
  if (state.annotations.empty()) return;
  out.key("annotations");
  out.object([&] {
    for (const auto& [key, value] : state.annotations) out.member(key, value);
  });
}

}  // namespace

std::string hook_state(const ContainerState& state, std::string_view status, pid_t pid) {
  json::Writer out;
  out.object([&] {
    out.member("ociVersion", state.oci_version);
    out.member("id", state.id);
    out.member("status", status);
    out.member("pid", pid);
    out.member("bundle", state.bundle);
    write_annotations(out, state);
  });
  return std::move(out).take();
}

std::string seccomp_process_state(const ContainerState& state, std::string_view status, pid_t pid,
                                  const std::string& metadata) {
  const pid_t init = state.init.pid != 0 ? state.init.pid : pid;
  json::Writer out;
  out.object([&] {
    out.member("ociVersion", state.oci_version);
    out.key("fds");
    out.array([&] { out.value("seccompFd"); });
    out.member("pid", pid);
    if (!metadata.empty()) out.member("metadata", metadata);
    out.key("state");
    out.raw(hook_state(state, status, init));
  });
  return std::move(out).take();
}

void write_state(json::Writer& out, const ContainerState& state, Status status) {
  out.object([&] {
    out.member("ociVersion", state.oci_version);
    out.member("id", state.id);
    out.member("pid", shown_pid(state, status));
    out.member("status", to_string(status));
    out.member("bundle", state.bundle);
    out.member("rootfs", state.rootfs);
    out.member("created", state.created);
    write_annotations(out, state);
    out.member("owner", owner_name(state.owner));
    if (!state.cgroup.scope.empty()) out.member("systemd-scope", state.cgroup.scope);
  });
}

pid_t shown_pid(const ContainerState& state, Status status) {
  return status == Status::Stopped ? 0 : state.init.pid;
}

std::string owner_name(std::uint32_t uid, std::string_view passwd) {
  if (uid == 0) return "root";
  const std::string number = std::to_string(uid);
  for (const std::string_view line : ctr::split(passwd, '\n')) {
    const std::vector<std::string_view> fields = ctr::split(line, ':');
    if (fields.size() > 2 && fields[2] == number && !fields[0].empty())
      return std::string(fields[0]);
  }
  return "#" + number;
}

std::string owner_name(std::uint32_t uid) {
  if (uid == 0) return owner_name(uid, "");
  constexpr std::size_t kMaxSize = 1U << 20U;
  const ctr::Result<std::string> passwd =
      ctr::sys::read_file_at(ctr::kCwd, "/etc/passwd", kMaxSize);
  return owner_name(uid, passwd.ok() ? std::string_view(*passwd) : std::string_view());
}

}  // namespace oci
