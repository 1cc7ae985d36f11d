// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/fs_config.h"

#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

struct SuperblockFlag {
  unsigned long flag;
  const char* name;
};
constexpr SuperblockFlag kSuperblockFlags[] = {
    {MS_RDONLY, "ro"},         {MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"},
    {MS_LAZYTIME, "lazytime"}, {MS_MANDLOCK, "mand"},    {MS_SILENT, "silent"},
};

// At the commas outside quotes, which only SELinux contexts have; without them.
std::vector<std::string> fs_options(const std::string& data) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : data) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

Result<void> set_option(BorrowedFd fs, const std::string& option) {
  if (option.empty()) return {};
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos) return sys::fsconfig_flag(fs, option);
  return sys::fsconfig_string(fs, option.substr(0, equals), option.substr(equals + 1));
}

Result<void> set_parameter(BorrowedFd fs, const FsParameter& parameter) {
  switch (parameter.type) {
    case FsParameter::Type::Binary:
      return sys::fsconfig_binary(fs, parameter.key, parameter.value);
    case FsParameter::Type::Descriptor:
      return sys::fsconfig_fd(fs, parameter.key, parameter.fd);
    case FsParameter::Type::Path:
      return sys::fsconfig_path(fs, parameter.key, parameter.fd, parameter.value);
    case FsParameter::Type::Text:
      break;
  }
  return sys::fsconfig_string(fs, parameter.key, parameter.value);
}

}  // namespace

Result<void> configure_fs(BorrowedFd fs, const FsConfig& config) {
  TRY(sys::fsconfig_string(fs, "source", config.source));
  for (const SuperblockFlag& one : kSuperblockFlags)
    if ((config.flags & one.flag) != 0) TRY(sys::fsconfig_flag(fs, one.name));
  for (const std::string& option : fs_options(config.data)) TRY(set_option(fs, option));
  for (const FsParameter& parameter : config.parameters) TRY(set_parameter(fs, parameter));
  return {};
}

}  // namespace ctr
