// SPDX-License-Identifier: Apache-2.0
// Making, finding, joining, delegating and removing. Limits are in cgroup_apply.cc, processes in
// cgroup_processes.cc.
#include "ctrtool/core/kit/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_dir.h"
#include "ctrtool/core/kit/cgroup_enter.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// Whose a container's own directory is. (Kernfs keeps extended attributes on v1 and v2.)
constexpr const char* kOwnerMark = "user.ocictr.owner";
constexpr int kWhoeverHadIt = 0;  // instead of XATTR_CREATE

// Enabled for every container where the kernel offers them on v2, limits or not: statistics come
// from them.
constexpr std::string_view kUsualControllers[] = {"cpu", "cpuset", "io", "memory", "pids"};

constexpr int kRemoveLimitMs = 5000;
constexpr int kRemoveStepMs = 13;
constexpr int kLockLimitMs = 5000;

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// EROFS: a read-only /sys/fs/cgroup, as in most containers.
Error as_not_permitted(Error error) {
  if (error.code == EACCES || error.code == EPERM || error.code == EROFS)
    error.kind = Kind::Unsupported;
  return error;
}

// --- owners --------------------------------------------------------------------------------------

// Empty: nobody's, as far as one can tell.
std::string owner_of(const std::string& dir) {
  const Result<std::optional<std::string>> mark = sys::getxattr(dir, kOwnerMark);
  return mark.ok() ? mark->value_or("") : std::string();
}

std::string container_of(const std::string& owner) {
  return quote(owner.substr(0, owner.find(' ')));
}

bool is_at_work(const std::string& owner) {
  const std::vector<std::string_view> words = split(owner, ' ');
  if (words.size() != 3) return false;
  const Result<pid_t> pid = parse_number<pid_t>(words[1]);
  const Result<std::uint64_t> start = parse_number<std::uint64_t>(words[2]);
  if (!pid.ok() || !start.ok() || *pid <= 0) return false;
  const Result<std::optional<sys::ProcStat>> stat = sys::proc_stat(*pid);
  return stat.ok() && stat->has_value() && (*stat)->start_time == *start;
}

Error just_made(const std::string& dir) {
  const std::string owner = owner_of(dir);
  return make_error(Kind::Exists, "cgroup %s: %s has just made it", quote(dir).c_str(),
                    owner.empty() ? "somebody else" : container_of(owner).c_str());
}

// Held for some system calls only, unless by a stranger.
Result<UniqueFd> lock_cgroup(const std::string& dir) {
  Backoff backoff(kLockLimitMs, kRemoveStepMs);
  UniqueFd fd = TRY(sys::open(dir, O_RDONLY | O_DIRECTORY));
  while (true) {
    const Result<void> locked = sys::flock(fd, LOCK_EX | LOCK_NB);
    if (locked.ok()) return fd;
    if (locked.error().code != EWOULDBLOCK || !backoff.wait()) return locked.error();
  }
}

// An empty one may be that of a container which has ended.
Result<void> check_nobody_is_at_work(const std::string& dir) {
  const std::string owner = owner_of(dir);
  if (!is_at_work(owner)) return {};
  return make_error(Kind::WrongState, "cgroup %s: container %s is being created in it",
                    quote(dir).c_str(), container_of(owner).c_str());
}

// --- survey --------------------------------------------------------------------------------------

Result<unsigned> existing_components(const std::string& mountpoint,
                                     const std::vector<std::string>& steps) {
  for (std::size_t i = steps.size(); i > 0; --i) {
    const bool there = TRY(sys::exists(kCwd, mountpoint + steps[i - 1]));
    if (there) return static_cast<unsigned>(i);
  }
  return 0U;
}

