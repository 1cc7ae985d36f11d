// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/ns_open_file_words.h"

#include <fcntl.h>
#include <linux/if_tun.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/ns_open_file_options.h"
#include "ctrtool/cmd/ns_open_file_socket.h"
#include "ctrtool/cmd/ns_open_file_where.h"
#include "ctrtool/cmd/open_flags.h"
#include "ctrtool/cmd/spawn.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

constexpr int kNumberedRegisters = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Result<std::string> register_name(const Given& given, std::string_view name) {
  const bool digits = !name.empty() && std::ranges::all_of(name, is_digit);
  if (digits && name.size() == 1 && name.front() < '0' + kNumberedRegisters)
    return std::string(name);
  const bool word =
      !name.empty() && !is_digit(name.front()) && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
      });
  if (digits || !word) return usage_error(given, "a register is a number from 0 to 7, or a name");
  return std::string(name);
}

struct Owner {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};
Result<Owner> parse_owner(const Given& given) {
  const std::size_t colon = given.value.find(':');
  Owner owner;
  const std::string uid = given.value.substr(0, colon);
  if (!uid.empty()) owner.uid = TRY_CTX(parse_id(uid), "%s", given.word.c_str());
  if (colon != std::string::npos)
    owner.gid = TRY_CTX(parse_id(given.value.substr(colon + 1)), "%s", given.word.c_str());
  if (!owner.uid.has_value() && !owner.gid.has_value()) return usage_error(given, "no owner");
  return owner;
}

// One item while its options come in.
class Draft {
 public:
  Draft(const Given& given, std::size_t number)
      : item_{.kind = ItemKind::Socket, .number = number} {
    item_.text = strf("item %zu (%s%s%s)", number, given.word.c_str(),
                      given.value.empty() ? "" : " ", given.value.c_str());
  }

  Result<void> begin(const Given& given) {
    letter_ = static_cast<char>(given.key);
    switch (given.key) {
      case 'n':
        return {};
      case 'm':
        item_.kind = ItemKind::Open;
        return {};
      case 'T':
        item_.kind = ItemKind::Tun;
        return {};
      case 'f':
        item_.kind = ItemKind::File;
        return {};
      default:
        break;
    }
    item_.kind = ItemKind::Operation;
    const std::string word = lower(given.value);
    const auto operations = ns_open_file_operations();
    const auto row = std::ranges::find(operations, word, &OperationRow::name);
    if (row == operations.end()) return usage_error(given, "unknown operation");
    item_.operation = row->operation;
    letter_ = row->letter;
    return {};
  }

  Result<void> take(const Given& given) {
    if (!goes_with(kNsOpenFileManual.options, given.key, letter_))
      return usage_error(given, "not for this item");
    const bool has_result = item_.results() != 0;
    const bool about_result = given.key == 's' || given.key == kEnv || given.key == kFd;
    if (about_result && !has_result) return usage_error(given, "this item has no result");
    switch (given.key) {
      case 's':
      case 'i':
      case kEnv:
      case kFd:
        return take_register(given);
      case 'N':
      case 'U':
      case 'A':
      case kUserns:
      case kUidMap:
      case kGidMap:
      case kSetgroups:
      case kSame:
      case 'C':
        return where_.take(given, item_);
      case kArgument:
      case kPass:
      case kTimeout:
      case kCount:
      case kSkip:
      case kPeerUid:
      case kPeerPid:
      case kPeerEnv:
        return take_operation(given);
      case 'O':
      case 'R':
      case '2':
      case kDevice:
      case kPersist:
      case 'M':
      case kOwner:
        return take_file(given);
      case kDirectory:
        return take_directory(given);
      case 'd':
        return item_.kind == ItemKind::Open ? take_directory(given) : socket_.take(given, item_);
      case 't':
        return is_tun() ? take_tun_flag(given) : socket_.take(given, item_);
      case 'P':
        if (letter_ == 'n' || letter_ == 'c') return socket_.take(given, item_);
        path_ = given.value;
        return {};
      default:
        return socket_.take(given, item_);
    }
  }

  // Registers that are set when the item's turn comes.
  Result<Item> finish(const std::set<std::string>& known) {
    for (const std::string& name : used_)
      if (!known.contains(name))
        return make_error(Kind::InvalidSpec, "%s: register %s is not set", item_.text.c_str(),
                          name.c_str());
    TRY_CTX(where_.finish(item_), "%s", item_.text.c_str());
    TRY_CTX(finish_kind(), "%s", item_.text.c_str());
    const bool numbered = !item_.save.empty() && is_digit(item_.save.front());
    if (numbered && item_.save.front() - '0' + item_.results() > kNumberedRegisters)
      return make_error(Kind::InvalidSpec, "%s: there are not that many registers",
                        item_.text.c_str());
    return std::move(item_);
  }

