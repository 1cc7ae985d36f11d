// SPDX-License-Identifier: Apache-2.0
// ns_tree: every namespace that can be reached from processes, descriptors and bind mounts, and
// from there by the kernel's own links to owners and parents: those without a process, too.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"
#include "ctrtool/core/kit/pidfd.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/mnt_ns.h"
#include "ctrtool/core/sys/ns.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

constexpr OptionRow kOptions[] = {
    {'t', "type", "LETTERS", "only these kinds, beside user namespaces: C, i, m, n, p, T, U, u",
     "all"},
    {'p', "pid", "", "the tree of PID namespaces, not of user namespaces"},
    {'a', "ancestors", "", "only the ancestors of START, the nearest first"},
    {'P', "processes", "", "list all processes, not the first one and their number"},
    {'k', "kept-by", "", "say what keeps a namespace without processes"},
    {'j', "json", "", "print one JSON object"},
    {'q', "quiet", "", "no warnings of what may not be read"},
};

struct Request {
  std::optional<std::string> letters{};
  bool by_pid = false;
  bool ancestors = false;
  bool processes = false;
  bool kept_by = false;
  bool json = false;
  bool quiet = false;
  bool counted = true;  // all processes were looked at
};

// Two namespaces are the same only if both numbers are.
using Id = std::pair<dev_t, ino_t>;

struct Node {
  const NsKind* kind = &kUnknownNsKind;
  std::optional<uid_t> owner_uid{};  // of user namespaces
  std::optional<Id> owner{};         // the owning user namespace; for a user namespace its parent
  std::optional<Id> parent{};
  std::set<pid_t> processes{};
  std::set<std::string> kept_by{};
};

// What may not be seen is a border, not an error.
template <typename T>
Result<std::optional<T>> if_visible(Result<T> result) {
  if (result.ok()) return std::optional<T>(std::move(result).value());
  if (result.error().code == EPERM || result.error().code == EINVAL) return std::optional<T>();
  return std::move(result).error();
}

bool may_not_be_read(const Error& error) {
  constexpr int kGone[] = {ENOENT, ESRCH, EACCES, EPERM, ELOOP, ENXIO, ENOTDIR, EINVAL};
  return std::ranges::find(kGone, error.code) != std::end(kGone);
}

class Map {
 public:
  // The namespace itself, its owners and its ancestors.
  Result<Id> learn(BorrowedFd ns) {
    const struct stat found = TRY(sys::fstat(ns));
    const Id id{found.st_dev, found.st_ino};
    if (nodes_.contains(id)) return id;
    const int type = TRY(sys::namespace_type(ns));
    Node node{.kind = &ns_kind_of(type)};
    nodes_.emplace(id, node);
    if (type == CLONE_NEWUSER) node.owner_uid = TRY(if_visible(sys::namespace_owner_uid(ns)));
    node.owner = TRY(climb(sys::owning_userns(ns)));
    if (type == CLONE_NEWUSER || type == CLONE_NEWPID)
      node.parent = TRY(climb(sys::parent_namespace(ns)));
    nodes_[id] = std::move(node);
    return id;
  }

  Result<void> learn_process(pid_t pid) {
    for (const NsKind& kind : kNsKinds) {
      const UniqueFd ns = TRY(sys::open(strf("/proc/%d/ns/%s", pid, kind.file), O_RDONLY));
      const Id id = TRY(learn(ns));
      nodes_[id].processes.insert(pid);
    }
    return {};
  }

