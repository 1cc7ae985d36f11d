// SPDX-License-Identifier: Apache-2.0
// One container's cgroup: the directory of the same path in every hierarchy of the host.
//
// Life: survey() says what is there; save its answer; create() makes the v2 directory, so that the
// container's process can be born in it (clone3, CLONE_INTO_CGROUP); create_v1() makes the others
// and apply() sets the limits while the process is already at work; the process then joins the v1
// hierarchies itself, by writing "0" to the files of open_tasks(). A thread that moves only itself
// does not take the kernel's global lock; writing another one's pid to cgroup.procs does, and waits
// milliseconds for it. At the end kill_all() and remove().
//
// A runtime killed at any moment leaves nothing that open(saved record) and remove() do not find.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/kit/cgroup_layout.h"
#include "ctrtool/core/kit/cgroup_resources.h"

namespace ctr {

// What the state keeps of a cgroup.
struct CgroupRecord {
  std::string path;  // as normalize_cgroup_path() gives it; empty: no cgroup
  // By CgroupHierarchy::name: how many leading components of `path` existed before the container,
  // and are never removed. Under "": in those that are not listed; without it, none.
  std::map<std::string, unsigned> existed;
  // Who creates it: the container's ID, the process at work and its start time, "web 4242 178".
  // The cgroup is marked so, because two may be about to make the same, or to use the same that was
  // there. Empty: all there is is ours.
  std::string owner{};
  // By CgroupHierarchy::name, of one of them: which directory it was. (The kernel does not give the
  // number to a later one.) Empty: not known.
  std::map<std::string, std::uint64_t> inode{};

  bool operator==(const CgroupRecord&) const = default;
};

class Cgroup {
 public:
  // The cgroup's directory in one hierarchy.
  struct Place {
    CgroupHierarchy hierarchy;
    std::string dir;       // mount point and path
    unsigned existed = 0;  // components of the path that are not ours to remove
    bool ours = false;     // made by this object, or found by open()
  };

  // No cgroup: everything succeeds and does nothing, but limits are refused.
  Cgroup() = default;

  // Looks only. Refuses a cgroup with processes in it, one that another container is just being
  // created in, a frozen one and one below a frozen one; an existing empty one will be used, and
  // kept in the end.
  static Result<CgroupRecord> survey(const CgroupLayout& layout, const std::string& path);

  // The v2 side, with its missing parents, and the usual controllers enabled down to it. Nothing
  // remains if it fails. Kind::Unsupported: this user may not make cgroups here.
  static Result<Cgroup> create(const CgroupLayout& layout, const CgroupRecord& record);
  // The cgroup `unit`, which systemd has just made, or one below it. What is there is systemd's to
  // remove.
  static Result<Cgroup> adopt(const CgroupLayout& layout, const CgroupRecord& record,
                              const std::string& unit);
  // A cgroup that is, or may be, there: directories that are missing do not matter.
  // No cgroup where the record's owner finds another's mark.
  static Result<Cgroup> open(const CgroupLayout& layout, const CgroupRecord& record);

  const CgroupRecord& record() const { return record_; }
  const std::vector<Place>& places() const { return places_; }
  // For CLONE_INTO_CGROUP; not valid where there is no v2 hierarchy.
  BorrowedFd v2_dir() const { return v2_dir_.borrow(); }
  // For the record, while a process of the container is in there.
  Result<std::map<std::string, std::uint64_t>> inode() const;
  // A v2 cgroup that passes controllers on to cgroups below it takes no processes. A container
  // that has divided its own so (systemd does) is entered where `member`, one of its processes,
  // is: v2_dir() becomes that directory.
  Result<void> follow(BorrowedFd member_pidfd);

  // In the v1 hierarchy of `controller` the cgroup `below` this one is meant from here on. Kind
  // Unsupported: no such hierarchy, or a v2 one, in which a process is in one place only.
  Result<void> descend(std::string_view controller, std::string_view below);

  // The other hierarchies. If it fails, remove() takes away what it has made.
  Result<void> create_v1();
  // Sets all limits. If it fails in stage Update, the values it has changed are set back as far as
  // that is possible.
  Result<void> apply(const CgroupResources& resources, CgroupStage stage = CgroupStage::Fresh);

  // The v1 `tasks` files, open for writing; the memory hierarchy's is last, to be written at the
  // very end, so that setting up the container is not charged to it.
  Result<std::vector<UniqueFd>> open_tasks() const;
  // Moves another process. Slow; for when it cannot move itself.
  Result<void> attach(pid_t pid) const;
  // When the process is in: from then on the cgroup is in use, whoever looks, and one that was
  // there before loses its mark.
  void end_claim() const;
  // After adopt(): the v2 side of what is below the unit, with the process in it.
  Result<void> settle(pid_t pid);

  // Ownership for a delegated container: v2 only, the directory and the files that the kernel lists
  // in /sys/kernel/cgroup/delegate; their group stays. Nothing happens where there is v1, whose
  // delegation is not safe.
  Result<void> delegate(uid_t uid) const;
  // The same for a new cgroup below this one; answers its cgroup.procs, open for writing. Kind
  // Unsupported: v1.
  Result<UniqueFd> delegate_below(const std::string& name, uid_t uid) const;
  // Has the controllers at work in the cgroups below. No process may be left in this one.
  Result<void> pass_on_controllers() const;

  // Returns when all processes have stopped (or run again). A cgroup that does not freeze in time
  // is thawed again, and that is an error.
  Result<void> set_frozen(bool on) const;
  Result<bool> frozen() const;

  // Every process here and below, sorted. Those of foreign pid namespaces have no number for us and
  // are left out.
  Result<std::vector<pid_t>> procs() const;
  // True when a process is here or below, whatever its pid namespace (as far as the kernel tells).
  Result<bool> populated() const;
  // Signals every process here and below, our own excepted. SIGKILL: thaws what is frozen on v1,
  // and repeats until nobody is left.
  Result<void> kill_all(int signal) const;

  // The directories this object has made or, after open(), those that its record does not exclude;
  // and all below them. Waits a while for those that are still busy. Missing ones are fine.
  Result<void> remove() const;

 private:
  static Result<Cgroup> prepare(const CgroupLayout& layout, const CgroupRecord& record);
  Result<void> make(Place& place);
  Result<void> mark(const std::string& dir, int flags);
  Result<void> claim(const Place& place);
  const Place* find(std::string_view controller) const;
  Result<void> kill_until_empty(const std::vector<std::string>& dirs) const;

  CgroupLayout layout_;
  CgroupRecord record_;
  std::vector<Place> places_;  // as layout_.hierarchies
  UniqueFd v2_dir_;
  bool marked_ = false;
};

// Whether the cgroup `path` is marked with another owner in any hierarchy.
bool cgroup_is_anothers(const CgroupLayout& layout, const std::string& path,
                        const std::string& owner);

// The ID of the container that has marked the cgroup `path`; empty: none, as far as one can tell.
std::string cgroup_marked_by(const CgroupLayout& layout, const std::string& path);
// Whether the directory that the record knows is gone and another has taken its place.
Result<bool> cgroup_was_made_anew(const CgroupLayout& layout, const CgroupRecord& record);
// Whether the mark that the record's owner left on a cgroup of its making is gone: another
// container has been created in it since, or somebody in there has removed it.
bool cgroup_mark_is_gone(const CgroupLayout& layout, const CgroupRecord& record);

// Where below the v2 cgroup `path` a process is: "/init.scope"; empty: in itself, or not below it.
Result<std::string> cgroup_below(const std::string& path, BorrowedFd pidfd);

}  // namespace ctr
