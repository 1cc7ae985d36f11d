// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/make_ns_words.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "ctrtool/cmd/ns_words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

enum Long : int { kSemaphores = kLongOnly };

constexpr const char* kAnyItem = "UmniuCT";
constexpr OptionRow kOptions[] = {
    {'U', "user", "", "item: user namespace, made first; one at most"},
    {'m', "mount", "", "item: mount namespace"},
    {'n', "net", "", "item: network namespace"},
    {'i', "ipc", "", "item: ipc namespace"},
    {'u', "uts", "", "item: uts namespace"},
    {'C', "cgroup", "", "item: cgroup namespace"},
    {'T', "time", "", "item: time namespace"},
    {'p', "pid", "", "refused: see pidns_run"},
    {'x', "hook", "TEXT", "then run /bin/sh -c TEXT outside", "", kAnyItem},
    {'X', "hook-exec", "FILE", "the same, a program", "", kAnyItem},
    {'y', "inner-hook", "TEXT", "then run /bin/sh -c TEXT inside all that is made so far", "",
     kAnyItem},
    {'Y', "inner-hook-exec", "FILE", "the same, a program, opened before anything is made", "",
     kAnyItem},
    {'b', "bind", "PATH", "bind the namespace on PATH, which is made if it is missing", "",
     kAnyItem},
    {'e', "env", "VAR", "its descriptor's number under this name too", "", kAnyItem},
    {'F', "fd", "N[!]", "its descriptor becomes N; N!: even if N is open", "", kAnyItem},
    {'Q', "no-export", "", "do not pass it on: the number is -1", "", kAnyItem},
    {'M', "uid-map", "MAP", "U: INNER.OUTER.COUNT[:INNER.OUTER.COUNT...]", "0.EUID.1", "U"},
    {'G', "gid-map", "MAP", "U: the same for groups", "0.EGID.1", "U"},
    {'P', "projid-map", "MAP", "U: the same for project IDs", "none", "U"},
    {'S', "setgroups", "allow|deny", "U: setgroups(2) inside",
     "deny for ordinary users and the default map", "U"},
    {'O', "owner-uid", "UID", "U: whom it belongs to", "the caller", "U"},
    {'E', "enter", "SPEC", "U: join this one instead of making one", "", "U"},
    {'R', "propagation", "WORD", "m: of /: private, slave, shared, unbindable, unchanged", "slave",
     "m"},
    {'l', "loopback", "", "n: bring lo up", "", "n"},
    {'s', "sysctl", "KEY=VALUE", "n: a sysctl of net; may be repeated", "", "n"},
    {'t', "offset", "CLOCK=SEC[.FRACTION]", "T: of monotonic or boottime; may be negative", "",
     "T"},
    {'k', "shm", "KEY,SIZE[,MODE]", "i: make shared memory; may be repeated", "0600", "i"},
    {'q', "msgq", "KEY[,MODE]", "i: make a message queue; may be repeated", "0600", "i"},
    {kSemaphores, "sem", "KEY,N[,MODE]", "i: make N semaphores; may be repeated", "0600", "i"},
    {'H', "hostname", "NAME", "u: host name", "", "u"},
    {'D', "domainname", "NAME", "u: domain name", "", "u"},
    {'g', "cgroup-dir", "DIR", "C: be in this cgroup, which becomes the root; may be repeated", "",
     "C"},
    {'o', "env-offset", "N", "the number of the first item's variable", "0"},
    {'z', "pre-hook", "TEXT", "run outside before any namespace exists"},
    {'Z', "final-hook", "TEXT", "run outside when all are ready"},
    {'w', "final-inner-hook", "TEXT", "run inside, last"},
    {'I', "interpreter", "PROGRAM", "instead of /bin/sh, also called with -c", "/bin/sh"},
    {'N', "no-exec", "", "make, run hooks, bind, and exit"},
    {'K', "keep-id", "", "the helper does not become root inside"},
    {'d', "hook-timeout", "SECONDS", "a hook that runs longer is killed, a failure", "none"},
    {'v', "verbose", "", "tell each step on stderr"},
};

std::string_view scope_of(const Given& given) {
  const auto* const row = std::ranges::find(kOptions, given.key, &OptionRow::key);
  return row == std::end(kOptions) ? "" : std::string_view(row->scope);
}

// --- words → items -------------------------------------------------------------------------------