  // Its open namespaces, of which it need not be a member.
  Result<void> learn_descriptors(pid_t pid) {
    const std::string path = strf("/proc/%d/fd", pid);
    const UniqueFd dir = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
    const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(dir));
    for (const sys::DirEntry& entry : entries) {
      const Result<std::string> target = sys::readlinkat(dir, entry.name);
      if (!target.ok() || target->find(":[") == std::string::npos || target->starts_with('/'))
        continue;
      TRY(learn_path(path + "/" + entry.name,
                     strf("fd %s of process %d", entry.name.c_str(), pid)));
    }
    return {};
  }

  // "ID PARENT DEV ROOT POINT OPTIONS - TYPE ...": bind mounts of namespace files.
  Result<void> learn_mounts(pid_t pid) {
    const std::string text = TRY(sys::read_file_at(kCwd, strf("/proc/%d/mountinfo", pid)));
    for (const std::string_view line : split(text, '\n')) {
      if (line.find(" - nsfs ") == std::string_view::npos) continue;
      const std::vector<std::string_view> fields = split(line, ' ');
      if (fields.size() < 5) continue;
      const std::string point(fields[4]);
      TRY(learn_path(strf("/proc/%d/root", pid) + point, "mount " + point));
    }
    return {};
  }

  // What unshare(2) has made for children that are not born yet.
  Result<void> learn_for_children(pid_t pid) {
    for (const char* file : {"pid_for_children", "time_for_children"}) {
      const Result<UniqueFd> ns = sys::open(strf("/proc/%d/ns/%s", pid, file), O_RDONLY);
      if (!ns.ok()) continue;  // the kernel has it only once it has a process
      const Id id = TRY(learn(*ns));
      nodes_[id].kept_by.insert(strf("children to come of process %d", pid));
    }
    return {};
  }

  // Threads may be in other namespaces than their process.
  Result<void> learn_threads(pid_t pid) {
    const UniqueFd dir = TRY(sys::open(strf("/proc/%d/task", pid), O_RDONLY | O_DIRECTORY));
    const std::vector<sys::DirEntry> threads = TRY(sys::list_dir(dir));
    for (const sys::DirEntry& thread : threads) {
      if (thread.name == std::to_string(pid)) continue;
      for (const NsKind& kind : kNsKinds) {
        const UniqueFd ns =
            TRY(sys::openat(dir, strf("%s/ns/%s", thread.name.c_str(), kind.file), O_RDONLY));
        const Id id = TRY(learn(ns));
        nodes_[id].kept_by.insert(strf("thread %s of process %d", thread.name.c_str(), pid));
      }
    }
    return {};
  }

  // A socket keeps the network namespace that it was made in.
  Result<void> learn_sockets(pid_t pid) {
    const UniqueFd dir = TRY(sys::open(strf("/proc/%d/fd", pid), O_RDONLY | O_DIRECTORY));
    const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(dir));
    UniqueFd process;
    for (const sys::DirEntry& entry : entries) {
      const Result<std::string> target = sys::readlinkat(dir, entry.name);
      if (!target.ok() || !target->starts_with("socket:[")) continue;
      const int number = TRY(parse_number<int>(entry.name));
      if (!process.valid()) process = TRY(sys::pidfd_open(pid));
      const Result<UniqueFd> socket = sys::pidfd_getfd(process, number);
      if (!socket.ok()) continue;
      const Result<UniqueFd> ns = sys::socket_netns(*socket);
      if (!ns.ok()) continue;
      const Id id = TRY(learn(*ns));
      nodes_[id].kept_by.insert(strf("socket %d of process %d", number, pid));
    }
    return {};
  }

  // All that the kernel has, of those whose owner is ours to administer.
  Result<void> learn_mount_namespaces() {
    for (const sys::Neighbour way : {sys::Neighbour::Next, sys::Neighbour::Previous}) {
      UniqueFd at = TRY(sys::open("/proc/self/ns/mnt", O_RDONLY));
      while (true) {
        Result<UniqueFd> next = sys::neighbour_mount_namespace(at, way);
        if (!next.ok()) break;
        at = std::move(*next);
        TRY(learn(at));
      }
    }
    return {};
  }

  const std::map<Id, Node>& nodes() const { return nodes_; }

  void note_children() {
    for (const auto& [id, node] : nodes_) {
      if (node.parent.has_value() && nodes_.contains(*node.parent))
        nodes_[*node.parent].kept_by.insert("child namespace");
      else if (node.owner.has_value() && nodes_.contains(*node.owner))
        nodes_[*node.owner].kept_by.insert("owned namespace");
    }
  }

 private:
  Result<std::optional<Id>> climb(Result<UniqueFd> next) {
    const std::optional<UniqueFd> fd = TRY(if_visible(std::move(next)));
    if (!fd.has_value()) return std::optional<Id>();
    const Id id = TRY(learn(*fd));
    return std::optional<Id>(id);
  }

  // What is there now need not be what the list said: only a namespace counts.
  Result<void> learn_path(const std::string& path, const std::string& keeper) {
    const Result<UniqueFd> file = sys::open(path, O_PATH);
    if (!file.ok()) return {};
    const struct statfs fs = TRY(sys::fstatfs(*file));
    if (fs.f_type != NSFS_MAGIC) return {};
    const UniqueFd ns = TRY(sys::open(sys::proc_path(*file), O_RDONLY));
    const Result<Id> id = learn(ns);
    if (id.ok()) nodes_[*id].kept_by.insert(keeper);  // else a file that is no namespace: a pidfd
    return {};
  }

  std::map<Id, Node> nodes_;
};

