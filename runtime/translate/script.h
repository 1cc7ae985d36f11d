// SPDX-License-Identifier: Apache-2.0
// A plan as a shell script of ctrtool commands: the translation, made of the very tools we ship.
// What has no native equivalent becomes a comment that says so.
#pragma once

#include <functional>
#include <string>

#include "ctrtool/core/plan/plan.h"

namespace oci {

enum class FileKind : std::uint8_t { Missing, Directory, Other };
struct HostFile {
  FileKind kind = FileKind::Missing;
  unsigned long mount_flags = 0;  // MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC of its mount
};
// What is at a path of the host: a bind's target has to be of its source's kind, and a remount
// takes away every flag that it does not name (mount(2)).
using LookUp = std::function<HostFile(const std::string& path)>;

std::string plan_script(const ctr::ContainerPlan& plan, const LookUp& look_up);

}  // namespace oci
