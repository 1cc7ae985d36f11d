// SPDX-License-Identifier: Apache-2.0
// set_fds: chosen descriptors become 3, 4, 5..., the others are closed, a program is executed.
#include <unistd.h>

#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/fd_table.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

enum Key : int { kKeep = kLongOnly, kCloexec };

constexpr OptionRow kOptions[] = {
    {'f', "fds", "LIST", "numbers, separated by commas: item k becomes 3+k", "empty"},
    {'e', "env-fds", "LIST", "the same; an item is N, /VAR, :VAR or =PATH", "empty"},
    {'a', "add", "LIST", "more items, as for -e, after those so far"},
    {'m', "map", "SPEC:N", "item SPEC becomes descriptor N, which may be below 3"},
    {'s', "listen-env", "", "set LISTEN_PID and LISTEN_FDS (the length of the list)"},
    {'n', "listen-names", "NAMES", "set LISTEN_FDNAMES too, names separated by colons"},
    {kKeep, "keep-others", "", "leave the other descriptors open"},
    {kCloexec, "cloexec-others", "", "close the others only when the program is executed"},
};

struct Request {
  std::vector<FdArgument> fds;
  std::vector<int> targets;  // of fds
  std::size_t listed = 0;    // how many came from lists
  bool listen = false;
  std::string names;
  OtherFds others = OtherFds::Close;
};

Result<FdArgument> take_item(const Given& given, std::string_view item) {
  // -f leaves the check, and its exit status, to the moment of use.
  const bool plain = item.find_first_not_of("0123456789") == std::string_view::npos;
  if (plain || !item.starts_with('=')) {
    if (given.key == 'f' && !plain) return usage_error(given, "only numbers go here");
    const int number = TRY_CTX(take_fd_number(item), "%s", given.word.c_str());
    return FdArgument(BorrowedFd(number));
  }
  if (given.key == 'f') return usage_error(given, "only numbers go here");
  return take_fd(item);
}

struct Item {
  const Given* given;
  std::string spec;
  int target;
};

void list_items(const Given& given, std::vector<Item>& list) {
  // The last of -f and -e wins as a whole, as it always did; -a adds.
  if (given.key != 'a') list.clear();
  for (const std::string_view item : split(given.value, ','))
    if (!item.empty())
      list.push_back({&given, std::string(item), static_cast<int>(list.size()) + 3});
}

Result<Item> map_item(const Given& given) {
  const std::size_t colon = given.value.rfind(':');
  if (colon == std::string::npos || colon == 0) return usage_error(given, "not of the form SPEC:N");
  const Result<int> target = parse_number<int>(std::string_view(given.value).substr(colon + 1));
  if (!target.ok() || *target < 0) return usage_error(given, "N is not a descriptor's number");
  return Item{&given, given.value.substr(0, colon), *target};
}

Result<std::vector<Item>> items_of(const Parsed& parsed, Request& request) {
  std::vector<Item> list;
  std::vector<Item> mapped;
  for (const Given& given : parsed.options) {
    if (given.key == 's' || given.key == 'n') request.listen = true;
    if (given.key == 'n') request.names = given.value;
    if (given.key == kKeep) request.others = OtherFds::Keep;
    if (given.key == kCloexec) request.others = OtherFds::CloseOnExec;
    if (given.key == 'f' || given.key == 'e' || given.key == 'a') list_items(given, list);
    if (given.key != 'm') continue;
    Item item = TRY(map_item(given));
    mapped.push_back(std::move(item));
  }
  request.listed = list.size();
  for (const Item& item : mapped) {
    const auto same = [&](const Item& other) { return other.target == item.target; };
    if (std::ranges::any_of(list, same)) return usage_error(*item.given, "that target is taken");
    list.push_back(item);
  }
  return list;
}

Result<Request> read_request(const Parsed& parsed) {
  Request request;
  const std::vector<Item> items = TRY(items_of(parsed, request));
  for (const Item& item : items) {
    FdArgument fd = TRY(take_item(*item.given, item.spec));
    request.fds.push_back(std::move(fd));
    request.targets.push_back(item.target);
  }
  return request;
}

Result<Ending> set_fds(const Parsed& parsed) {
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "a program is missing");
  Request request = TRY(read_request(parsed));
  std::vector<FdMove> moves;
  for (std::size_t i = 0; i < request.fds.size(); ++i)
    moves.push_back({request.fds[i].fd(), request.targets[i]});
  if (request.listen) announce_fds(request.listed, request.names);
  const Result<void> arranged = arrange_fds(moves, request.others);
  for (FdArgument& fd : request.fds) fd.forget();
  TRY(arranged);
  return becomes(parsed.words);
}

}  // namespace

const Manual kSetFdsManual = {
    .name = "set_fds",
    .synopsis = "[OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Puts chosen descriptors at 3, 4, 5..., closes all others above 2 and executes "
        "PROGRAM.\nOf several -f and -e the last one counts.",
    .options = kOptions,
    .exit_codes =
        "1    usage, or a bad list\n126  PROGRAM is not executable\n127  PROGRAM is not "
        "found; a descriptor is not open\nelse PROGRAM's",
    .examples =
        "ctrtool set_fds -f 9,8 -- sh -c 'cat <&3'\n"
        "ctrtool set_fds -s -e :LISTENER -n http -- server",
    .order = Order::Stop,
    .failure_status = kExitNotFound,
};

int run_set_fds(const Words& argv) { return run_applet(kSetFdsManual, argv, set_fds); }

}  // namespace ctr
