// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/open_flags.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <strings.h>

#include <span>

#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

template <typename T>
struct Word {
  std::string_view name;
  T value;
};

constexpr Word<int> kOpenFlags[] = {
    {"append", O_APPEND}, {"async", O_ASYNC},       {"creat", O_CREAT},
    {"create", O_CREAT},  {"direct", O_DIRECT},     {"directory", O_DIRECTORY},
    {"dsync", O_DSYNC},   {"excl", O_EXCL},         {"noatime", O_NOATIME},
    {"noctty", O_NOCTTY}, {"nofollow", O_NOFOLLOW}, {"nonblock", O_NONBLOCK},
    {"path", O_PATH},     {"rdonly", O_RDONLY},     {"rdwr", O_RDWR},
    {"sync", O_SYNC},     {"tmpfile", O_TMPFILE},   {"trunc", O_TRUNC},
    {"wronly", O_WRONLY},
};

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
constexpr Word<std::uint64_t> kResolveFlags[] = {
    {"beneath", RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS},
    {"in_root", RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS},
    {"beneath_magiclinks", RESOLVE_BENEATH},
    {"in_root_magiclinks", RESOLVE_IN_ROOT},
    {"no_magiclinks", RESOLVE_NO_MAGICLINKS},
    {"no_symlinks", RESOLVE_NO_SYMLINKS},
    {"no_xdev", RESOLVE_NO_XDEV},
    {"cached", RESOLVE_CACHED},
};

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <typename T>
std::optional<T> find_in(std::span<const Word<T>> words, std::string_view name) {
  for (const Word<T>& word : words)
    if (same_word(word.name, name)) return word.value;
  return std::nullopt;
}

template <typename T>
Result<T> value_of(std::span<const Word<T>> words, const Given& given) {
  const bool number = !given.value.empty() && given.value[0] >= '0' && given.value[0] <= '9';
  if (number) return number_of<T>(given);
  const std::optional<T> found = find_in(words, given.value);
  if (!found.has_value()) return usage_error(given, "unknown word");
  return *found;
}

template <typename T>
std::string names_of(std::span<const Word<T>> words) {
  std::vector<std::string> names;
  for (const Word<T>& word : words) names.emplace_back(word.name);
  return join(names, " ");
}

}  // namespace

std::optional<int> find_open_flag(std::string_view word) { return find_in<int>(kOpenFlags, word); }

std::optional<std::uint64_t> find_resolve_flag(std::string_view word) {
  return find_in<std::uint64_t>(kResolveFlags, word);
}

Result<int> open_flag_of(const Given& given) { return value_of<int>(kOpenFlags, given); }

Result<std::uint64_t> resolve_flag_of(const Given& given) {
  return value_of<std::uint64_t>(kResolveFlags, given);
}

std::string open_flag_names() { return names_of<int>(kOpenFlags); }

std::string resolve_flag_names() { return names_of<std::uint64_t>(kResolveFlags); }

}  // namespace ctr
