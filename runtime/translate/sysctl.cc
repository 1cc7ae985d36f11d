// SPDX-License-Identifier: Apache-2.0
// linux.sysctl: only what belongs to a namespace that the container has for itself. Anything else
// would change the host (CVE-2022-0811).
#include <array>

#include "ctrtool/core/base/strf.h"
#include "runtime/translate/internal.h"

namespace oci {
namespace {

// sysctl.d(5): the first separator decides. With '.', a '/' inside stands for a dot of the name.
std::string to_path(const std::string& key) {
  std::string path = key;
  if (key.find_first_of("./") == std::string::npos || key[key.find_first_of("./")] == '/')
    return path;
  for (char& c : path) {
    if (c == '.') {
      c = '/';
    } else if (c == '/') {
      c = '.';
    }
  }
  return path;
}

bool well_formed(const std::string& path) {
  const std::vector<std::string_view> parts = ctr::split(path, '/');
  if (parts.size() < 2) return false;
  for (const std::string_view part : parts)
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

constexpr std::array<std::string_view, 8> kIpcKeys = {
    "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
    "kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced",
};

std::optional<NamespaceType> namespace_of(const std::string& path) {
  if (path.starts_with("net/")) return NamespaceType::Network;
  if (path.starts_with("fs/mqueue/")) return NamespaceType::Ipc;
  for (const std::string_view key : kIpcKeys)
    if (path == key) return NamespaceType::Ipc;
  if (path == "kernel/domainname" || path == "kernel/hostname") return NamespaceType::Uts;
  if (path == "user" || path.starts_with("user/")) return NamespaceType::User;
  return std::nullopt;
}

}  // namespace

void add_sysctls(Work& work) {
  for (const auto& [key, value] : work.spec.linux_.sysctl) {
    const Pointer at = Pointer("/linux/sysctl").at(key);
    const std::string path = to_path(key);
    if (!well_formed(path)) {
      work.problems.error(at, "is not the name of a sysctl");
      continue;
    }
    const std::optional<NamespaceType> type = namespace_of(path);
    if (!type.has_value()) {
      work.problems.error(at, "does not belong to a namespace: it would change the host");
      continue;
    }
    if (find_namespace(work.spec.linux_, *type) == nullptr) {
      work.problems.error(at,
                          ctr::strf("needs a %s namespace", std::string(to_string(*type)).c_str()));
      continue;
    }
    if (work.options.callers.contains(*type)) {
      work.problems.error(at,
                          ctr::strf("the %s namespace is the caller's: it would change the host",
                                    std::string(to_string(*type)).c_str()));
      continue;
    }
    if (path == "kernel/hostname" && !work.spec.hostname.empty()) {
      work.problems.error(at, "contradicts /hostname");
      continue;
    }
    work.child(ctr::Phase::Pivot, ctr::WriteSysctl{path, value}, at);
  }
}

}  // namespace oci