Result<void> check_not_frozen(const CgroupHierarchy& hierarchy, const std::string& dir) {
  bool frozen = false;
  if (hierarchy.version == CgroupVersion::V2) {
    const std::string events = TRY(read_cgroup_file(dir, "cgroup.events"));
    const std::string asked = TRY(read_cgroup_file(dir, "cgroup.freeze"));
    frozen = value_of_key(events, "frozen") == "1" || asked == "1";
  } else if (has(hierarchy.controllers, "freezer")) {
    const std::string state = TRY(read_cgroup_file(dir, "freezer.state"));
    frozen = state == "FROZEN" || state == "FREEZING";
  }
  if (frozen) return make_error(Kind::WrongState, "cgroup %s is frozen", quote(dir).c_str());
  return {};
}

Result<void> check_empty(const CgroupHierarchy& hierarchy, const std::string& dir) {
  const auto refuse = [&] {
    return make_error(Kind::WrongState, "cgroup %s is not empty", quote(dir).c_str());
  };
  if (hierarchy.version == CgroupVersion::V2) {
    const std::string events = TRY(read_cgroup_file(dir, "cgroup.events"));
    if (value_of_key(events, "populated") == "1") return refuse();
    return {};
  }
  const std::vector<std::string> tree = TRY(cgroup_tree(dir));
  for (const std::string& below : tree) {
    const std::vector<pid_t> pids = TRY(processes_in(below));
    if (!pids.empty()) return refuse();
  }
  return {};
}

// --- making --------------------------------------------------------------------------------------

// The parents of the container's own directory. Other containers may make and remove the same ones
// meanwhile.
Result<void> make_parents(const std::string& mountpoint, const std::vector<std::string>& steps) {
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    const std::string dir = mountpoint + steps[i];
    const Result<void> made = sys::mkdirat(kCwd, dir, 0755);
    if (!made.ok() && made.error().code != EEXIST) return made.error();
    if (made.ok()) mark_made_parent(dir);
  }
  return {};
}

// Without a look before it, but at what the survey has seen.
Result<void> make_directory(const Cgroup::Place& place, const std::vector<std::string>& steps) {
  constexpr int kTries = 10;  // against removers of the same parents
  bool parents_missing = place.existed + 1 < steps.size();
  for (int i = 0;; ++i) {
    if (parents_missing) TRY(make_parents(place.hierarchy.mountpoint, steps));
    Result<void> made = sys::mkdirat(kCwd, place.dir, 0755);
    if (made.ok()) return {};
    if (made.error().code == EEXIST && place.existed == steps.size()) return {};
    if (made.error().code == EEXIST) return just_made(place.dir);
    if (made.error().code != ENOENT || steps.size() == 1 || i == kTries) return made;
    parents_missing = true;
  }
}

// --- v2 controllers ------------------------------------------------------------------------------

std::vector<std::string> usual_controllers(const CgroupHierarchy& unified) {
  std::vector<std::string> wanted;
  for (const std::string_view controller : kUsualControllers)
    if (has(unified.controllers, controller)) wanted.emplace_back(controller);
  return wanted;
}

// --- v1 cpuset -----------------------------------------------------------------------------------

struct CpusetFile {
  std::string mountpoint;
  std::string name;
};

// A hierarchy mounted with "noprefix" has the short names.
Result<std::string> read_cpuset(CpusetFile& file, const std::string& path) {
  Result<std::string> text = sys::read_file_at(kCwd, file.mountpoint + path + "/" + file.name);
  if (!text.ok() && text.error().code == ENOENT && file.name.starts_with("cpuset.")) {
    file.name.erase(0, 7);
    return read_cpuset(file, path);
  }
  if (!text.ok()) return text;
  return std::string(trim(*text));
}

// The value at `depth` components of the path. Where it is empty it is filled from above: nobody
// can enter a cpuset without CPUs and memory.
Result<std::string> filled_cpuset(CpusetFile& file, const std::vector<std::string>& steps,
                                  std::size_t depth) {
  const std::string path = depth == 0 ? "" : steps[depth - 1];
  std::string value = TRY(read_cpuset(file, path));
  if (!value.empty() || depth == 0) return value;
  value = TRY(filled_cpuset(file, steps, depth - 1));
  TRY(sys::write_file_at(kCwd, file.mountpoint + path + "/" + file.name, value));
  return value;
}