 private:
  Result<void> take_register(const Given& given) {
    if (given.key == kEnv) {
      item_.how.variable = given.value;
      return {};
    }
    if (given.key == kFd) {
      item_.how.fixed = TRY_CTX(parse_fixed_fd(given.value), "%s", given.word.c_str());
      return {};
    }
    const std::size_t comma = given.value.find(',');
    const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
    const std::string flags =
        comma == std::string::npos ? std::string() : given.value.substr(comma + 1);
    if (given.key == 'i') return use(given, name, flags);
    if (!item_.save.empty()) return usage_error(given, "one register only");
    if (!flags.empty() && flags != "i") return usage_error(given, "unknown flag");
    item_.save = name;
    item_.internal = flags == "i";
    return {};
  }

  Result<void> use(const Given& given, const std::string& name, const std::string& flags) {
    if (flags.find_first_not_of("nda") != std::string::npos)
      return usage_error(given, "unknown flag");
    used_.push_back(name);
    const char flag = flags.empty() ? 'n' : flags.back();
    if (flag == 'a') {
      if (letter_ != 'S' && letter_ != 'x') return usage_error(given, "not for this item");
      item_.aux_registers.push_back(name);
      return {};
    }
    if (flag == 'd' && (letter_ == 'T' || letter_ == 'f'))
      return usage_error(given, "not for this item");
    std::string& to = flag == 'd' ? item_.base_register : item_.where.in_register;
    const bool second_operand = item_.kind == ItemKind::Operation && !item_.operand().empty();
    if (!to.empty() || second_operand) return usage_error(given, "one register only");
    to = name;
    return {};
  }

  Result<void> take_operation(const Given& given) {
    switch (given.key) {
      case kArgument:
        item_.popen.argv.push_back(given.value);
        return {};
      case kPass: {
        const std::size_t comma = given.value.find(',');
        if (comma == std::string::npos || comma + 1 == given.value.size())
          return usage_error(given, "not REG,VAR");
        const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
        used_.push_back(name);
        item_.popen.pass.emplace_back(name, given.value.substr(comma + 1));
        return {};
      }
      case kTimeout:
        item_.timeout_ms = TRY(milliseconds_of(given));
        return {};
      case kCount:
        item_.receive.count = TRY(number_of<std::size_t>(given));
        if (item_.receive.count == 0) return usage_error(given, "at least one");
        return {};
      case kSkip:
        item_.receive.skip = true;
        return {};
      case kPeerUid:
        item_.receive.uid = TRY_CTX(parse_id(given.value), "%s", given.word.c_str());
        return {};
      case kPeerPid:
        item_.receive.pid = TRY(number_of<pid_t>(given));
        return {};
      default:
        item_.receive.peer_variable = given.value;
        return {};
    }
  }

  Result<void> take_file(const Given& given) {
    switch (given.key) {
      case 'O':
        open_flags_ = open_flags_.value_or(0) | TRY(open_flag_of(given));
        return {};
      case 'R':
        item_.open.resolve |= TRY(resolve_flag_of(given));
        item_.open.openat2 = true;
        return {};
      case '2':
        item_.open.openat2 = true;
        return {};
      case kDevice:
        item_.tun.device = given.value;
        return {};
      case kPersist:
        item_.tun.persist = true;
        return {};
      case kOwner: {
        const Owner owner = TRY(parse_owner(given));
        item_.socket.file.uid = item_.tun.uid = owner.uid;
        item_.socket.file.gid = item_.tun.gid = owner.gid;
        return {};
      }
      default:
        break;
    }
    if (item_.kind == ItemKind::Tun) {
      item_.tun.device = given.value;
      return {};
    }
    constexpr mode_t kAll = 07777;
    const mode_t mode = TRY(number_of<mode_t>(given, 8));
    if (mode > kAll) return usage_error(given, "not a mode");
    item_.open.mode = mode;
    item_.socket.file.mode = mode;
    return {};
  }

  bool is_tun() const { return letter_ == 'T' || letter_ == 'u'; }

  Result<void> take_directory(const Given& given) {
    item_.base.reset();
    if (given.value == "cwd") return {};
    if (given.value.starts_with('@')) {
      const std::string name = TRY(register_name(given, given.value.substr(1)));
      return use(given, name, "d");
    }
    FdArgument base = TRY_CTX(take_fd(given.value, O_PATH | O_DIRECTORY), "%s", given.word.c_str());
    item_.base = std::make_shared<FdArgument>(std::move(base));
    return {};
  }

  Result<void> take_tun_flag(const Given& given) {
    item_.tun.flags |= TRY_CTX(parse_tun_flag(given.value), "%s", given.word.c_str());
    return {};
  }

  Result<void> finish_kind() {
    switch (item_.kind) {
      case ItemKind::Socket:
        return socket_.finish_socket(item_);
      case ItemKind::Open:
        return finish_open();
      case ItemKind::Tun:
        return finish_tun();
      case ItemKind::File:
        return {};
      case ItemKind::Operation:
        return finish_operation();
    }
    return {};
  }

  Result<void> finish_open() {
    OpenWords& open = item_.open;
    const bool plain = !open_flags_.has_value() && !open.openat2 && !path_.has_value();
    open.flags = plain ? O_PATH | O_DIRECTORY : open_flags_.value_or(O_RDONLY);
    if (path_.has_value()) open.path = *path_;
    if (item_.base != nullptr && !item_.base_register.empty()) item_.base.reset();
    return {};
  }

