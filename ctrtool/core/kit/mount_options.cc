// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/kit/mount_options.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/compat.h"

namespace ctr {
namespace {

enum class Effect : std::uint8_t {
  Nothing,
  Set,           // MS_* on
  Clear,         // MS_* off
  Atime,         // one of the MS_* that exclude each other
  Propagate,     // MS_SHARED and its like
  SetAttr,       // MOUNT_ATTR_* on, recursively
  ClearAttr,     // MOUNT_ATTR_* off, recursively
  AtimeAttr,     // one value of the field MOUNT_ATTR__ATIME, recursively
  NotAtimeAttr,  // any other value of that field, recursively
  Extra,         // a bool of MountOptions
};

struct Row {
  std::string_view name;
  Effect effect;
  std::uint64_t bits = 0;
  bool MountOptions::*extra = nullptr;
  bool alias = false;  // another row is the name to print
};

// `defaults` changes nothing, as in both peers: it would have to undo options named before it.
// `rnorelatime`: "not relatime" names no value of the attribute, which the kernel fills always.
// `rsync` and its like are crun's: these belong to a superblock, so there is nothing to recurse
// into.
constexpr auto kTable = std::to_array<Row>({
    {"async", Effect::Clear, MS_SYNCHRONOUS},
    {"atime", Effect::Clear, MS_NOATIME},
    {"bind", Effect::Set, MS_BIND},
    {"copy-symlink", Effect::Extra, 0, &MountOptions::copy_symlink},
    {"defaults", Effect::Nothing},
    {"dest-nofollow", Effect::Extra, 0, &MountOptions::dest_nofollow},
    {"dev", Effect::Clear, MS_NODEV},
    {"diratime", Effect::Clear, MS_NODIRATIME},
    {"dirsync", Effect::Set, MS_DIRSYNC},
    {"exec", Effect::Clear, MS_NOEXEC},
    {"idmap", Effect::Extra, 0, &MountOptions::idmap},
    {"iversion", Effect::Set, MS_I_VERSION},
    {"lazytime", Effect::Set, MS_LAZYTIME},
    {"loud", Effect::Clear, MS_SILENT},
    {"mand", Effect::Set, MS_MANDLOCK},
    {"noatime", Effect::Atime, MS_NOATIME},
    {"nodev", Effect::Set, MS_NODEV},
    {"nodiratime", Effect::Set, MS_NODIRATIME},
    {"noexec", Effect::Set, MS_NOEXEC},
    {"noiversion", Effect::Clear, MS_I_VERSION},
    {"nolazytime", Effect::Clear, MS_LAZYTIME},
    {"nomand", Effect::Clear, MS_MANDLOCK},
    {"norelatime", Effect::Clear, MS_RELATIME},
    {"nostrictatime", Effect::Clear, MS_STRICTATIME},
    {"nosuid", Effect::Set, MS_NOSUID},
    {"nosymfollow", Effect::Set, MS_NOSYMFOLLOW},
    {"private", Effect::Propagate, MS_PRIVATE},
    {"rasync", Effect::Clear, MS_SYNCHRONOUS, nullptr, true},
    {"ratime", Effect::NotAtimeAttr, MOUNT_ATTR_NOATIME},
    {"rbind", Effect::Set, MS_BIND | MS_REC},
    {"rdev", Effect::ClearAttr, MOUNT_ATTR_NODEV},
    {"rdiratime", Effect::ClearAttr, MOUNT_ATTR_NODIRATIME},
    {"rdirsync", Effect::Set, MS_DIRSYNC, nullptr, true},
    {"relatime", Effect::Atime, MS_RELATIME},
    {"remount", Effect::Set, MS_REMOUNT},
    {"rexec", Effect::ClearAttr, MOUNT_ATTR_NOEXEC},
    {"ridmap", Effect::Extra, 0, &MountOptions::ridmap},
    {"rmand", Effect::Set, MS_MANDLOCK, nullptr, true},
    {"rnoatime", Effect::AtimeAttr, MOUNT_ATTR_NOATIME},
    {"rnodev", Effect::SetAttr, MOUNT_ATTR_NODEV},
    {"rnodiratime", Effect::SetAttr, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", Effect::SetAttr, MOUNT_ATTR_NOEXEC},
    {"rnomand", Effect::Clear, MS_MANDLOCK, nullptr, true},
    {"rnorelatime", Effect::Nothing},
    {"rnostrictatime", Effect::NotAtimeAttr, MOUNT_ATTR_STRICTATIME},
    {"rnosuid", Effect::SetAttr, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", Effect::SetAttr, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", Effect::Set, MS_RDONLY},
    {"rprivate", Effect::Propagate, MS_PRIVATE | MS_REC},
    {"rrelatime", Effect::AtimeAttr, MOUNT_ATTR_RELATIME},
    {"rro", Effect::SetAttr, MOUNT_ATTR_RDONLY},
    {"rrw", Effect::ClearAttr, MOUNT_ATTR_RDONLY},
    {"rshared", Effect::Propagate, MS_SHARED | MS_REC},
    {"rslave", Effect::Propagate, MS_SLAVE | MS_REC},
    {"rstrictatime", Effect::AtimeAttr, MOUNT_ATTR_STRICTATIME},
    {"rsuid", Effect::ClearAttr, MOUNT_ATTR_NOSUID},
    {"rsymfollow", Effect::ClearAttr, MOUNT_ATTR_NOSYMFOLLOW},
    {"rsync", Effect::Set, MS_SYNCHRONOUS, nullptr, true},
    {"runbindable", Effect::Propagate, MS_UNBINDABLE | MS_REC},
    {"rw", Effect::Clear, MS_RDONLY},
    {"shared", Effect::Propagate, MS_SHARED},
    {"silent", Effect::Set, MS_SILENT},
    {"slave", Effect::Propagate, MS_SLAVE},
    {"src-nofollow", Effect::Extra, 0, &MountOptions::src_nofollow},
    {"strictatime", Effect::Atime, MS_STRICTATIME},
    {"suid", Effect::Clear, MS_NOSUID},
    {"symfollow", Effect::Clear, MS_NOSYMFOLLOW},
    {"sync", Effect::Set, MS_SYNCHRONOUS},
    {"tmpcopyup", Effect::Extra, 0, &MountOptions::tmpcopyup},
    {"unbindable", Effect::Propagate, MS_UNBINDABLE},
});
static_assert(std::ranges::is_sorted(kTable, {}, &Row::name));

constexpr unsigned long kAtimeFlags = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;

const Row* find_row(std::string_view name) {
  const auto found = std::ranges::lower_bound(kTable, name, {}, &Row::name);
  return found != kTable.end() && found->name == name ? &*found : nullptr;
}

void set_flags(MountOptions& options, unsigned long bits) {
  options.flags |= bits;
  options.cleared_flags &= ~bits;
}

void clear_flags(MountOptions& options, unsigned long bits) {
  options.flags &= ~bits;
  options.cleared_flags |= bits;
}

// mount_setattr(2) changes the field as a whole: the value in attr_set needs all of it in attr_clr.
void set_atime_attr(MountOptions& options, std::uint64_t value) {
  options.rec_attr_set = (options.rec_attr_set & ~std::uint64_t{MOUNT_ATTR__ATIME}) | value;
  options.rec_attr_clr |= MOUNT_ATTR__ATIME;
}

// To leave a value is to fall back to relatime, the kernel's default, unless another was asked for.
void leave_atime_attr(MountOptions& options, std::uint64_t value) {
  const std::uint64_t asked = options.rec_attr_set & MOUNT_ATTR__ATIME;
  set_atime_attr(options, asked == value ? MOUNT_ATTR_RELATIME : asked);
}

void apply(const Row& row, MountOptions& options) {
  switch (row.effect) {
    case Effect::Nothing:
      break;
    case Effect::Set:
      set_flags(options, row.bits);
      break;
    case Effect::Clear:
      clear_flags(options, row.bits);
      break;
    case Effect::Atime:
      options.flags &= ~kAtimeFlags;
      set_flags(options, row.bits);
      break;
    case Effect::Propagate:
      options.propagation = row.bits;
      break;
    case Effect::SetAttr:
      options.rec_attr_set |= row.bits;
      options.rec_attr_clr &= ~row.bits;
      break;
    case Effect::ClearAttr:
      options.rec_attr_set &= ~row.bits;
      options.rec_attr_clr |= row.bits;
      break;
    case Effect::AtimeAttr:
      set_atime_attr(options, row.bits);
      break;
    case Effect::NotAtimeAttr:
      leave_atime_attr(options, row.bits);
      break;
    case Effect::Extra:
      options.*row.extra = true;
      break;
  }
}

// "idmap=MAPS" and "ridmap=MAPS".
bool parse_idmap_value(std::string_view option, MountOptions& options) {
  const bool recursive = option.starts_with("ridmap=");
  if (!recursive && !option.starts_with("idmap=")) return false;
  (recursive ? options.ridmap : options.idmap) = true;
  options.idmap_maps = option.substr(option.find('=') + 1);
  return true;
}

void add_data(std::string_view option, MountOptions& options) {
  if (option.empty()) return;
  if (!options.data.empty()) options.data += ',';
  options.data += option;
}

// mount(2) copies one page and cuts what is longer without a word.
Result<void> check_data_size(const std::string& data) {
  const long page = ::sysconf(_SC_PAGESIZE);
  if (data.size() < static_cast<std::size_t>(page)) return {};
  return make_error(Kind::InvalidSpec,
                    "the file system's options take %zu bytes, the kernel takes %ld", data.size(),
                    page - 1);
}

// Whether the row says something that these options hold.
bool holds(const Row& row, const MountOptions& options) {
  const std::uint64_t bits = row.bits;
  const bool atime = (options.rec_attr_clr & MOUNT_ATTR__ATIME) != 0;
  switch (row.effect) {
    case Effect::Set:
    case Effect::Atime:
      return (options.flags & bits) == bits;
    case Effect::Clear:
      return (options.cleared_flags & bits) == bits;
    case Effect::Propagate:
      return options.propagation == bits;
    case Effect::SetAttr:
      return (options.rec_attr_set & bits) == bits;
    case Effect::ClearAttr:
      return (options.rec_attr_clr & bits) == bits;
    case Effect::AtimeAttr:
      return atime && (options.rec_attr_set & MOUNT_ATTR__ATIME) == bits;
    case Effect::Extra:
      return options.*row.extra;
    case Effect::Nothing:
    case Effect::NotAtimeAttr:
      return false;
  }
  return false;
}

std::string word_of(const Row& row, const MountOptions& options) {
  std::string word(row.name);
  const bool maps = row.extra == (options.ridmap ? &MountOptions::ridmap : &MountOptions::idmap);
  if (maps && !options.idmap_maps.empty()) word += "=" + options.idmap_maps;
  return word;
}

struct FlagAttr {
  unsigned long flag;
  std::uint64_t attr;
};
constexpr auto kFlagAttrs = std::to_array<FlagAttr>({
    {MS_RDONLY, MOUNT_ATTR_RDONLY},
    {MS_NOSUID, MOUNT_ATTR_NOSUID},
    {MS_NODEV, MOUNT_ATTR_NODEV},
    {MS_NOEXEC, MOUNT_ATTR_NOEXEC},
    {MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
    {MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW},
});

std::uint64_t attrs_of(unsigned long flags) {
  std::uint64_t attrs = 0;
  for (const FlagAttr& pair : kFlagAttrs) {
    if ((flags & pair.flag) != 0) attrs |= pair.attr;
  }
  return attrs;
}

std::uint64_t atime_attr_of(unsigned long flags) {
  if ((flags & MS_STRICTATIME) != 0) return MOUNT_ATTR_STRICTATIME;
  return (flags & MS_NOATIME) != 0 ? MOUNT_ATTR_NOATIME : MOUNT_ATTR_RELATIME;
}

}  // namespace

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options) {
  MountOptions parsed;
  for (const std::string& option : options) {
    if (option.find('\0') != std::string::npos) {
      return make_error(Kind::InvalidSpec, "mount option %s has a NUL", quote(option).c_str());
    }
    if (const Row* row = find_row(option)) {
      apply(*row, parsed);
    } else if (!parse_idmap_value(option, parsed)) {
      add_data(option, parsed);
    }
  }
  parsed.idmap |= parsed.ridmap;
  TRY(check_data_size(parsed.data));
  return parsed;
}

Result<void> check_bind_data(const MountOptions& options) {
  if (options.data.empty()) return {};
  return make_error(Kind::InvalidSpec, "a bind mount cannot have the file system options %s",
                    quote(options.data).c_str());
}

MountAttrChange mount_attr_change(const MountOptions& options) {
  MountAttrChange change{.set = attrs_of(options.flags), .clr = attrs_of(options.cleared_flags)};
  // "norelatime" names no value, so it alone changes nothing.
  const unsigned long left = options.cleared_flags & (MS_NOATIME | MS_STRICTATIME);
  if ((options.flags & kAtimeFlags) != 0 || left != 0) {
    change.set |= atime_attr_of(options.flags);
    change.clr |= MOUNT_ATTR__ATIME;
  }
  return change;
}

std::vector<std::string> mount_option_words(const MountOptions& options) {
  std::vector<std::string> words;
  const bool recursive = (options.flags & MS_REC) != 0;
  for (const Row& row : kTable) {
    if (row.alias || !holds(row, options)) continue;
    if (row.name == "bind" && recursive) continue;        // "rbind" says it
    if (row.name == "idmap" && options.ridmap) continue;  // "ridmap" says it
    words.push_back(word_of(row, options));
  }
  if (!options.data.empty()) words.push_back(options.data);
  return words;
}

std::vector<std::string_view> mount_option_names() {
  std::vector<std::string_view> names;
  for (const Row& row : kTable) names.push_back(row.name);
  return names;
}

}  // namespace ctr