std::string command_of(pid_t pid) {
  const Result<std::string> name = sys::read_file_at(kCwd, strf("/proc/%d/comm", pid));
  return name.ok() ? escape(trim(*name)) : "?";
}

class Printer {
 public:
  Printer(const Request& request, const std::map<Id, Node>& nodes)
      : request_(request), nodes_(nodes), order_(sorted()) {}

  std::string tree() const {
    std::string out;
    for (const Id& id : order_)
      if (is_root(nodes_.at(id))) add(out, id, 0);
    return out;
  }

  // From `id` upwards.
  std::string ancestors(Id id) const {
    std::string out;
    std::size_t depth = 0;
    while (true) {
      const Node& node = nodes_.at(id);
      out += line(id, node, depth++);
      const std::optional<Id> next = up(node);
      if (!next.has_value() || !nodes_.contains(*next)) break;
      id = *next;
    }
    return out + std::string(depth * 2, ' ') + "(outside)\n";
  }

  std::string json() const {
    std::string out;
    for (const Id& id : order_) {
      if (!wanted(nodes_.at(id))) continue;
      if (!out.empty()) out += ",";
      out += json_node(id, nodes_.at(id));
    }
    return "{\"namespaces\":[" + out + "]}\n";
  }

 private:
  // The namespace above it in the tree that is printed.
  std::optional<Id> up(const Node& node) const {
    const bool hierarchical = node.parent.has_value();
    if (request_.by_pid) return node.parent;
    if (hierarchical && node.kind->flag == CLONE_NEWUSER) return node.parent;
    return node.owner;
  }

  bool is_skeleton(const Node& node) const {
    return node.kind->flag == (request_.by_pid ? CLONE_NEWPID : CLONE_NEWUSER);
  }

  bool is_root(const Node& node) const {
    if (request_.by_pid && !is_skeleton(node)) return false;
    const std::optional<Id> above = up(node);
    return !above.has_value() || !nodes_.contains(*above);
  }

  bool wanted(const Node& node) const {
    return is_skeleton(node) || !request_.letters.has_value() ||
           request_.letters->find(node.kind->letter) != std::string::npos;
  }

  // By inode; what is owned comes before the children that own things themselves.
  std::vector<Id> sorted() const {
    std::vector<Id> ids;
    for (const auto& [id, node] : nodes_) ids.push_back(id);
    std::ranges::sort(ids, {}, [this](const Id& id) {
      return std::tuple(is_skeleton(nodes_.at(id)), id.second, id.first);
    });
    return ids;
  }