// A directory that was just made is known to be empty.
Result<void> fill_cpuset(const Cgroup::Place& place, const std::vector<std::string>& steps) {
  const bool fresh = place.existed < steps.size();
  for (const char* name : {"cpuset.cpus", "cpuset.mems"}) {
    CpusetFile file{place.hierarchy.mountpoint, name};
    const std::string value = TRY(filled_cpuset(file, steps, steps.size() - (fresh ? 1 : 0)));
    if (fresh) TRY(sys::write_file_at(kCwd, place.dir + "/" + file.name, value));
  }
  return {};
}

// --- removing ------------------------------------------------------------------------------------

// Below the container's directory everything is the container's.
void remove_children(const std::string& dir) {
  const Result<std::vector<std::string>> tree = cgroup_tree(dir);
  if (!tree.ok()) return;
  for (std::size_t i = tree->size(); i-- > 1;) static_cast<void>(remove_cgroup((*tree)[i]));
}

// On v2 the kernel tells when the last process is gone; on v1 one can only try again.
bool wait_until_removable(const Cgroup::Place& place, Backoff& backoff) {
  if (place.hierarchy.version == CgroupVersion::V1) return backoff.wait();
  const Result<UniqueFd> events = sys::open(place.dir + "/cgroup.events", O_RDONLY);
  if (!events.ok()) return backoff.wait();
  const Result<std::string> text = sys::read_all(*events);
  if (text.ok() && value_of_key(*text, "populated") == "1" && backoff.remaining_ms() > 0)
    return sys::poll(*events, POLLPRI, backoff.remaining_ms()).ok();
  return backoff.wait();
}

std::string process_words(const std::string& dir) {
  const Result<std::vector<pid_t>> pids = processes_in(dir);
  if (!pids.ok() || pids->empty()) return "";
  std::string words = " (still there: process";
  for (std::size_t i = 0; i < std::min<std::size_t>(pids->size(), 8); ++i)
    words += strf(" %d", (*pids)[i]);
  return words + ")";
}

Result<void> remove_directory(const Cgroup::Place& place, Backoff& backoff) {
  while (true) {
    Result<void> removed = remove_cgroup(place.dir);
    if (removed.ok()) return {};
    const int code = removed.error().code;
    if (code != EBUSY && code != ENOTEMPTY) return removed;
    remove_children(place.dir);
    removed = remove_cgroup(place.dir);
    if (removed.ok()) return {};
    if (!wait_until_removable(place, backoff)) {
      removed.error().message += process_words(place.dir);
      return removed;
    }
  }
}

// Up to those that were there before, but for those that another container has made. The first that
// is in use ends it.
void remove_parents(const Cgroup::Place& place, const std::vector<std::string>& steps) {
  for (std::size_t depth = steps.size() - 1; depth > 0; --depth) {
    const std::string dir = place.hierarchy.mountpoint + steps[depth - 1];
    if (depth <= place.existed) {
      const Result<bool> ours = is_made_parent(dir);
      const bool gone = !ours.ok() && ours.error().code == ENOENT;
      if (!gone && (!ours.ok() || !*ours)) return;
    }
    if (!remove_cgroup(dir).ok()) return;
  }
}

// --- delegation ----------------------------------------------------------------------------------

