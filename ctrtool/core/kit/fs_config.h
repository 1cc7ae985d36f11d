// SPDX-License-Identifier: Apache-2.0
// What a new superblock is told between fsopen(2) and its creation: flags and options as mount(8)
// has them, and parameters that are no text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr {

struct FsParameter {
  enum class Type : std::uint8_t { Text, Binary, Descriptor, Path };
  Type type;
  std::string key;
  std::string value{};    // text, bytes or a path
  BorrowedFd fd = kNoFd;  // the descriptor, or the directory that the path starts from
};

struct FsConfig {
  std::string source;
  unsigned long flags = 0;  // MS_*: those that belong to the superblock
  std::string data{};       // "key=value,flag"; commas in double quotes separate nothing
  std::vector<FsParameter> parameters{};
};

Result<void> configure_fs(BorrowedFd fs, const FsConfig& config);

}  // namespace ctr
