// SPDX-License-Identifier: Apache-2.0
// mount_seq: a list of operations on the file system, in order, in one process. Each item of the
// command line is some steps of one plan.
#include <sys/stat.h>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/mount_items.h"
#include "ctrtool/cmd/reap.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/executor.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/sys/mount.h"

namespace ctr {
namespace {

constexpr unsigned long kPropagation = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;

// --- the plan ------------------------------------------------------------------------------------

class Planner {
 public:
  explicit Planner(const MountList& list) : list_(list) {
    plan_.id = kMountSeqManual.name;
    plan_.in_place = true;
    plan_.rolls_back = list.rolls_back;
  }

  ContainerPlan make() {
    for (const MountItem& item : list_.items) add_item(item);
    return std::move(plan_);
  }

 private:
  void add_item(const MountItem& item) {
    ++item_;
    source_ = strf("--%s %s", item.name(), item.target.c_str());
    add_operation(item);
    if (!item.sync) return;
    // Not one of the item's: even if that failed and is tolerated.
    plan_.add(Phase::Tree, Actor::Child, SyncDisks{}, source_);
  }

  void add_operation(const MountItem& item) {
    switch (item.operation) {
      case 'm':
        return add_mount(item);
      case 'u':
        return add_unmount(item);
      case 'c':
        check(PathRole::Target, item);
        return step(EnterHere{item.target});
      case 'S':
        return step(RunShell{item.target});
      default:
        return add_entry(item);
    }
  }

  void step(Op op) {
    plan_.steps.push_back({Phase::Tree, Actor::Child, std::move(op), source_, item_});
  }

  static PathHere target_of(const MountItem& item) {
    return {item.target, item.follow_target, item.beneath};
  }
  void check(PathRole role, const MountItem& item) { step(CheckPath{role, target_of(item)}); }

  void make_target(const MountItem& item) {
    constexpr mode_t kDirectoryMode = 0700;
    constexpr mode_t kNodeMode = 0600;
    if (!item.make_directory && !item.make_file) return;
    check(PathRole::Directory, item);
    // A socket's node: nothing can be done with it, and making it takes no privilege.
    step(MakeHere{.at = item.target,
                  .type = item.make_directory ? mode_t{S_IFDIR} : mode_t{S_IFSOCK},
                  .mode = item.make_directory ? kDirectoryMode : kNodeMode,
                  .may_exist = !item.exclusive});
  }

  void add_mount(const MountItem& item) {
    if (item.unless_mounted) step(SkipIfMounted{target_of(item)});
    if (checks_source(item)) step(CheckPath{PathRole::Source, source_of(item)});
    if (item.parents) step(MakeParentsHere{target_of(item)});
    make_target(item);
    check(PathRole::Target, item);
    mount(item);
    const bool makes = (item.flags & (kPropagation | MS_REMOUNT | MS_MOVE)) == 0;
    if (makes && list_.rolls_back) step(RollBackMount{target_of(item)});
    if (!item.remount) return;
    // The top of what is there now.
    check(PathRole::Target, item);
    step(MountHere{.at = target_of(item),
                   .source = {.path = ""},
                   .type = "",
                   .flags = item.flags | MS_REMOUNT,
                   .data = ""});
  }

  static PathHere source_of(const MountItem& item) {
    return {item.source.value_or("/dev/null"), item.follow_source, item.source_beneath};
  }
  static bool checks_source(const MountItem& item) {
    return !item.follow_source || item.source_beneath.has_value();
  }

  void mount(const MountItem& item) {
    if (item.id_map.has_value()) return bind_mapped(item);
    if (!item.parameters.empty()) return mount_configured(item);
    step(MountHere{.at = target_of(item),
                   .source = source_of(item),
                   .type = item.type,
                   .flags = item.flags,
                   .data = item.data});
  }

  // A detached mount is attached when it is as it shall be: nobody sees it before.
  void attach(Op source) {
    step(std::move(source));
    step(AttachMount{.slot = 0, .at = "/"});
  }

  // A bind that shows other owners.
  void bind_mapped(const MountItem& item) {
    OpenSource open{
        .slot = 0, .from = source_of(item).path, .recursive = (item.flags & MS_REC) != 0};
    open.checked = checks_source(item);
    open.id_map = item.id_map;
    open.id_map->recursive = open.recursive;
    attach(std::move(open));
  }