  void add(std::string& out, const Id& id, std::size_t depth) const {
    const Node& node = nodes_.at(id);
    if (wanted(node)) out += line(id, node, depth);
    for (const Id& below : order_) {
      const Node& child = nodes_.at(below);
      if (request_.by_pid && !is_skeleton(child)) continue;
      if (up(child) == id) add(out, below, depth + 1);
    }
  }

  std::string line(const Id& id, const Node& node, std::size_t depth) const {
    std::string text =
        std::string(depth * 2, ' ') +
        strf("%s:[%llu]", node.kind->file, static_cast<unsigned long long>(id.second));
    if (node.owner_uid.has_value()) text += strf(" owner %u", *node.owner_uid);
    if (request_.counted) text += ", " + processes(node);
    if (is_skeleton(node) && !up(node).has_value()) text += ", below (outside)";
    if (request_.counted && request_.kept_by && node.processes.empty()) {
      const std::vector<std::string> keepers(node.kept_by.begin(), node.kept_by.end());
      text += ", kept by " + (keepers.empty() ? "(unknown)" : escape(join(keepers, ", ")));
    }
    return text + "\n";
  }

  std::string processes(const Node& node) const {
    if (node.processes.empty()) return "0 processes";
    const pid_t first = *node.processes.begin();
    if (!request_.processes)
      return strf("%zu processes, first %d (%s)", node.processes.size(), first,
                  command_of(first).c_str());
    std::string text = "processes";
    for (const pid_t pid : node.processes) text += strf(" %d", pid);
    return text;
  }

  static std::string json_id(const std::optional<Id>& id) {
    if (!id.has_value()) return "null";
    return strf("{\"dev\":%llu,\"inode\":%llu}", static_cast<unsigned long long>(id->first),
                static_cast<unsigned long long>(id->second));
  }

  static std::string json_node(const Id& id, const Node& node) {
    std::string text =
        strf("{\"type\":\"%s\",\"inode\":%llu,\"dev\":%llu,\"owner_uid\":", node.kind->file,
             static_cast<unsigned long long>(id.second), static_cast<unsigned long long>(id.first));
    text += node.owner_uid.has_value() ? std::to_string(*node.owner_uid) : "null";
    text += ",\"parent\":" + json_id(node.parent) + ",\"owner\":" + json_id(node.owner);
    std::vector<std::string> items;
    for (const pid_t pid : node.processes) items.push_back(std::to_string(pid));
    text += ",\"processes\":[" + join(items, ",") + "],\"kept_by\":[";
    items.clear();
    for (const std::string& keeper : node.kept_by) items.push_back(json_quote(keeper));
    return text + join(items, ",") + "]}";
  }

  const Request& request_;
  const std::map<Id, Node>& nodes_;
  std::vector<Id> order_;
};

Result<void> take(const Given& given, Request& request) {
  switch (given.key) {
    case 't':
      for (const char letter : given.value)
        if (find_ns_kind(letter) == nullptr) return usage_error(given, "unknown letter");
      request.letters = given.value;
      break;
    case 'p':
      request.by_pid = true;
      break;
    case 'a':
      request.ancestors = true;
      break;
    case 'P':
      request.processes = true;
      break;
    case 'k':
      request.kept_by = true;
      break;
    case 'j':
      request.json = true;
      break;
    case 'q':
      request.quiet = true;
      break;
    default:
      break;
  }
  return {};
}

