// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_open_file_where.h"

#include <unistd.h>

#include "ctrtool/cmd/ns_open_file_options.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

struct IdName {
  std::string_view name;
  std::optional<std::uint32_t> HelperIds::*member;
};
constexpr IdName kIds[] = {
    {"uid", &HelperIds::uid},         {"gid", &HelperIds::gid},
    {"euid", &HelperIds::euid},       {"egid", &HelperIds::egid},
    {"fsuid", &HelperIds::fsuid},     {"fsgid", &HelperIds::fsgid},
    {"pre_uid", &HelperIds::pre_uid}, {"pre_gid", &HelperIds::pre_gid},
};
struct IdSwitch {
  std::string_view name;
  bool HelperIds::*member;
};
constexpr IdSwitch kIdSwitches[] = {
    {"keepcaps", &HelperIds::keep_caps},
    {"keep_groups", &HelperIds::keep_groups},
    {"setgroups_pre", &HelperIds::groups_before},
};

Result<void> take_credential(const Given& given, Item& item) {
  const std::size_t equals = given.value.find('=');
  const std::string name = given.value.substr(0, equals);
  const std::optional<std::string> value = equals == std::string::npos
                                               ? std::optional<std::string>()
                                               : std::optional(given.value.substr(equals + 1));
  HelperIds& ids = item.where.ids;
  for (const IdSwitch& row : kIdSwitches) {
    if (row.name != name) continue;
    if (value.has_value()) return usage_error(given, "takes no value");
    ids.*row.member = true;
    return {};
  }
  if (!value.has_value()) return usage_error(given, "unknown, or its value is missing");
  if (name == "groups") {
    std::vector<gid_t> groups;
    for (const std::string_view group : split(*value, ','))
      groups.push_back(TRY_CTX(parse_id(group, 0), "%s", given.word.c_str()));
    ids.groups = std::move(groups);
    return {};
  }
  const std::uint32_t id = TRY_CTX(parse_id(*value, 0), "%s", given.value.c_str());
  for (const IdName& row : kIds) {
    if (row.name != name) continue;
    ids.*row.member = id;
    return {};
  }
  const bool of_file = name == "unix_gid" || name == "unix_uid";
  if (!of_file || item.kind != ItemKind::Socket)
    return usage_error(given, "unknown, or not for this item");
  (name == "unix_gid" ? item.socket.file.gid : item.socket.file.uid) = id;
  return {};
}

}  // namespace

Result<void> WhereWords::take(const Given& given, Item& item) {
  Where& where = item.where;
  switch (given.key) {
    case 'N':
      where.path = given.value;
      return {};
    case 'U':
      where.enter_user = true;
      return {};
    case 'A':
      where.anonymous = true;
      return {};
    case kUserns:
      where.user_path = given.value;
      return {};
    case kSame:
      where.same = true;
      return {};
    case kUidMap:
      uid_map_ = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      return {};
    case kGidMap:
      gid_map_ = TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
      return {};
    case kSetgroups:
      if (given.value != "allow" && given.value != "deny")
        return usage_error(given, "neither allow nor deny");
      setgroups_ = given.value == "allow";
      return {};
    default:
      return take_credential(given, item);
  }
}

Result<void> WhereWords::finish(Item& item) const {
  Where& where = item.where;
  const bool named = !where.path.empty() || !where.in_register.empty();
  if (item.kind == ItemKind::Operation) return {};
  if (item.kind == ItemKind::File && !named)
    return make_error(Kind::InvalidSpec, "-N or -i is missing");
  const bool makes_user = where.anonymous && where.enter_user && !named;
  if (where.same && (named || where.anonymous || where.enter_user || !where.user_path.empty() ||
                     where.ids != HelperIds{}))
    return make_error(Kind::InvalidSpec, "--same is without other words about where and who");
  if (where.enter_user && !named && !makes_user)
    return make_error(Kind::InvalidSpec, "-U needs a namespace");
  if (!where.user_path.empty() && where.enter_user)
    return make_error(Kind::InvalidSpec, "either -U or --userns");
  if (where.anonymous && !named && item.kind == ItemKind::Open && !makes_user)
    return make_error(Kind::InvalidSpec, "-A needs a namespace");
  if (makes_user) {
    where.new_user = new_user();
  } else if (uid_map_.has_value() || gid_map_.has_value() || setgroups_.has_value()) {
    return make_error(Kind::InvalidSpec, "ID maps are for a new user namespace (-A -U)");
  }
  return {};
}

NewUserNamespace WhereWords::new_user() const {
  const auto only = [](std::uint32_t id) {
    return *IdMap::make({{.inside = 0, .outside = id, .count = 1}});
  };
  return {.uids = uid_map_.has_value() ? *uid_map_ : only(::geteuid()),
          .gids = gid_map_.has_value() ? *gid_map_ : only(::getegid()),
          .deny_setgroups = !setgroups_.value_or(false)};
}

}  // namespace ctr