  Result<void> finish_tun() {
    TunRequest& tun = item_.tun;
    if (path_.has_value()) tun.name = *path_;
    const int kind = tun.flags & (IFF_TUN | IFF_TAP);
    const bool configures = path_.has_value() || tun.flags != 0 || tun.persist ||
                            tun.uid.has_value() || tun.gid.has_value();
    const bool must = item_.kind == ItemKind::Operation;
    if ((configures || must) && kind != IFF_TUN && kind != IFF_TAP)
      return make_error(Kind::InvalidSpec, "one of -t tun and -t tap is missing");
    constexpr std::size_t kLongest = 15;
    if (tun.name.size() > kLongest)
      return make_error(Kind::InvalidSpec, "the name %s is too long", quote(tun.name).c_str());
    return {};
  }

  Result<void> finish_operation() {
    const bool needs_operand = std::string_view("yrScxuw").find(letter_) != std::string_view::npos;
    if (needs_operand && item_.operand().empty())
      return make_error(Kind::InvalidSpec, "-i is missing");
    if ((letter_ == 'S' || letter_ == 'x') && item_.aux_registers.empty())
      return make_error(Kind::InvalidSpec, "-i REG,a is missing");
    if (letter_ == 'x' && item_.aux_registers.size() > 1)
      return make_error(Kind::InvalidSpec, "one register only");
    if (letter_ == 'u') return finish_tun();
    if (letter_ == 'y') item_.open.flags = open_flags_.value_or(0);
    if (letter_ == 'c') return socket_.finish_address(item_);
    if (letter_ != 'p' && letter_ != 's') return {};
    TRY(socket_.finish_pair(item_));
    if (path_.has_value() == !item_.popen.argv.empty())
      return make_error(Kind::InvalidSpec, "either -P or --arg");
    if (path_.has_value()) item_.popen.argv = shell_words(*path_);
    return {};
  }

  Item item_;
  char letter_ = 0;  // as in the scopes of options
  WhereWords where_;
  SocketWords socket_;
  std::vector<std::string> used_;
  std::optional<int> open_flags_;
  std::optional<std::string> path_;
};

bool starts_item(int key) {
  return key == 'n' || key == 'm' || key == 'T' || key == 'f' || key == 'I';
}

class Reader {
 public:
  Result<NsOpenFileWords> read(const Parsed& parsed) {
    // Wherever they stand, registers are loaded before everything else.
    for (const Given& given : parsed.options)
      if (given.key == 'L') TRY(load(given));
    for (const Given& given : parsed.options) {
      if (starts_item(given.key)) {
        TRY(end_item());
        draft_.emplace(given, words_.items.size() + 1);
        TRY(draft_->begin(given));
      } else if (given.key == 'o') {
        words_.offset = TRY(number_of<unsigned>(given));
      } else if (given.key == 'q') {
        words_.no_exec = true;
      } else if (given.key != 'L') {
        if (!draft_.has_value()) return usage_error(given, "there is no item before it");
        TRY(draft_->take(given));
      }
    }
    TRY(end_item());
    if (parsed.words.empty() && !words_.no_exec)
      return make_error(Kind::InvalidSpec, "PROGRAM is missing");
    return std::move(words_);
  }

 private:
  Result<void> load(const Given& given) {
    const std::size_t comma = given.value.find(',');
    if (comma == std::string::npos) return usage_error(given, "not REG,FD");
    const std::string name = TRY(register_name(given, given.value.substr(0, comma)));
    FdArgument fd = TRY_CTX(take_fd(given.value.substr(comma + 1)), "%s", given.word.c_str());
    words_.loaded.insert_or_assign(name, std::move(fd));
    known_.insert(name);
    return {};
  }

  Result<void> end_item() {
    if (!draft_.has_value()) return {};
    Item item = TRY(draft_->finish(known_));
    draft_.reset();
    for (std::size_t i = 0; !item.save.empty() && i < item.results(); ++i)
      known_.insert(next_register(item.save, i));
    words_.items.push_back(std::move(item));
    return {};
  }

  NsOpenFileWords words_;
  std::optional<Draft> draft_;
  std::set<std::string> known_;
};

}  // namespace

std::size_t Item::results() const {
  if (kind != ItemKind::Operation) return 1;
  if (operation == Operation::ScmRecv) return receive.count;
  const auto operations = ns_open_file_operations();
  return std::ranges::find(operations, operation, &OperationRow::operation)->has_result ? 1 : 0;
}

std::string next_register(const std::string& name, std::size_t step) {
  if (!is_digit(name.front())) return step == 0 ? name : strf("%s_%zu", name.c_str(), step);
  return strf("%zu", static_cast<std::size_t>(name.front() - '0') + step);
}

Result<NsOpenFileWords> parse_ns_open_file(const Parsed& parsed) { return Reader().read(parsed); }

}  // namespace ctr