std::vector<std::string> delegated_files() {
  const Result<std::string> text = sys::read_file_at(kCwd, "/sys/kernel/cgroup/delegate");
  if (!text.ok()) return {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
  std::vector<std::string> files;
  for (const std::string_view line : split(*text, '\n'))
    if (!line.empty() && line.find('/') == std::string_view::npos) files.emplace_back(line);
  return files;
}

Result<void> give_away(const std::string& dir, uid_t uid) {
  constexpr auto kSameGroup = static_cast<gid_t>(-1);
  TRY(sys::fchownat(kCwd, dir, uid, kSameGroup, AT_SYMLINK_NOFOLLOW));
  for (const std::string& file : delegated_files()) {
    const Result<void> owned =
        sys::fchownat(kCwd, dir + "/" + file, uid, kSameGroup, AT_SYMLINK_NOFOLLOW);
    if (!owned.ok() && owned.error().code != ENOENT) return owned.error();
  }
  return {};
}

Result<std::string> pid_text(BorrowedFd pidfd) {
  const std::string info = TRY(sys::read_file_at(kCwd, strf("/proc/self/fdinfo/%d", pidfd.raw())));
  return std::string(value_of_key(info, "Pid:"));
}

// Empty when the process has ended, or sits in no v2 cgroup.
Result<std::string> v2_path_of(BorrowedFd pidfd) {
  const std::string pid = TRY(pid_text(pidfd));
  const std::string text = TRY(read_cgroup_file("/proc/" + pid, "cgroup"));
  const std::vector<CgroupMembership> members = TRY(parse_proc_cgroup(text));
  for (const CgroupMembership& member : members)
    if (member.controllers.empty()) return member.path;
  return std::string();
}

// The memory hierarchy is joined last: what is done before is not charged to the container.
std::vector<const Cgroup::Place*> v1_places_in_joining_order(
    const std::vector<Cgroup::Place>& places) {
  std::vector<const Cgroup::Place*> order;
  for (const Cgroup::Place& place : places)
    if (place.hierarchy.version == CgroupVersion::V1) order.push_back(&place);
  std::stable_partition(order.begin(), order.end(), [](const Cgroup::Place* place) {
    return !has(place->hierarchy.controllers, "memory");
  });
  return order;
}

unsigned existed_in(const CgroupRecord& record, const std::string& hierarchy) {
  for (const std::string& name : {hierarchy, std::string()})
    if (const auto found = record.existed.find(name); found != record.existed.end())
      return found->second;
  return 0;
}

}  // namespace

Result<CgroupRecord> Cgroup::survey(const CgroupLayout& layout, const std::string& path) {
  CgroupRecord record;
  record.path = TRY(normalize_cgroup_path(path));
  const std::vector<std::string> steps = cgroup_steps(record.path);
  for (const CgroupHierarchy& hierarchy : layout.hierarchies) {
    const unsigned depth = TRY(existing_components(hierarchy.mountpoint, steps));
    const unsigned usual = record.existed.try_emplace("", depth).first->second;
    if (depth != usual) record.existed[hierarchy.name] = depth;
    if (depth == 0) continue;
    const std::string deepest = hierarchy.mountpoint + steps[depth - 1];
    if (depth == steps.size()) {
      TRY(check_empty(hierarchy, deepest));
      TRY(check_nobody_is_at_work(deepest));
    }
    TRY(check_not_frozen(hierarchy, deepest));
  }
  return record;
}

Result<Cgroup> Cgroup::prepare(const CgroupLayout& layout, const CgroupRecord& record) {
  Cgroup cgroup;
  if (record.path.empty()) return cgroup;
  const std::string path = TRY(normalize_cgroup_path(record.path));
  cgroup.layout_ = layout;
  cgroup.record_ = {path, record.existed, record.owner, record.inode};
  for (const CgroupHierarchy& hierarchy : layout.hierarchies)
    cgroup.places_.push_back(
        {hierarchy, hierarchy.mountpoint + path, existed_in(record, hierarchy.name)});
  return cgroup;
}

Result<Cgroup> Cgroup::create(const CgroupLayout& layout, const CgroupRecord& record) {
  Cgroup cgroup = TRY(prepare(layout, record));
  for (Place& place : cgroup.places_) {
    if (place.hierarchy.version != CgroupVersion::V2) continue;
    Result<void> made = cgroup.make(place);
    Result<UniqueFd> dir =
        made.ok() ? sys::open(place.dir, O_PATH | O_DIRECTORY) : std::move(made).error();
    if (!dir.ok()) {
      static_cast<void>(cgroup.remove());
      return std::move(dir).error();
    }
    cgroup.v2_dir_ = std::move(*dir);
  }
  return cgroup;
}

