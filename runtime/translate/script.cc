// SPDX-License-Identifier: Apache-2.0
#include "runtime/translate/script.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <map>
#include <optional>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/ns_kind.h"

namespace oci {
namespace {

// In single quotes nothing means anything, newlines included.
std::string word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

struct Letter {
  unsigned long flag;
  char letter;
};
constexpr Letter kFlags[] = {
    {MS_RDONLY, 'o'},      {MS_NOSUID, 's'},   {MS_NODEV, 'd'},       {MS_NOEXEC, 'x'},
    {MS_SYNCHRONOUS, 'w'}, {MS_REMOUNT, 'r'},  {MS_DIRSYNC, 'e'},     {MS_NOATIME, 'a'},
    {MS_BIND, 'b'},        {MS_MOVE, 'm'},     {MS_REC, 'v'},         {MS_SILENT, 'q'},
    {MS_UNBINDABLE, 'u'},  {MS_PRIVATE, 'p'},  {MS_SLAVE, 'l'},       {MS_SHARED, 'h'},
    {MS_RELATIME, 'c'},    {MS_LAZYTIME, 'z'}, {MS_STRICTATIME, 't'},
};

struct AttrFlag {
  std::uint64_t attr;
  unsigned long flag;
};
constexpr AttrFlag kAttrs[] = {
    {MOUNT_ATTR_RDONLY, MS_RDONLY},   {MOUNT_ATTR_NOSUID, MS_NOSUID},
    {MOUNT_ATTR_NODEV, MS_NODEV},     {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
    {MOUNT_ATTR_NOATIME, MS_NOATIME}, {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
};

unsigned long flags_of(std::uint64_t attrs) {
  unsigned long flags = 0;
  for (const AttrFlag& entry : kAttrs)
    if ((attrs & entry.attr) != 0) flags |= entry.flag;
  return flags;
}

unsigned long changed(unsigned long flags, const ctr::MountAttrs& attrs) {
  return (flags & ~flags_of(attrs.clear | attrs.recursive_clear)) |
         flags_of(attrs.set | attrs.recursive_set);
}

// " -O bv", and -F for what has no letter.
std::string flag_words(unsigned long flags) {
  std::string letters;
  for (const Letter& entry : kFlags) {
    if ((flags & entry.flag) == 0) continue;
    letters += entry.letter;
    flags &= ~entry.flag;
  }
  std::string out = letters.empty() ? "" : " -O " + letters;
  for (unsigned bit = 0; bit < 32; ++bit)
    if ((flags >> bit & 1) != 0) out += ctr::strf(" -F %u", bit);
  return out;
}

std::string mask(ctr::CapSet set) {
  return ctr::strf("0x%llx", static_cast<unsigned long long>(set.bits()));
}

template <typename T>
std::string list(const std::vector<T>& numbers) {
  std::string out;
  for (const T number : numbers) out += ctr::strf("%s%u", out.empty() ? "" : ",", number);
  return out;
}

class Script {
 public:
  Script(const ctr::ContainerPlan& plan, const LookUp& look_up) : plan_(plan), look_up_(look_up) {}

  std::string make() {
    for (const ctr::Step& step : plan_.steps)
      if (const auto* root = step.op.as<ctr::BindRoot>()) root_ = root->from;
    for (const ctr::Step& step : plan_.steps) {
      step_ = &step;
      step.op.visit([this](const auto& op) { add(op); });
    }
    flush();
    return text();
  }

 private:
  // --- the pieces ---

  void note(const std::string& what) { notes_ += "# no native equivalent: " + what + "\n"; }
  void cannot() { note(ctr::describe(step_->op)); }
  void option(const std::string& text) { options_ += " \\\n  " + text; }
  void item(const std::string& text) { items_ += " \\\n  " + text; }

  std::string inside(const std::string& at) const { return at == "/" ? root_ : root_ + at; }

  // Of the mount that a path of the container is on, as far as the script has got.
  unsigned long flags_at(const std::string& at) const {
    for (std::string above = at;; above.resize(above.rfind('/'))) {
      const auto found = mounted_.find(above.empty() ? "/" : above);
      if (found != mounted_.end()) return found->second;
      if (above.empty()) return look_up_(root_).mount_flags;
    }
  }

  // One nsenter into the container for each run of items.
  void command(const std::string& stage) {
    body_ += "\"$CTRTOOL\" nsenter -e -j \"" + letters(kinds_ & ~CLONE_NEWPID) +
             "%/proc/self/fd/$2\" -- " + stage + " || exit\n";
  }
  void flush() {
    if (items_.empty()) return;
    command(":mount_seq" + items_);
    items_.clear();
  }

  static std::string letters(int kinds) {
    std::string out;
    for (const ctr::NsKind& kind : ctr::kNsKinds)
      if ((kinds & kind.flag) != 0 && kind.flag != CLONE_NEWCGROUP && kind.flag != CLONE_NEWTIME)
        out += kind.letter;
    return out;
  }

  std::string text() const {
    std::string out = "#!/bin/sh\n# Container " + ctr::escape(plan_.id) +
                      ", made of ctrtool's commands.\n: \"${CTRTOOL:=ctrtool}\"\nexport CTRTOOL\n";
    out += notes_ + ctr::strf("umask %04o\n", umask_) + held_text();
    std::string hook;
    if (!body_.empty()) {
      out += "setup=" + word(body_) + "\n";
      hook = " \\\n  -d -x \"$setup\"";
    }
    out += "exec \"$CTRTOOL\" launcher --escape -w";
    const std::string made = letters(made_) + (makes_cgroup_ ? "C" : "") + (makes_time_ ? "T" : "");
    if (!made.empty()) out += " -" + made;
    out += options_ + bounding_words() + hook + " \\\n  -V";
    for (const std::string& entry : plan_.program.env)
      if (entry.find('=') != std::string::npos) out += " --setenv " + word(entry);
    out += " \\\n  --";
    for (const std::string& argument : plan_.program.argv) out += " " + word(argument);
    return out + "\n";
  }

  // Where the script is run decides what its bounding set is. What that lacks stays absent, as with
  // `run`; launcher's -b would refuse to keep it. But what the program is to hold has to be held,
  // and launcher has no option that asks.
  bool has_whole_bounding_set() const { return (kinds_ & CLONE_NEWUSER) != 0; }
  std::string held_text() const {
    std::string out;
    if (has_whole_bounding_set()) return out;
    if (bounding_.has_value())
      out +=
          "while read -r key value; do\n"
          "  if [ \"$key\" = CapBnd: ]; then bounding=0x$value; fi\ndone </proc/self/status\n";
    if (!permitted_.empty())
      out += "\"$CTRTOOL\" unlock -B all -C " + mask(permitted_) + " -- : || exit 1\n";
    return out;
  }
  std::string bounding_words() const {
    if (!bounding_.has_value()) return "";
    if (has_whole_bounding_set()) return " \\\n  -b " + mask(*bounding_);
    return " \\\n  -b $(($bounding & " + mask(*bounding_) + "))";
  }

  void make_kinds(std::uint64_t flags) {
    makes_cgroup_ |= (flags & CLONE_NEWCGROUP) != 0;
    makes_time_ |= (flags & CLONE_NEWTIME) != 0;
    made_ |= static_cast<int>(flags);
    kinds_ |= static_cast<int>(flags);
  }

  // --- what has an equivalent ---

  void add(const ctr::Clone& op) { make_kinds(op.namespaces); }
  void add(const ctr::Unshare& op) { make_kinds(static_cast<std::uint64_t>(op.types)); }
  void add(const ctr::UnshareCgroup&) { makes_cgroup_ = true; }
  void add(const ctr::JoinNamespace& op) {
    kinds_ |= op.type;
    option("--nsenter2=" + std::string(1, ctr::ns_kind_of(op.type).letter) + "=" + word(op.from));
  }
  void add(const ctr::MapIds& op) {
    if (op.use_helpers) note("newuidmap and newgidmap");
    if (!op.uids.empty()) option("--uid-map=" + op.uids.words());
    if (!op.gids.empty()) option("--gid-map=" + op.gids.words());
    if (op.deny_setgroups) option("--disable-setgroups");
  }
  void add(const ctr::SetTimeOffsets& op) {
    for (const std::string_view line : ctr::split(op.text, '\n')) {
      const std::vector<std::string_view> fields = ctr::split(line, ' ');
      if (fields.size() == 3)
        option("--time-offset " + std::string(fields[0]) + "=" + std::string(fields[1]));
    }
  }
  void add(const ctr::SetHostname& op) { option("-E -H " + word(op.name)); }

  void add(const ctr::BindRoot& op) {
    option("-E -r " + word(op.from));
    item("-m " + word(op.from) + " -s " + word(op.from) + " -O bv");
  }
  void add(const ctr::MountFs& op) {
    if (op.type == "proc") return add_proc(op);
    if (op.copy_up) note("the contents that the tmpfs on " + ctr::quote(op.at) + " covers");
    std::string text = "-m " + word(inside(op.at)) + " -p -E -K -t " + word(op.type) + " -s " +
                       word(op.source) + flag_words(op.flags);
    if (!op.data.empty()) text += " -o " + word(op.data);
    item(text);
    add_attrs(op.at, op.flags, op.attrs);
  }
  // It shows the pid namespace of whoever mounts it, and the script is in another one.
  void add_proc(const ctr::MountFs& op) {
    constexpr unsigned long kAlways = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if ((op.flags & kAlways) != kAlways)
      note("proc on " + ctr::quote(op.at) + " without nosuid, nodev, noexec");
    item("-D " + word(inside(op.at)) + " -p -O e");
    flush();
    command(":rootfs-mount -p \"/proc/self/fd/$2/ns/pid\" " +
            (op.data.empty() ? "" : "-o proc_opts=" + word(op.data) + " ") + word(inside(op.at)));
    add_attrs(op.at, MS_NOSUID | MS_NODEV | MS_NOEXEC, op.attrs);
  }
  void add(const ctr::OpenSource& op) { sources_[op.slot] = op; }
  void add(const ctr::AttachMount& op) {
    const auto source = sources_.find(op.slot);
    if (source == sources_.end()) return cannot();
    add_bind(op.at, source->second.from, source->second.recursive, source->second.attrs);
  }
  void add(const ctr::BindMount& op) { add_bind(op.at, op.from, op.recursive, op.attrs); }
  void add_bind(const std::string& at, const std::string& from, bool deep,
                const ctr::MountAttrs& attrs) {
    const HostFile source = look_up_(from);
    const unsigned long flags = MS_BIND | (deep ? static_cast<unsigned long>(MS_REC) : 0UL);
    const unsigned long now = changed(source.mount_flags, attrs);
    const bool again = now != source.mount_flags;
    item("-m " + word(inside(at)) + " -p " + (source.kind == FileKind::Directory ? "-E" : "-f") +
         " -K -s " + word(from) + flag_words(flags | (again ? now : 0)) + (again ? " -r" : ""));
    mounted_[at] = now;
    if (attrs.recursive_set != 0) note("attributes of mounts below " + ctr::quote(at));
    if (attrs.propagation != 0) item("-m " + word(inside(at)) + flag_words(attrs.propagation));
  }
  void add(const ctr::SetMountAttrs& op) { add_attrs(op.at, flags_at(op.at), op.attrs); }
  void add_attrs(const std::string& at, unsigned long flags, const ctr::MountAttrs& attrs) {
    mounted_[at] = changed(flags, attrs);
    if (mounted_[at] != flags)
      item("-m " + word(inside(at)) + flag_words(MS_BIND | MS_REMOUNT | mounted_[at]));
    if (attrs.propagation != 0) item("-m " + word(inside(at)) + flag_words(attrs.propagation));
  }
  void add(const ctr::MakeDirectory& op) {
    item(ctr::strf("-D %s -p -O e -M %04o", word(inside(op.at)).c_str(), op.mode));
  }
  void add(const ctr::MakeSymlink& op) {
    item("-l " + word(inside(op.at)) + " -s " + word(op.target));
  }
  void add(const ctr::OpenNodes&) {}  // what MakeNodes has no equivalent for
  // Nodes cannot be made, but the host's can be shown.
  void add(const ctr::MakeDevice& op) {
    if (look_up_(op.at).kind != FileKind::Other) return cannot();
    item("-m " + word(inside(op.at)) + " -p -f -s " + word(op.at) + " -O b");
  }
  FileKind kind_inside(const std::string& at) const {
    const bool kernels = at.starts_with("/proc/") || at.starts_with("/sys/");
    return look_up_(kernels ? at : inside(at)).kind;
  }
  void add(const ctr::MaskPath& op) {
    const FileKind kind = kind_inside(op.at);
    if (kind == FileKind::Directory)
      item("-m " + word(inside(op.at)) + " -t tmpfs -O osdx -o size=4k,nr_inodes=1,mode=0555");
    if (kind == FileKind::Other) item("-m " + word(inside(op.at)) + " -s /dev/null -O b");
  }
  void add(const ctr::MakeReadonly& op) {
    if (kind_inside(op.at) == FileKind::Missing) return;
    const std::string at = word(inside(op.at));
    item("-m " + at + " -s " + at + flag_words(MS_BIND | MS_REC | MS_RDONLY | flags_at(op.at)) +
         " -r");
  }
  void add(const ctr::WriteSysctl& op) {
    item("-w " + word("/proc/sys/" + op.key) + " -a -d " + word(op.value));
  }

  void add(const ctr::OpenTerminal&) { option("--alloc-tty --tty-stderr"); }
  void add(const ctr::SetRlimits& op) {
    for (const ctr::RlimitSetting& limit : op.limits)
      option("--rlimit " + ctr::rlimit_name(limit.resource) + "=" +
             ctr::show_rlimit(limit.soft, limit.hard));
  }
  void add(const ctr::SetOomScoreAdj& op) {
    body_ +=
        ctr::strf("\"$CTRTOOL\" mount_seq -w /proc/$1/oom_score_adj -a -d %d || exit\n", op.value);
  }
  void add(const ctr::ChangeDirectory& op) {
    if (op.at != "/") option("--chdir " + word(op.at));
  }
  void add(const ctr::DropBounding& op) { bounding_ = op.keep; }
  void add(const ctr::SetUser& op) {
    option(ctr::strf("-S %u -G %u", op.uid, op.gid));
    if (!op.set_groups) option("-g");
    if (op.set_groups && !op.groups.empty()) option("--groups " + list(op.groups));
    umask_ = op.umask.value_or(umask_);
  }
  // Permitted and effective follow from these at the exec (capabilities(7)).
  void add(const ctr::SetCapabilities& op) {
    permitted_ = op.sets.permitted;
    option("-I " + mask(op.sets.inheritable) + " --clear-caps-before-exec=0");
    if (!op.sets.ambient.empty()) option("-a " + mask(op.sets.ambient));
  }
  void add(const ctr::SetNoNewPrivileges&) { option("-D"); }

  // --- what needs none: launcher does it anyway, or it is how the halves agree ---

  void add(const ctr::Meet&) {}
  void add(const ctr::BecomeRoot&) {}
  void add(const ctr::CloneAgain&) {}
  void add(const ctr::NewSession&) {}
  void add(const ctr::PivotRoot&) {}
  void add(const ctr::RaiseRlimits&) {}
  void add(const ctr::ChownStdio&) {}
  void add(const ctr::FindProgram&) {}
  void add(const ctr::WaitForStart&) {}
  void add(const ctr::Execute&) {}
  void add(const ctr::JoinCgroup&) {}
  void add(const ctr::SetPropagation& op) {
    if (op.flags != (MS_SLAVE | MS_REC)) cannot();
  }

  template <typename T>
  void add(const T&) {
    cannot();
  }

  const ctr::ContainerPlan& plan_;
  const LookUp& look_up_;
  const ctr::Step* step_ = nullptr;
  std::string root_;
  std::string notes_;
  std::string options_;
  std::string items_;
  std::string body_;
  std::map<unsigned, ctr::OpenSource> sources_;
  std::map<std::string, unsigned long> mounted_;  // flags of what is on a path of the container
  std::optional<ctr::CapSet> bounding_;
  ctr::CapSet permitted_;
  int made_ = 0;
  int kinds_ = 0;
  bool makes_cgroup_ = false;
  bool makes_time_ = false;
  mode_t umask_ = 022;
};

}  // namespace

std::string plan_script(const ctr::ContainerPlan& plan, const LookUp& look_up) {
  return Script(plan, look_up).make();
}

}  // namespace oci
