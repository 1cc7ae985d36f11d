// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/drop_words.h"

#include <linux/securebits.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/cred.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

struct Bit {
  std::string_view name;
  unsigned bit;
};
constexpr Bit kSecurebits[] = {
    {"noroot", SECBIT_NOROOT},
    {"noroot_locked", SECBIT_NOROOT_LOCKED},
    {"no_setuid_fixup", SECBIT_NO_SETUID_FIXUP},
    {"no_setuid_fixup_locked", SECBIT_NO_SETUID_FIXUP_LOCKED},
    {"keep_caps", SECBIT_KEEP_CAPS},
    {"keep_caps_locked", SECBIT_KEEP_CAPS_LOCKED},
    {"no_cap_ambient_raise", SECBIT_NO_CAP_AMBIENT_RAISE},
    {"no_cap_ambient_raise_locked", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED},
};

}  // namespace

Result<HeldCaps> held_caps() {
  const int last = TRY(kernel_last_cap());
  const CapSets sets = TRY(current_cap_sets(last));
  return HeldCaps{sets, last};
}

mode_t own_umask() {
  const mode_t mask = sys::umask(0);
  sys::umask(mask);
  return mask;
}

Result<CapSet> cap_set_of(const Given& given, CapSet current, int last) {
  return TRY_CTX(parse_cap_set(given.value, current, last), "%s", given.word.c_str());
}

Result<std::uint32_t> id_of(const Given& given) {
  return TRY_CTX(parse_id(given.value, 0), "%s", given.word.c_str());
}

Result<std::vector<gid_t>> groups_of(const Given& given) {
  std::vector<gid_t> groups;
  for (const std::string_view item : split(given.value, ',')) {
    if (item.empty()) continue;
    const gid_t group = TRY_CTX(parse_id(item, 0), "%s", given.word.c_str());
    groups.push_back(group);
  }
  return groups;
}

Result<unsigned> securebits_of(const Given& given) {
  const Result<unsigned> number = parse_number<unsigned>(given.value, 0);
  if (number.ok()) return number;
  std::string words = given.value;
  std::ranges::replace(words, '+', ',');
  unsigned bits = 0;
  for (const std::string_view word : split(words, ',')) {
    const Bit* found = std::ranges::find(kSecurebits, word, &Bit::name);
    if (found == std::end(kSecurebits)) return usage_error(given, "no such securebit");
    bits |= found->bit;
  }
  return bits;
}

Result<void> check_drop(const DropRequest& request) {
  if (!request.caps.has_value()) return {};
  const std::vector<CapProblem> problems = check_cap_sets(*request.caps);
  if (problems.empty()) return {};
  return make_error(Kind::InvalidSpec, "%s", problems.front().message.c_str());
}

void add_drop(const DropRequest& request, ContainerPlan& plan) {
  const auto add = [&](Op op) { plan.add(Phase::Process, Actor::Child, std::move(op)); };
  const bool ids = request.uid.has_value() || request.gid.has_value();
  if (ids || request.groups.has_value()) {
    SetUser user{.uid = request.uid.value_or(::geteuid()),
                 .gid = request.gid.value_or(::getegid()),
                 .groups = request.groups.value_or(std::vector<gid_t>())};
    user.set_groups = request.groups.has_value();
    user.set_ids = ids;
    user.umask = own_umask();
    // What is to be dropped needs capabilities itself.
    user.keep_caps = request.caps.has_value();
    user.raise_permitted = request.caps.has_value();
    add(user);
  }
  if (request.securebits.has_value()) add(SetSecurebits{*request.securebits});
  if (request.caps.has_value()) {
    add(DropBounding{request.caps->bounding});
    add(SetCapabilities{*request.caps});
  }
  if (request.no_new_privs) add(SetNoNewPrivileges{});
}

Result<std::vector<sock_filter>> read_filter(BorrowedFd fd) {
  constexpr std::size_t kMost = 4096 * sizeof(sock_filter);  // BPF_MAXINSNS
  const std::string bytes = TRY(sys::read_all(fd, kMost));
  if (bytes.empty() || bytes.size() % sizeof(sock_filter) != 0)
    return make_error(Kind::InvalidSpec, "not a BPF program");
  std::vector<sock_filter> filter(bytes.size() / sizeof(sock_filter));
  std::memcpy(filter.data(), bytes.data(), bytes.size());
  return filter;
}

}  // namespace ctr