// Hierarchies are gone through in one order: whose the first directory is, theirs are all. Where
// there are no marks a cgroup is taken for whose record names it; no reason to fail.
Result<void> Cgroup::mark(const std::string& dir, int flags) {
  if (marked_ || record_.owner.empty()) return {};
  marked_ = true;
  const Result<void> set = sys::setxattr(dir, kOwnerMark, record_.owner, flags);
  if (!set.ok() && set.error().code == EEXIST) return just_made(dir);
  return {};
}

// One that was there has no maker: it is theirs who mark it first. The mark of a creation that was
// killed may still be on it; those who find that one take turns, and look again who is in there.
Result<void> Cgroup::claim(const Place& place) {
  if (marked_ || record_.owner.empty()) return {};
  const UniqueFd lock = TRY(lock_cgroup(place.dir));
  TRY(check_nobody_is_at_work(place.dir));
  TRY(check_empty(place.hierarchy, place.dir));
  return mark(place.dir, owner_of(place.dir).empty() ? XATTR_CREATE : kWhoeverHadIt);
}

void Cgroup::end_claim() const {
  const std::size_t depth = cgroup_steps(record_.path).size();
  if (record_.owner.empty()) return;
  for (const Place& place : places_)
    if (place.existed >= depth && owner_of(place.dir) == record_.owner)
      static_cast<void>(sys::removexattr(place.dir, kOwnerMark));
}

// A directory that somebody else has made meanwhile is theirs to remove; anything else that may be
// there after a failure is ours.
Result<void> Cgroup::make(Place& place) {
  const std::vector<std::string> steps = cgroup_steps(record_.path);
  Result<void> made = make_directory(place, steps);
  if (made.ok()) made = place.existed < steps.size() ? mark(place.dir, XATTR_CREATE) : claim(place);
  place.ours = made.ok() || made.error().kind != Kind::Exists;
  const std::vector<std::string> wanted = place.hierarchy.version == CgroupVersion::V2
                                              ? usual_controllers(place.hierarchy)
                                              : std::vector<std::string>();
  if (made.ok() && !wanted.empty())
    made = enable_controllers(place.hierarchy.mountpoint, record_.path, wanted);
  if (made.ok() && place.hierarchy.version == CgroupVersion::V1 &&
      has(place.hierarchy.controllers, "cpuset"))
    made = fill_cpuset(place, steps);
  if (!made.ok()) return as_not_permitted(std::move(made).error());
  return {};
}

Result<Cgroup> Cgroup::adopt(const CgroupLayout& layout, const CgroupRecord& record,
                             const std::string& unit) {
  Cgroup cgroup = TRY(open(layout, record));
  const auto steps = static_cast<unsigned>(cgroup_steps(unit).size());
  for (Place& place : cgroup.places_) {
    const std::string dir = place.hierarchy.mountpoint + unit;
    const bool there = TRY(sys::exists(kCwd, dir));
    if (there) place.existed = steps;
    if (there) TRY(cgroup.mark(dir, kWhoeverHadIt));
    if (!there && layout.kind == CgroupKind::V2)
      return make_error(Kind::System, "cgroup %s is not there", quote(dir).c_str());
  }
  return cgroup;
}

namespace {

Result<void> move_into(const std::string& dir, pid_t pid) {
  const UniqueFd cgroup = TRY(sys::open(dir, O_PATH | O_DIRECTORY));
  TRY_CTX(enter_cgroup(cgroup, ".", {.pid = pid}), "cgroup %s", quote(dir).c_str());
  return {};
}

}  // namespace