// A process that has ended meanwhile, or that is not ours to look at, is left out.
void learn_all(const Request& request, Map& map, const std::vector<sys::DirEntry>& proc) {
  std::size_t unseen = 0;
  for (const sys::DirEntry& entry : proc) {
    const Result<pid_t> pid = parse_number<pid_t>(entry.name);
    if (!pid.ok()) continue;
    const Result<void> seen = map.learn_process(*pid);
    if (!seen.ok() && seen.error().code != ENOENT && seen.error().code != ESRCH) ++unseen;
    for (Result<void> (Map::*more)(pid_t) :
         {&Map::learn_descriptors, &Map::learn_mounts, &Map::learn_for_children,
          &Map::learn_threads, &Map::learn_sockets}) {
      const Result<void> learnt = (map.*more)(*pid);
      if (!learnt.ok() && !may_not_be_read(learnt.error()) && !request.quiet)
        complain("ns_tree", learnt.error().message);
    }
  }
  const Result<void> mounts = map.learn_mount_namespaces();
  if (!mounts.ok() && !request.quiet) complain("ns_tree", mounts.error().message);
  if (unseen > 0 && !request.quiet)
    complain("ns_tree", strf("%zu processes may not be looked at", unseen));
}

Error not_a_namespace(const std::string& start) {
  return make_error(Kind::InvalidSpec, "%s is no process and no namespace", quote(start).c_str());
}

// A pid, a path, or a descriptor: a namespace or a pidfd.
Result<Id> learn_start(Map& map, const std::string& start) {
  pid_t pid = 0;
  if (start.find('/') != std::string::npos && !start.starts_with('=') &&
      sys::exists(kCwd, start).ok() && *sys::exists(kCwd, start)) {
    const UniqueFd ns = TRY(sys::open(start, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    const Result<Id> id = map.learn(ns);
    return id.ok() ? id : not_a_namespace(start);
  }
  if (const Result<pid_t> number = parse_number<pid_t>(start); number.ok()) {
    pid = *number;
  } else {
    const FdArgument argument = TRY(take_fd(start));
    const Result<Id> id = map.learn(argument.fd());
    if (id.ok()) return id;
    const Result<pid_t> of_pidfd = pidfd_pid(argument.fd());
    if (!of_pidfd.ok()) return not_a_namespace(start);
    pid = *of_pidfd;
  }
  const Result<void> learnt = map.learn_process(pid);
  if (!learnt.ok()) return not_a_namespace(start);
  const UniqueFd user = TRY(sys::open(strf("/proc/%d/ns/user", pid), O_RDONLY));
  return map.learn(user);
}

Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (request.ancestors && parsed.words.empty())
    return make_error(Kind::InvalidSpec, "--ancestors: START is missing");
  request.counted = parsed.words.empty();
  Map map;
  std::vector<Id> starts;
  for (const std::string& start : parsed.words) {
    const Id id = TRY(learn_start(map, start));
    starts.push_back(id);
  }
  if (parsed.words.empty()) {
    const UniqueFd proc = TRY(sys::open("/proc", O_RDONLY | O_DIRECTORY));
    const std::vector<sys::DirEntry> entries = TRY(sys::list_dir(proc));
    learn_all(request, map, entries);
  }
  map.note_children();
  const Printer printer(request, map.nodes());
  std::string text;
  for (const Id& start : starts)
    if (request.ancestors) text += printer.ancestors(start);
  if (!request.ancestors) text = request.json ? printer.json() : printer.tree();
  TRY(print(text));
  return Ending{};
}

}  // namespace

const Manual kNsTreeManual = {
    .name = "ns_tree",
    .synopsis = "[OPTIONS] [START...]",
    .purpose =
        "Shows which user namespace owns which namespace, which is the child of which, who\n"
        "made it, who is in it and what else keeps it. START is a process ID, a path of a\n"
        "namespace file, or /VAR, :VAR or =PATH: a namespace or pidfd. Without START: all\n"
        "that can be found from /proc.",
    .options = kOptions,
    .exit_codes = "0    done\n1    bad options, or a START that is no namespace\n125  a failure",
    .examples = "ctrtool ns_tree -k\nctrtool ns_tree --ancestors /proc/1234/ns/net",
    .order = Order::Permute,
};

int run_ns_tree(const Words& argv) { return run_applet(kNsTreeManual, argv, run); }

}  // namespace ctr