Result<UniqueFd> open_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return sys::open(name, O_RDONLY | O_NOCTTY);
  const char* path = std::getenv("PATH");
  for (const std::string_view dir : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    Result<UniqueFd> file = sys::open(std::string(dir) + "/" + name, O_RDONLY | O_NOCTTY);
    if (file.ok()) return file;
  }
  return sys_error(ENOENT, "open %s", quote(name).c_str());
}

Result<MakeNsHook> hook_of(const Given& given) {
  const bool inner = given.key == 'y' || given.key == 'Y' || given.key == 'w';
  MakeNsHook hook{.side = inner ? MakeNsHook::Side::Inner : MakeNsHook::Side::Outer,
                  .shell = given.key != 'X' && given.key != 'Y',
                  .text = given.value,
                  .option = given.word};
  if (given.key == 'Y') hook.file = TRY_CTX(open_program(given.value), "%s", given.word.c_str());
  return hook;
}

Result<void> take_common(const Given& given, MakeNsItem& item) {
  switch (given.key) {
    case 'b':
      item.pins.push_back(given.value);
      return {};
    case 'e':
      if (given.value.empty() || given.value.find('=') != std::string::npos)
        return usage_error(given, "not the name of a variable");
      item.exported.variable = given.value;
      return {};
    case 'F':
      item.exported.fixed = TRY_CTX(parse_fixed_fd(given.value), "%s", given.word.c_str());
      return {};
    case 'Q':
      item.withheld = true;
      return {};
    default:
      break;
  }
  MakeNsHook hook = TRY(hook_of(given));
  item.hooks.push_back(std::move(hook));
  return {};
}

Result<IdMap> map_of(const Given& given) {
  return TRY_CTX(IdMap::parse_words(given.value), "%s", given.word.c_str());
}

Result<void> take_user(const Given& given, MakeNsItem& item) {
  switch (given.key) {
    case 'M':
      item.uids = TRY(map_of(given));
      return {};
    case 'G':
      item.gids = TRY(map_of(given));
      return {};
    case 'P':
      item.projids = TRY(map_of(given));
      return {};
    case 'S':
      if (given.value != "allow" && given.value != "deny")
        return usage_error(given, "neither allow nor deny");
      item.deny_setgroups = given.value == "deny";
      return {};
    case 'O':
      item.owner = TRY_CTX(parse_id(given.value, 0), "%s", given.word.c_str());
      return {};
    default: {
      FdArgument fd = TRY_CTX(take_fd(given.value), "%s", given.word.c_str());
      item.enter.emplace(std::move(fd));
      return {};
    }
  }
}

Result<std::int32_t> key_of(const Given& given, std::string_view text) {
  const auto key = TRY_CTX(parse_number<std::uint32_t>(text, 0), "%s", given.word.c_str());
  if (key == 0) return usage_error(given, "key 0 is private: nobody could find it");
  return static_cast<std::int32_t>(key);
}

Result<mode_t> mode_of(const Given& given, const std::vector<std::string_view>& fields,
                       std::size_t at) {
  constexpr int kOctal = 8;
  constexpr mode_t kDefault = 0600;
  constexpr mode_t kMost = 0777;
  if (fields.size() <= at) return kDefault;
  const auto mode = TRY_CTX(parse_number<mode_t>(fields[at], kOctal), "%s", given.word.c_str());
  if (mode > kMost) return usage_error(given, "not a mode");
  return mode;
}

Result<void> take_ipc(const Given& given, MakeNsItem& item) {
  const std::vector<std::string_view> fields = split(given.value, ',');
  const std::size_t least = given.key == 'q' ? 1 : 2;
  if (fields.size() < least || fields.size() > least + 1)
    return usage_error(
        given, least == 1 ? "not of the form KEY[,MODE]" : "not of the form KEY,NUMBER[,MODE]");
  const std::int32_t key = TRY(key_of(given, fields[0]));
  const mode_t mode = TRY(mode_of(given, fields, least));
  MakeNsIpc object{MakeNsIpc::What::MessageQueue, key, 0, mode};
  if (given.key != 'q') {
    object.what = given.key == 'k' ? MakeNsIpc::What::SharedMemory : MakeNsIpc::What::Semaphores;
    object.number = TRY_CTX(parse_number<std::uint64_t>(fields[1], 0), "%s", given.word.c_str());
    constexpr std::uint64_t kMostSemaphores = 32000;  // SEMMSL
    const bool many = given.key == kSemaphores && object.number > kMostSemaphores;
    if (object.number == 0 || many) return usage_error(given, "out of range");
  }
  item.objects.push_back(object);
  return {};
}

