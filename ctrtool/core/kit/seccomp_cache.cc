// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/seccomp_cache.h"

#include <fcntl.h>
#include <linux/bpf_common.h>
#include <seccomp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/seccomp_direct.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

// To be raised whenever the compiler's output for the same profile changes.
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kMaxFile = 4U << 20;
// Distinct profiles on one host are few. More than these, and someone makes them up: begin anew.
constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kNameLength = 16;

// Against accidents, not against attacks: whoever can write here can write the program. Each step
// is a bijection of `value`, so that no change of a single word goes unseen.
std::uint64_t hash(std::string_view bytes) {
  std::uint64_t value = bytes.size();
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    bytes.remove_prefix(size);
    value = (value ^ word) * 0x9e3779b97f4a7c15U;
    value ^= value >> 32;
  }
  return value;
}

// The profile as bytes: every field with its length, so that no two profiles look alike.
class Writer {
 public:
  Writer& number(std::uint64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
    return *this;
  }
  Writer& texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const std::string& value : values) text(value);
    return *this;
  }
  Writer& maybe(std::optional<std::uint32_t> value) {
    return number(value.has_value() ? 1 : 0).number(value.value_or(0));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void write_rule(Writer& to, const SeccompRule& rule) {
  to.texts(rule.names).text(rule.action).maybe(rule.errno_ret).number(rule.args.size());
  for (const SeccompArg& arg : rule.args) {
    to.number(arg.index).number(arg.value).number(arg.value_two).text(arg.op);
  }
}

// All that the program depends on. The flags and the listener are not: they are for loading it.
std::string key_of(const SeccompProfile& profile) {
  Writer to;
  to.number(kFormat).text(seccomp_library_version()).number(::seccomp_arch_native());
  to.text(profile.default_action).maybe(profile.default_errno_ret).texts(profile.architectures);
  to.number(profile.rules.size());
  for (const SeccompRule& rule : profile.rules) write_rule(to, rule);
  return to.take();
}

std::string name_of(const std::string& key) {
  return strf("%016llx", static_cast<unsigned long long>(hash(key)));
}

// The file: checksum of the rest, length of the key, key, program.
constexpr std::size_t kHeader = 2 * sizeof(std::uint64_t);

std::string encode(const std::string& key, std::span<const sock_filter> program) {
  Writer to;
  std::string rest = to.text(key).take();
  rest.append(reinterpret_cast<const char*>(program.data()), program.size_bytes());
  return Writer().number(hash(rest)).take() + rest;
}

std::optional<std::vector<sock_filter>> decode(std::string_view file, const std::string& key) {
  if (file.size() <= kHeader + key.size()) return std::nullopt;
  std::uint64_t numbers[2];
  std::memcpy(numbers, file.data(), sizeof numbers);
  const std::string_view rest = file.substr(sizeof numbers[0]);
  if (numbers[0] != hash(rest) || numbers[1] != key.size()) return std::nullopt;
  if (file.substr(kHeader, key.size()) != key) return std::nullopt;
  const std::string_view code = file.substr(kHeader + key.size());
  const std::size_t count = code.size() / sizeof(sock_filter);
  if (code.size() % sizeof(sock_filter) != 0 || count > BPF_MAXINSNS) return std::nullopt;
  std::vector<sock_filter> program(count);
  std::memcpy(program.data(), code.data(), code.size());
  return program;
}

bool is_trusted(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::optional<std::vector<sock_filter>> load(BorrowedFd dir, const std::string& name,
                                             const std::string& key) {
  // O_NONBLOCK: whatever lies there, opening it must not wait.
  const auto file =
      sys::openat_if_exists(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!file || !file->has_value()) return std::nullopt;
  const auto status = sys::fstat(**file);
  if (!status || !is_trusted(*status)) return std::nullopt;
  const auto bytes = sys::read_all(**file, kMaxFile);
  return bytes ? decode(*bytes, key) : std::nullopt;
}

// A file of the cache, or a temporary one (".NAME.PID") of a writer that was killed.
bool is_cache_name(std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  return name.size() >= kNameLength &&
         name.substr(0, kNameLength).find_first_not_of("0123456789abcdef") ==
             std::string_view::npos;
}

void make_room(BorrowedFd dir) {
  const auto entries = sys::list_dir(dir);
  if (!entries || entries->size() < kMaxFiles) return;
  for (const sys::DirEntry& entry : *entries) {
    if (!is_cache_name(entry.name)) continue;
    [[maybe_unused]] const auto removed = sys::unlinkat(dir, entry.name, 0);
  }
}

void store(BorrowedFd dir, const std::string& name, const std::string& bytes) {
  if (bytes.size() > kMaxFile) return;
  make_room(dir);
  [[maybe_unused]] const auto stored = sys::replace_file_at(dir, name, bytes, S_IRUSR | S_IWUSR);
}

}  // namespace

std::string seccomp_cache_name(const SeccompProfile& profile) { return name_of(key_of(profile)); }

Result<std::vector<sock_filter>> compile_cached(BorrowedFd cache_dir,
                                                const SeccompProfile& profile) {
  std::optional<std::vector<sock_filter>> direct = TRY(compile_seccomp_directly(profile));
  if (direct) return std::move(*direct);
  if (!cache_dir.valid()) return compile_seccomp_by_library(profile);
  const std::string key = key_of(profile);
  const std::string name = name_of(key);
  std::optional<std::vector<sock_filter>> kept = load(cache_dir, name, key);
  if (kept) return std::move(*kept);
  std::vector<sock_filter> program = TRY(compile_seccomp_by_library(profile));
  store(cache_dir, name, encode(key, program));
  return program;
}

}  // namespace ctr