  // A new mount whose options are not all text.
  void mount_configured(const MountItem& item) {
    MountOptions options;
    options.flags = item.flags;
    OpenFs open{.slot = 0, .type = item.type, .source = source_of(item).path, .flags = item.flags};
    open.data = item.data;
    open.attrs.set = mount_attr_change(options).set;
    for (const MountParameter& one : item.parameters) open.parameters.push_back(one.parameter);
    attach(std::move(open));
  }

  void add_unmount(const MountItem& item) {
    const bool by_name = !item.follow_target || item.beneath.has_value();
    const int flags = static_cast<int>(item.flags) | (by_name ? UMOUNT_NOFOLLOW : 0);
    PathHere target = target_of(item);
    if (by_name) {
      check(PathRole::Target, item);
      // What holds the target would keep it busy: this lets go of it.
      target.path = without_last_slashes(target.path);
      step(CheckPath{PathRole::Directory, target});
    }
    step(UnmountHere{std::move(target), flags});
  }

  // "t/" and "t/." are the directory t, once it has been seen to be one.
  static std::string without_last_slashes(std::string path) {
    while (path.size() > 1 && (path.ends_with('/') || path.ends_with("/."))) path.pop_back();
    return path;
  }

  void add_entry(const MountItem& item) {
    constexpr mode_t kDirectoryMode = 0700;
    constexpr mode_t kFileMode = 0644;
    if (item.operation == 'l' && !item.source.has_value())
      return step(Refuse{"a link needs its contents (-s)"});
    if (item.parents) step(MakeParentsHere{target_of(item)});
    check(PathRole::Directory, item);
    if (item.operation == 'D')
      return step(MakeHere{.at = item.target,
                           .type = S_IFDIR,
                           .mode = kDirectoryMode,
                           .may_exist = (item.flags & kMayExist) != 0,
                           .exact_mode = item.mode});
    if (item.operation == 'l') return step(LinkHere{item.target, *item.source});
    step(WriteHere{.at = item.target,
                   .text = item.text,
                   .mode = item.mode.value_or(kFileMode),
                   .append = item.append,
                   .exclusive = item.exclusive});
  }

  const MountList& list_;
  ContainerPlan plan_;
  std::size_t item_ = 0;
  std::string source_;
};

// --- what fails ----------------------------------------------------------------------------------

bool is_check(const Op& op) {
  return op.is<CheckPath>() || op.is<MakeParentsHere>() || op.is<Refuse>();
}

// A failed check is fatal even where a failed operation is tolerated.
class Failures {
 public:
  explicit Failures(const MountList& list) : list_(list) {}

  bool any() const { return count_ > 0; }

  Result<void> take(const Step& step, const Error& error) {
    const MountItem& item = list_.items.at(step.item - 1);
    Error told =
        make_error(Kind::System, "item %zu: %s %s: %s (%zu done before)", step.item, item.name(),
                   quote(item.target).c_str(), error.message.c_str(), step.item - 1 - count_);
    if (!item.tolerate || (is_check(step.op) && !item.tolerate_checks)) return told;
    complain(kMountSeqManual.name, told.message);
    ++count_;
    return {};
  }

 private:
  const MountList& list_;
  std::size_t count_ = 0;
};

Result<Ending> mount_seq(const Parsed& parsed) {
  const MountList list = TRY(read_mount_words(parsed));
  ContainerPlan plan = Planner(list).make();
  if (list.dry_run) {
    plan.program.argv = parsed.words;
    TRY(print(describe_text(plan)));
    return Ending{};
  }
  const ReapOurselves reap;
  Failures failures(list);
  ExecuteOptions options;
  options.on_failed_item = [&](const Step& step, const Error& error) {
    return failures.take(step, error);
  };
  TRY(execute_in_place(plan, std::move(options)));
  if (failures.any()) return Ending{.status = kExitTolerated};
  return becomes(parsed.words);
}

}  // namespace

int run_mount_seq(const Words& argv) { return run_applet(kMountSeqManual, argv, mount_seq); }

}  // namespace ctr