Result<void> take_sysctl(const Given& given, MakeNsItem& item) {
  const std::size_t equals = given.value.find('=');
  if (equals == std::string::npos) return usage_error(given, "not of the form KEY=VALUE");
  const std::string path = sysctl_path(given.value.substr(0, equals));
  if (!path.starts_with("net/")) return usage_error(given, "not a sysctl of net");
  item.settings.emplace_back(WriteSysctl{path, given.value.substr(equals + 1)});
  return {};
}

Result<void> take_special(const Given& given, MakeNsItem& item) {
  switch (given.key) {
    case 'R':
      item.propagation = TRY_CTX(parse_propagation(given.value), "%s", given.word.c_str());
      return {};
    case 'l':
      item.settings.emplace_back(BringUpLoopback{});
      return {};
    case 's':
      return take_sysctl(given, item);
    case 't':
      item.offsets += TRY_CTX(parse_time_offset(given.value), "%s", given.word.c_str());
      return {};
    case 'H':
      item.settings.emplace_back(SetHostname{given.value});
      return {};
    case 'D':
      item.settings.emplace_back(SetDomainname{given.value});
      return {};
    case 'g':
      item.cgroups.push_back(given.value);
      return {};
    default:
      return item.kind->letter == 'U' ? take_user(given, item) : take_ipc(given, item);
  }
}

Result<void> take_global(const Given& given, MakeNsRequest& request) {
  switch (given.key) {
    case 'o':
      request.offset = TRY(number_of<unsigned>(given));
      return {};
    case 'z': {
      MakeNsHook hook = TRY(hook_of(given));
      request.before.push_back(std::move(hook));
      return {};
    }
    case 'Z':
    case 'w': {
      MakeNsHook hook = TRY(hook_of(given));
      request.after.push_back(std::move(hook));
      return {};
    }
    case 'I':
      request.interpreter = given.value;
      return {};
    case 'd': {
      const int seconds = TRY(number_of<int>(given));
      if (seconds <= 0) return usage_error(given, "not a number of seconds");
      request.hook_timeout_s = seconds;
      return {};
    }
    default:
      break;
  }
  request.no_exec |= given.key == 'N';
  request.keep_id |= given.key == 'K';
  request.verbose |= given.key == 'v';
  return {};
}

Result<void> begin_item(const Given& given, const NsKind& kind, MakeNsRequest& request) {
  if (kind.flag == CLONE_NEWPID)
    return make_error(Kind::InvalidSpec, "%s: a pid namespace needs a process in it: use pidns_run",
                      given.word.c_str());
  const auto is_user = [](const MakeNsItem& item) { return item.kind->flag == CLONE_NEWUSER; };
  if (kind.flag == CLONE_NEWUSER && std::ranges::any_of(request.items, is_user))
    return make_error(Kind::InvalidSpec, "%s: there is one already", given.word.c_str());
  MakeNsItem item{.kind = &kind, .index = request.items.size()};
  if (kind.flag == CLONE_NEWNS) item.propagation = MS_SLAVE | MS_REC;
  request.items.push_back(std::move(item));
  return {};
}

Result<void> take(const Given& given, MakeNsRequest& request) {
  const NsKind* kind = given.key < kLongOnly ? find_ns_kind(static_cast<char>(given.key)) : nullptr;
  if (kind != nullptr) return begin_item(given, *kind, request);
  if (scope_of(given).empty()) return take_global(given, request);
  if (request.items.empty())
    return make_error(Kind::InvalidSpec, "%s before any item", given.word.c_str());
  MakeNsItem& item = request.items.back();
  if (!goes_with(kOptions, given.key, item.kind->letter))
    return make_error(Kind::InvalidSpec, "%s does not go with item -%c", given.word.c_str(),
                      item.kind->letter);
  return scope_of(given) == kAnyItem ? take_common(given, item) : take_special(given, item);
}

