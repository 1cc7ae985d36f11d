// SPDX-License-Identifier: Apache-2.0
// A plan as a shell script of ctrtool commands: the translation, made of the very tools we ship.
// What has no native equivalent becomes a comment that says so.
#pragma once

#include <functional>
#include <string>

#include "ctrtool/core/plan/plan.h"

namespace oci {

enum class FileKind : std::uint8_t { Missing, Directory, Other };
// What is at a path of the host: a bind's target has to be of its source's kind.
using LookUp = std::function<FileKind(const std::string& path)>;

std::string plan_script(const ctr::ContainerPlan& plan, const LookUp& look_up);

}  // namespace oci