// Controllers only behind the move: a v2 cgroup with processes in it passes none on, or becomes the
// root of a threaded subtree, which takes no other processes.
Result<void> Cgroup::settle(pid_t pid) {
  const std::vector<std::string> steps = cgroup_steps(record_.path);
  for (Place& place : places_) {
    if (place.hierarchy.version != CgroupVersion::V2) continue;
    TRY(make_directory(place, steps));
    v2_dir_ = TRY(sys::open(place.dir, O_PATH | O_DIRECTORY));
    TRY(move_into(place.dir, pid));
    TRY(enable_controllers(place.hierarchy.mountpoint, record_.path,
                           usual_controllers(place.hierarchy)));
  }
  return {};
}

bool cgroup_is_anothers(const CgroupLayout& layout, const std::string& path,
                        const std::string& owner) {
  if (owner.empty()) return false;
  for (const CgroupHierarchy& hierarchy : layout.hierarchies) {
    const std::string found = owner_of(hierarchy.mountpoint + path);
    if (!found.empty()) return found != owner;
  }
  return false;
}

// Where the processes are looked for: v2 if the cgroup is there.
Result<std::map<std::string, std::uint64_t>> Cgroup::inode() const {
  std::map<std::string, std::uint64_t> out;
  const Place* known = find("freezer");
  if (known == nullptr && !places_.empty()) known = &places_.front();
  for (const Place& place : places_)
    if (place.hierarchy.version == CgroupVersion::V2) known = &place;
  if (known == nullptr) return out;
  const struct stat st =
      TRY(v2_dir_.valid() ? sys::fstat(v2_dir_) : sys::fstatat(kCwd, known->dir, 0));
  out[known->hierarchy.name] = st.st_ino;
  return out;
}

Result<bool> cgroup_was_made_anew(const CgroupLayout& layout, const CgroupRecord& record) {
  for (const CgroupHierarchy& hierarchy : layout.hierarchies) {
    const auto known = record.inode.find(hierarchy.name);
    if (known == record.inode.end()) continue;
    const Result<struct stat> st = sys::fstatat(kCwd, hierarchy.mountpoint + record.path, 0);
    if (st.ok() && st->st_ino != known->second) return true;
    if (!st.ok() && !is_gone(st.error())) return st.error();
  }
  return false;
}

std::string cgroup_marked_by(const CgroupLayout& layout, const std::string& path) {
  for (const CgroupHierarchy& hierarchy : layout.hierarchies) {
    const std::string owner = owner_of(hierarchy.mountpoint + path);
    if (!owner.empty()) return owner.substr(0, owner.find(' '));
  }
  return {};
}

// The directory that is made first has it: v2's.
bool cgroup_mark_is_gone(const CgroupLayout& layout, const CgroupRecord& record) {
  if (layout.hierarchies.empty() || record.owner.empty()) return false;
  const CgroupHierarchy* marked = &layout.hierarchies.front();
  for (const CgroupHierarchy& hierarchy : layout.hierarchies)
    if (hierarchy.version == CgroupVersion::V2) marked = &hierarchy;
  if (existed_in(record, marked->name) >= cgroup_steps(record.path).size()) return false;
  const Result<std::optional<std::string>> mark =
      sys::getxattr(marked->mountpoint + record.path, kOwnerMark);
  return mark.ok() && mark->value_or("") != record.owner;
}

Result<Cgroup> Cgroup::open(const CgroupLayout& layout, const CgroupRecord& record) {
  if (cgroup_is_anothers(layout, record.path, record.owner)) return Cgroup();
  Cgroup cgroup = TRY(prepare(layout, record));
  for (Place& place : cgroup.places_) {
    place.ours = true;
    if (place.hierarchy.version != CgroupVersion::V2) continue;
    std::optional<UniqueFd> dir = TRY(sys::openat_if_exists(kCwd, place.dir, O_PATH | O_DIRECTORY));
    if (dir.has_value()) cgroup.v2_dir_ = std::move(*dir);
  }
  return cgroup;
}