Result<void> check(const MakeNsRequest& request) {
  if (request.items.empty()) return make_error(Kind::InvalidSpec, "no namespace is asked for");
  if (request.program.empty() && !request.no_exec)
    return make_error(Kind::InvalidSpec, "a program is missing (or -N)");
  for (const MakeNsItem& item : request.items) {
    const bool maps = item.uids.has_value() || item.gids.has_value() || !item.projids.empty() ||
                      item.deny_setgroups.has_value() || item.owner.has_value();
    if (item.enter.has_value() && maps)
      return make_error(Kind::InvalidSpec, "a namespace that is entered (-E) has its maps");
  }
  return {};
}

// --- the plan ------------------------------------------------------------------------------------

// One line, of our own ID: what the kernel lets anybody write.
bool is_own_id(const std::optional<IdMap>& map, std::uint32_t id) {
  if (!map.has_value()) return true;
  const std::vector<IdRange>& ranges = map->ranges();
  return ranges.size() == 1 && ranges[0].outside == id && ranges[0].count == 1;
}

IdMap own_map(std::uint32_t id) {
  const Result<IdMap> map = IdMap::make({{0, id, 1}});
  CTR_ASSERT(map.ok());
  return *map;
}

std::uint32_t root_of(const IdMap& map) {
  return map.to_outside(0).has_value() ? 0 : map.ranges().front().inside;
}

class Planner {
 public:
  Planner(const MakeNsRequest& request, const MakeNsCaller& caller) : r_(request), caller_(caller) {
    out_.plan.id = "make_ns";
    out_.plan.inherit_fds = true;
    out_.plan.program.argv = {":"};
  }

  MakeNsPlan make() {
    add(Actor::Parent, Clone{.namespaces = 0}, "");
    both({.what = What::Begin});
    child(ChangeDirectory{"/"}, "");
    for (const MakeNsHook& hook : r_.before) run_hook(hook, nullptr);
    for (const MakeNsItem* item : r_.in_order()) add_item(*item);
    for (const MakeNsHook::Side side : {MakeNsHook::Side::Outer, MakeNsHook::Side::Inner})
      for (const MakeNsHook& hook : r_.after)
        if (hook.side == side) run_hook(hook, nullptr);
    add(Actor::Both, Meet{Point::Ready}, "");
    child(WaitForStart{}, "");
    child(Execute{}, "");
    return std::move(out_);
  }

 private:
  using What = MakeNsCallout::What;

  void add(Actor actor, Op op, const std::string& source) {
    out_.plan.add(Phase::Namespaces, actor, std::move(op), source);
  }
  void child(Op op, const std::string& source) { add(Actor::Child, std::move(op), source); }

  void call_out(Actor actor, MakeNsCallout callout) {
    add(actor, RunScript{.text = std::to_string(out_.callouts.size())}, callout.source);
    out_.callouts.push_back(std::move(callout));
  }
  void both(MakeNsCallout callout) { call_out(Actor::Both, std::move(callout)); }
  void inside(MakeNsCallout callout) { call_out(Actor::Child, std::move(callout)); }

  // The helper waits while an outer one runs.
  void run_hook(const MakeNsHook& hook, const MakeNsItem* item) {
    const std::string source = item == nullptr ? hook.option : item->shown() + ": " + hook.option;
    const Actor actor = hook.side == MakeNsHook::Side::Outer ? Actor::Both : Actor::Child;
    call_out(actor, {.what = What::Hook, .item = item, .hook = &hook, .source = source});
  }

  void map_ids(const MakeNsItem& item, const std::string& source) {
    const bool own = is_own_id(item.uids, caller_.uid) && is_own_id(item.gids, caller_.gid);
    MapIds map{.uids = item.uids.value_or(own_map(caller_.uid)),
               .gids = item.gids.value_or(own_map(caller_.gid)),
               .projects = item.projids};
    map.use_helpers = !caller_.privileged && !own;
    const bool denied = !item.gids.has_value() || (!caller_.privileged && !map.use_helpers);
    map.deny_setgroups = item.deny_setgroups.value_or(denied);
    add(Actor::Both, Meet{Point::UserMade}, source);
    add(Actor::Parent, map, source);
    add(Actor::Both, Meet{Point::IdsMapped}, source);
    if (r_.keep_id) return;
    child(BecomeRoot{.uid = root_of(map.uids),
                     .gid = root_of(map.gids),
                     .clear_groups = !map.deny_setgroups},
          source);
  }

