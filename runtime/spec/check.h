// SPDX-License-Identifier: Apache-2.0
// What the types of spec.h cannot say: the specification's rules about values, one by one and
// together. Pure; what depends on the host is the translators' matter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec/problem.h"
#include "runtime/spec/spec.h"

namespace oci {

// What the kernel's 32-bit dev_t holds.
inline constexpr std::uint32_t kMaxMajor = 0xfff;
inline constexpr std::uint32_t kMaxMinor = 0xfffff;

void check(const Spec& spec, const Pointer& at, Problems& problems);
void check(const Mount& mount, const Pointer& at, Problems& problems);
void check(const Process& process, const Pointer& at, Problems& problems);
void check(const Linux& config, const Pointer& at, Problems& problems);
void check(const Resources& resources, const Pointer& at, Problems& problems);
void check(const Seccomp& seccomp, const Pointer& at, Problems& problems);

// A list of ID ranges as the kernel takes them.
void check_id_map(const std::vector<IdMapping>& map, const Pointer& at, const char* key,
                  Problems& problems);

// Of the property `key` at `at`. The pointer is put together only when there is something to say.
// A string that will be one line of a kernel file:
void check_one_line(const std::string& text, const Pointer& at, const char* key,
                    Problems& problems);
void check_absolute(const std::string& path, const Pointer& at, const char* key,
                    Problems& problems);
void check_between(std::int64_t value, std::int64_t min, std::int64_t max, const Pointer& at,
                   const char* key, Problems& problems);
// The kernel's limits for a path and one of its components.
void check_path_length(const std::string& path, const Pointer& at, const char* key,
                       Problems& problems);

bool is_absolute(std::string_view path);
bool has_control_character(std::string_view text);

}  // namespace oci