Result<void> Cgroup::follow(BorrowedFd member_pidfd) {
  for (const Place& place : places_) {
    if (place.hierarchy.version != CgroupVersion::V2) continue;
    const std::string passed_on = TRY(read_cgroup_file(place.dir, "cgroup.subtree_control"));
    if (passed_on.empty()) return {};
    const std::string path = TRY(v2_path_of(member_pidfd));
    if (path == record_.path || !cgroup_contains(record_.path, path)) return {};
    v2_dir_ = TRY(sys::open(place.hierarchy.mountpoint + path, O_PATH | O_DIRECTORY));
  }
  return {};
}

Result<std::string> cgroup_below(const std::string& path, BorrowedFd pidfd) {
  const std::string there = TRY(v2_path_of(pidfd));
  return cgroup_contains(path, there) ? there.substr(path.size()) : std::string();
}

Result<void> Cgroup::create_v1() {
  for (Place& place : places_)
    if (place.hierarchy.version == CgroupVersion::V1) TRY(make(place));
  return {};
}

Result<void> Cgroup::descend(std::string_view controller, std::string_view below) {
  const Place* const found = find(controller);
  if (found == nullptr || found->hierarchy.version != CgroupVersion::V1)
    return make_error(Kind::Unsupported, "there is no cgroup v1 hierarchy with %s",
                      quote(controller).c_str());
  const std::string path = TRY(normalize_cgroup_path(below));
  places_[static_cast<std::size_t>(found - places_.data())].dir += path;
  return {};
}

Result<std::vector<UniqueFd>> Cgroup::open_tasks() const {
  std::vector<UniqueFd> tasks;
  for (const Place* place : v1_places_in_joining_order(places_)) {
    UniqueFd file = TRY(sys::open(place->dir + "/tasks", O_WRONLY));
    tasks.push_back(std::move(file));
  }
  return tasks;
}

Result<void> Cgroup::attach(pid_t pid) const {
  if (pid <= 0) return make_error(Kind::System, "cgroup: process %d cannot be moved", pid);
  for (const Place& place : places_)
    if (place.hierarchy.version == CgroupVersion::V2) TRY(move_into(place.dir, pid));
  for (const Place* place : v1_places_in_joining_order(places_)) TRY(move_into(place->dir, pid));
  return {};
}

Result<void> Cgroup::delegate(uid_t uid) const {
  return layout_.kind == CgroupKind::V2 ? give_away(places_.front().dir, uid) : Result<void>();
}

Result<UniqueFd> Cgroup::delegate_below(const std::string& name, uid_t uid) const {
  if (layout_.kind != CgroupKind::V2)
    return make_error(Kind::Unsupported, "only a cgroup v2 host can have a cgroup delegated");
  const std::string dir = places_.front().dir + "/" + name;
  TRY(sys::mkdirat(kCwd, dir, 0755));
  if (uid != ::geteuid()) TRY(give_away(dir, uid));
  return sys::open(dir + "/cgroup.procs", O_WRONLY);
}

Result<void> Cgroup::pass_on_controllers() const {
  const CgroupHierarchy& unified = places_.front().hierarchy;
  return pass_on(places_.front().dir, usual_controllers(unified));
}

// All hierarchies are tried, whatever happens in one; the first error is told.
Result<void> Cgroup::remove() const {
  Backoff backoff(kRemoveLimitMs, kRemoveStepMs);
  const std::vector<std::string> steps = cgroup_steps(record_.path);
  Result<void> first;
  for (const Place& place : places_) {
    if (!place.ours || place.existed >= steps.size()) continue;
    Result<void> removed = remove_directory(place, backoff);
    if (removed.ok()) remove_parents(place, steps);
    if (!removed.ok() && first.ok()) first = std::move(removed);
  }
  end_claim();
  return first;
}

const Cgroup::Place* Cgroup::find(std::string_view controller) const {
  const CgroupHierarchy* hierarchy = layout_.find(controller);
  if (hierarchy == nullptr) return nullptr;
  return &places_[static_cast<std::size_t>(hierarchy - layout_.hierarchies.data())];
}

}  // namespace ctr