  void make_user(const MakeNsItem& item, const std::string& source) {
    if (!item.enter.has_value()) {
      if (item.owner.has_value()) child(BecomeOwner{*item.owner}, source);
      child(Unshare{CLONE_NEWUSER}, source);
      map_ids(item, source);
      return;
    }
    child(Join{JoinRequest{.from = JoinRequest::From::Descriptor,
                           .types = CLONE_NEWUSER,
                           .fd = item.enter->fd().raw(),
                           .text = "--enter"}},
          source);
    if (!r_.keep_id) child(BecomeRoot{}, source);
  }

  void add_item(const MakeNsItem& item) {
    const std::string source = item.shown();
    if (!item.cgroups.empty()) both({.what = What::EnterCgroups, .item = &item, .source = source});
    if (item.kind->flag == CLONE_NEWUSER)
      make_user(item, source);
    else
      child(Unshare{item.kind->flag}, source);
    if (!item.offsets.empty()) child(SetTimeOffsets{item.offsets}, source);
    both({.what = What::Offer, .item = &item, .source = source});
    if (item.propagation != 0) child(SetPropagation{"/", item.propagation}, source);
    for (const Op& setting : item.settings) child(setting, source);
    if (!item.objects.empty()) inside({.what = What::MakeObjects, .item = &item, .source = source});
    for (const MakeNsHook::Side side : {MakeNsHook::Side::Outer, MakeNsHook::Side::Inner})
      for (const MakeNsHook& hook : item.hooks)
        if (hook.side == side) run_hook(hook, &item);
    for (const std::string& path : item.pins)
      both({.what = What::Pin, .item = &item, .path = path, .source = source + ": --bind"});
  }

  const MakeNsRequest& r_;
  MakeNsCaller caller_;
  MakeNsPlan out_;
};

}  // namespace

std::string MakeNsItem::shown() const { return strf("item %zu (-%c)", index, kind->letter); }

std::vector<const MakeNsItem*> MakeNsRequest::in_order() const {
  std::vector<const MakeNsItem*> order;
  for (const MakeNsItem& item : items) order.push_back(&item);
  // Not of std::ranges: its answer is a view, and those clang 14 cannot compile with this library.
  std::stable_partition(order.begin(), order.end(),
                        [](const MakeNsItem* item) { return item->kind->flag == CLONE_NEWUSER; });
  return order;
}

Result<MakeNsRequest> read_make_ns_words(const Parsed& parsed) {
  MakeNsRequest request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  request.program = parsed.words;
  TRY(check(request));
  return request;
}

MakeNsPlan plan_make_ns(const MakeNsRequest& request, const MakeNsCaller& caller) {
  return Planner(request, caller).make();
}

const Manual kMakeNsManual = {
    .name = "make_ns",
    .synopsis = "[OPTION...] {KIND [ITEM OPTION...]}... [--] PROGRAM [ARG...]",
    .purpose =
        "Makes namespaces of all kinds but pid, has hooks configure them, and passes them to\n"
        "PROGRAM, which stays outside, as open descriptors: CTRTOOL_MAKE_NS_FD_0 and so on, in\n"
        "the order of the items, CTRTOOL_MAKE_NS_<USER|MNT|NET|IPC|UTS|CGROUP|TIME>_FD for the\n"
        "last of each kind, CTRTOOL_MAKE_NS_COUNT.\n"
        "\n"
        "Options of an item follow its KIND; a letter before the colon says of which kind.\n"
        "Hooks are called with $1 the pid of the helper that holds the namespaces, $2 a\n"
        "descriptor of its /proc directory, $3 one of the namespace just made (-1 for -z, -Z\n"
        "and -w), $4 the letter and $5 the number of the item. They know the variables so far,\n"
        "and their failure is ours. SPEC is N, /VAR, :VAR or =PATH. Without -U or -E\n"
        "CAP_SYS_ADMIN is needed.",
    .options = kOptions,
    .exit_codes =
        "0    with -N: done\n1    usage\n125  something failed; what was bound is undone\n"
        "126  PROGRAM is not executable\n127  PROGRAM is not found\nelse PROGRAM's",
    .examples =
        "ctrtool make_ns -U -n sh -c 'readlink /proc/self/fd/$CTRTOOL_MAKE_NS_NET_FD'\n"
        "ctrtool make_ns -u -H box -m -y hostname true\n"
        "ctrtool make_ns -U -O 1000 -M 0.1000.1 -G 0.1000.1 -b /run/userns/a -Q -n -b "
        "/run/netns/a -Q -N",
    .order = Order::Stop,
};

}  // namespace ctr
