// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/unlock_words.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "ctrtool/cmd/ns_words.h"
#include "ctrtool/cmd/open_flags.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/mount_options.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

enum Long : int { kResolve = kLongOnly, kEnv, kFd, kKeepLd, kChrootPivotStep };

constexpr OptionRow kOptions[] = {
    {'m', "mount", "TYPE,SOURCE,TARGET[,FLAGS[,DATA]]", "mount a new file system"},
    {'b', "bind", "SOURCE,TARGET[,FLAGS]", "bind; flag rec: with what is mounted below"},
    {'M', "move", "SOURCE,TARGET", "move a mount"},
    {'R', "remount", "TARGET,FLAGS", "change flags of a mount: those named, no others"},
    {'P', "propagation", "TARGET,WORD[+rec]", "private, slave, shared, unbindable"},
    {'u', "umount", "TARGET[,FLAGS]", "unmount; detach, force, expire, follow (default: detach)"},
    {'p', "pivot-root", "NEW[,OLD]", "without OLD: the old root is detached"},
    {'r', "chroot", "DIR", "change the root, go to /"},
    {'d', "chdir", "DIR", "change the working directory"},
    {'o', "open", "PATH[,FLAGS[,MODE]]", "open and pass on: rdonly, wronly, path, in_root..."},
    {'f', "mount-fd", "SPEC,TARGET", "attach a detached mount that is a descriptor"},
    {'i', "receive", "SPEC[,COUNT]", "receive descriptors from a unix socket, pass them on"},
    {'w', "write", "PATH,TEXT", "write to a file that exists"},
    {'k', "mkdir", "PATH[,MODE]", "make a directory", "0755"},
    {'l', "symlink", "TARGET,NAME", "make a symbolic link"},
    {kChrootPivotStep, "chroot-pivot", "CHROOT_DIR,NEW,OLD", "as ctrtool chroot_pivot does"},
    {'q', "ignore-errors", "", "the next operation may fail"},
    {kResolve, "resolve", "WORDS",
     "of the next operation: beneath, in_root, no_magiclinks, no_symlinks, no_xdev, follow"},
    {kEnv, "env", "VAR", "-o, -i: the number under this name too"},
    {kFd, "fd", "N[!]", "-o, -i: the descriptor becomes N; N!: even if N is open"},
    {'B', "bounding", "CAPS", "keep these in the bounding set", "without the list above"},
    {'C', "caps", "CAPS", "permitted and effective", "what is permitted and in the bounding set"},
    {'I', "inheritable", "CAPS", "inheritable", "none"},
    {'A', "ambient", "CAPS", "ambient", "none"},
    {'D', "drop-all", "", "no capabilities at all"},
    {'K', "keep-all", "", "drop nothing, with a warning"},
    {'S', "uid", "UID", "user", "unchanged"},
    {'G', "gid", "GID", "group", "unchanged"},
    {'g', "groups", "LIST", "supplementary groups", "unchanged"},
    {'s', "securebits", "WORDS", "noroot, noroot_locked, no_setuid_fixup...", "unchanged"},
    {'n', "no-new-privs", "", "set no_new_privs"},
    {'x', "seccomp", "SPEC", "a BPF program, installed last"},
    {'e', "exec-fd", "SPEC", "executed with PROGRAM as its name, opened first of all"},
    {kKeepLd, "keep-ld", "", "keep the variables LD_* even if the root changes"},
    {'y', "dry-run", "", "print the plan, do nothing"},
};

constexpr std::string_view kOperations = "mbMRPupdrofiwkl";

// --- fields --------------------------------------------------------------------------------------

// "\," and "\\" are literal. The last of `most` fields takes all that is left.
Result<std::vector<std::string>> fields_of(const Given& given, std::size_t least,
                                           std::size_t most) {
  std::vector<std::string> fields(1);
  const std::string& text = given.value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ',' || text[i + 1] == '\\');
    if (escaped) {
      fields.back() += text[++i];
    } else if (text[i] == ',' && fields.size() < most) {
      fields.emplace_back();
    } else {
      fields.back() += text[i];
    }
  }
  if (fields.size() < least)
    return usage_error(given, strf("%zu fields are needed, separated by ','", least));
  return fields;
}

std::vector<std::string> words_of(const std::vector<std::string>& fields, std::size_t at) {
  std::vector<std::string> words;
  if (fields.size() <= at || fields[at].empty()) return words;
  for (const std::string_view word : split(fields[at], '+')) words.emplace_back(word);
  return words;
}

bool take_word(std::vector<std::string>& words, std::string_view word) {
  return std::erase(words, word) > 0;
}

Result<MountOptions> options_of(const Given& given, const std::vector<std::string>& words) {
  MountOptions options = TRY_CTX(parse_mount_options(words), "%s", given.word.c_str());
  if (!options.data.empty() || options.propagation != 0 || options.tmpcopyup || options.idmap)
    return usage_error(given, "a flag is not known here");
  return options;
}

// "/mnt/x/" → "/mnt", "x".
struct Split {
  std::string parent;
  std::string name;
};
Split split_path(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::size_t slash = path.rfind('/');
  Split out{".", path};
  if (slash != std::string::npos)
    out = {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
  if (out.name.empty() || out.name == "." || out.name == "..") out = {path, ""};
  return out;
}

// --- operations ----------------------------------------------------------------------------------

// How paths of the next operation are resolved.
struct Rules {
  std::uint64_t resolve = 0;
  bool follow = false;

  std::uint64_t target() const {
    return resolve | (follow ? 0 : static_cast<std::uint64_t>(RESOLVE_NO_SYMLINKS));
  }
};

class Reader {
 public:
  explicit Reader(const HeldCaps& held) : held_(held) {}

  Result<UnlockRequest> read(const Parsed& parsed) {
    for (const Given& given : parsed.options) TRY(take(given));
    r_.program = parsed.words;
    TRY(finish());
    return std::move(r_);
  }

 private:
  Result<void> take(const Given& given) {
    const bool letter = given.key < kLongOnly;
    if (given.key == kChrootPivotStep ||
        (letter && kOperations.find(static_cast<char>(given.key)) != kOperations.npos))
      return take_operation(given);
    if (given.key == 'q') {
      tolerate_ = true;
      return {};
    }
    if (given.key == kResolve) return take_rules(given);
    if (given.key == kEnv || given.key == kFd) return take_export(given);
    return take_drop(given);
  }

  Result<void> take_rules(const Given& given) {
    std::string words = given.value;
    std::ranges::replace(words, ',', '+');
    for (const std::string_view name : split(words, '+')) {
      if (name == "follow") {
        rules_.follow = true;
        continue;
      }
      const std::optional<std::uint64_t> flag = find_resolve_flag(name);
      if (!flag.has_value()) return usage_error(given, "a word is not known");
      rules_.resolve |= *flag;
    }
    pending_ = true;
    return {};
  }

  Result<void> take_export(const Given& given) {
    Export* exported = nullptr;
    if (!r_.operations.empty()) {
      auto& what = r_.operations.back().what;
      if (auto* open = std::get_if<UnlockOpen>(&what)) exported = &open->exported;
      if (auto* receive = std::get_if<UnlockReceive>(&what)) exported = &receive->exported;
    }
    if (exported == nullptr) return usage_error(given, "it goes after -o or -i");
    if (given.key == kFd) {
      exported->fixed = TRY_CTX(parse_fixed_fd(given.value), "%s", given.word.c_str());
      return {};
    }
    if (given.value.empty() || given.value.find('=') != std::string::npos)
      return usage_error(given, "not the name of a variable");
    exported->variable = given.value;
    return {};
  }

  Result<BorrowedFd> descriptor_of(const Given& given, const std::string& spec) {
    FdArgument fd = TRY_CTX(take_fd(spec), "%s", given.word.c_str());
    const BorrowedFd number = fd.fd();
    if (spec.find_first_of(":=") != 0) r_.kept.push_back(number.raw());
    r_.descriptors.push_back(std::move(fd));
    return number;
  }

  Result<void> take_operation(const Given& given) {
    UnlockOperation operation{.shown = strf("operation %zu (%s %s)", r_.operations.size(),
                                            given.word.c_str(), escape(given.value).c_str()),
                              .what = UnlockWrite{}};
    operation.tolerate = tolerate_;
    operation.what = TRY(read_operation(given));
    r_.operations.push_back(std::move(operation));
    tolerate_ = false;
    pending_ = false;
    rules_ = {};
    return {};
  }

  using What = decltype(UnlockOperation::what);

  Result<What> read_operation(const Given& given) {
    switch (given.key) {
      case 'm':
        return mount(given);
      case 'b':
        return bind(given);
      case 'M':
        return move(given);
      case 'R':
        return remount(given);
      case 'P':
        return propagation(given);
      case 'u':
        return unmount(given);
      case 'f':
        return mount_fd(given);
      case 'o':
        return open(given);
      case 'i':
        return receive(given);
      case 'k':
        return make_directory(given);
      case 'l':
        return make_link(given);
      case 'w': {
        const auto fields = TRY(fields_of(given, 2, 2));
        return What(UnlockWrite{fields[0], fields[1], rules_.resolve});
      }
      case 'd':
        return What(UnlockEnter{given.value, rules_.resolve, UnlockEnter::What::Directory});
      default:
        return change_root(given);
    }
  }

  What at(const std::string& target, std::vector<Op> ops) const {
    return UnlockAt{.at = target, .resolve = rules_.target(), .ops = std::move(ops)};
  }

  Result<What> mount(const Given& given) {
    const auto fields = TRY(fields_of(given, 3, 5));
    std::vector<std::string> words = words_of(fields, 3);
    rules_.follow |= take_word(words, "follow");
    const MountOptions options = TRY(options_of(given, words));
    MountFs fs;
    fs.at = "/";
    fs.type = fields[0];
    fs.source = fields[1];
    fs.flags = options.flags;
    if (fields.size() > 4) fs.data = fields[4];
    return at(fields[2], {fs});
  }

  Result<What> bind(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 3));
    std::vector<std::string> words = words_of(fields, 2);
    OpenSource source{.slot = 0, .from = fields[0]};
    source.recursive = take_word(words, "rec");
    rules_.follow |= take_word(words, "follow");
    source.attrs = TRY(attrs_of(given, words));
    return at(fields[1], {source, AttachMount{.slot = 0, .at = "/"}});
  }

  Result<MountAttrs> attrs_of(const Given& given, const std::vector<std::string>& words) {
    const MountOptions options = TRY(options_of(given, words));
    const MountAttrChange change = mount_attr_change(options);
    return MountAttrs{.set = change.set,
                      .clear = change.clr,
                      .recursive_set = options.rec_attr_set,
                      .recursive_clear = options.rec_attr_clr};
  }

  Result<What> move(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 2));
    return at(fields[1], {MoveMount{.at = "/", .from = fields[0]}});
  }

  Result<What> remount(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 2));
    const MountAttrs attrs = TRY(attrs_of(given, words_of(fields, 1)));
    if (attrs == MountAttrs{}) return usage_error(given, "no flag of a mount is named");
    return at(fields[0], {SetMountAttrs{"/", attrs}});
  }

  Result<What> propagation(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 2));
    std::vector<std::string> words = words_of(fields, 1);
    const bool recursive = take_word(words, "rec");
    if (words.size() != 1) return usage_error(given, "not one kind of propagation");
    unsigned long flags = TRY_CTX(parse_propagation(words[0]), "%s", given.word.c_str());
    if (flags == 0) return usage_error(given, "not a kind of propagation");
    if (!recursive) flags &= ~static_cast<unsigned long>(MS_REC);
    return at(fields[0], {SetMountAttrs{"/", {.propagation = flags}}});
  }

  Result<What> unmount(const Given& given) {
    const auto fields = TRY(fields_of(given, 1, 2));
    int flags = 0;
    const std::vector<std::string> words = words_of(fields, 1);
    for (const std::string& word : words) {
      if (word == "follow")
        rules_.follow = true;
      else if (word == "detach")
        flags |= MNT_DETACH;
      else if (word == "force")
        flags |= MNT_FORCE;
      else if (word == "expire")
        flags |= MNT_EXPIRE;
      else
        return usage_error(given, "a flag is not known");
    }
    if (flags == 0) flags = MNT_DETACH;
    if (!rules_.follow) flags |= UMOUNT_NOFOLLOW;
    const Split path = split_path(fields[0]);
    return at(path.parent, {Unmount{"/" + path.name, flags}});
  }

  Result<What> mount_fd(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 2));
    const BorrowedFd fd = TRY(descriptor_of(given, fields[0]));
    return at(fields[1], {AttachFd{.at = "/", .fd = fd.raw()}});
  }

  Result<What> open(const Given& given) {
    const auto fields = TRY(fields_of(given, 1, 3));
    UnlockOpen open{.path = fields[0], .flags = 0, .resolve = rules_.resolve};
    for (const std::string& name : words_of(fields, 1)) {
      const std::optional<int> flag = find_open_flag(name);
      const std::optional<std::uint64_t> resolve = find_resolve_flag(name);
      if (!flag.has_value() && !resolve.has_value())
        return usage_error(given, "a flag is not known");
      open.flags |= flag.value_or(0);
      open.resolve |= resolve.value_or(0);
    }
    const bool makes = (open.flags & O_CREAT) != 0 || (open.flags & O_TMPFILE) == O_TMPFILE;
    if (fields.size() > 2 && !makes) return usage_error(given, "a mode is for what is created");
    constexpr mode_t kDefault = 0644;
    if (makes) open.mode = kDefault;
    if (fields.size() > 2) open.mode = TRY(mode_of(given, fields[2]));
    return What(open);
  }

  Result<mode_t> mode_of(const Given& given, const std::string& text) {
    constexpr int kOctal = 8;
    constexpr mode_t kMost = 07777;
    const auto mode = TRY_CTX(parse_number<mode_t>(text, kOctal), "%s", given.word.c_str());
    if (mode > kMost) return usage_error(given, "not a mode");
    return mode;
  }

  Result<What> receive(const Given& given) {
    const auto fields = TRY(fields_of(given, 1, 2));
    UnlockReceive receive{.socket = TRY(descriptor_of(given, fields[0]))};
    if (fields.size() > 1)
      receive.count = TRY_CTX(parse_number<std::size_t>(fields[1]), "%s", given.word.c_str());
    constexpr std::size_t kMost = 253;  // SCM_MAX_FD
    if (receive.count == 0 || receive.count > kMost)
      return usage_error(given, "not a number from 1 to 253");
    return What(receive);
  }

  Result<What> make_directory(const Given& given) {
    const auto fields = TRY(fields_of(given, 1, 2));
    const Split path = split_path(fields[0]);
    if (path.name.empty()) return usage_error(given, "there is no name to make");
    MakeDirectory make{.at = "/" + path.name};
    if (fields.size() > 1) make.mode = TRY(mode_of(given, fields[1]));
    return at(path.parent, {make});
  }

  Result<What> make_link(const Given& given) {
    const auto fields = TRY(fields_of(given, 2, 2));
    const Split path = split_path(fields[1]);
    if (path.name.empty()) return usage_error(given, "there is no name to make");
    return at(path.parent,
              {MakeSymlink{.at = "/" + path.name, .target = fields[0], .exclusive = true}});
  }

  Result<What> change_root(const Given& given) {
    r_.changes_root |= given.key != kChrootPivotStep;
    if (given.key == 'r')
      return What(UnlockEnter{given.value, rules_.resolve, UnlockEnter::What::Root});
    if (given.key == kChrootPivotStep) {
      const auto fields = TRY(fields_of(given, 3, 3));
      return What(ChrootPivot{.root = fields[0], .new_root = fields[1], .put_old = fields[2]});
    }
    const auto fields = TRY(fields_of(given, 1, 2));
    return What(UnlockEnter{.at = fields[0],
                            .resolve = rules_.target(),
                            .what = UnlockEnter::What::NewRoot,
                            .put_old = fields.size() > 1 ? fields[1] : ""});
  }

  // --- what is dropped ---------------------------------------------------------------------------

  Result<void> take_drop(const Given& given) {
    const CapSets& sets = held_.sets;
    switch (given.key) {
      case 'B':
        bounding_ = TRY(cap_set_of(given, sets.bounding, held_.last));
        return {};
      case 'C':
        caps_ = TRY(cap_set_of(given, sets.permitted, held_.last));
        return {};
      case 'I':
        inheritable_ = TRY(cap_set_of(given, sets.inheritable, held_.last));
        return {};
      case 'A':
        ambient_ = TRY(cap_set_of(given, sets.ambient, held_.last));
        return {};
      case 'S':
        r_.drop.uid = TRY(id_of(given));
        return {};
      case 'G':
        r_.drop.gid = TRY(id_of(given));
        return {};
      case 'g':
        r_.drop.groups = TRY(groups_of(given));
        return {};
      case 's':
        r_.drop.securebits = TRY(securebits_of(given));
        return {};
      case 'x':
        r_.seccomp = TRY(descriptor_of(given, given.value));
        return {};
      case 'e':
        r_.exec_fd = TRY(descriptor_of(given, given.value));
        return {};
      default:
        break;
    }
    drop_all_ |= given.key == 'D';
    r_.keep_all |= given.key == 'K';
    r_.drop.no_new_privs |= given.key == 'n';
    r_.keep_ld |= given.key == kKeepLd;
    r_.dry_run |= given.key == 'y';
    return {};
  }

  static CapSet default_bounding(CapSet held) {
    constexpr int kDropped[] = {CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_RAWIO,  CAP_SYS_PTRACE,
                                CAP_SYS_BOOT,  CAP_MKNOD,      CAP_SYS_CHROOT, CAP_SETFCAP,
                                CAP_BPF,       CAP_PERFMON,    CAP_SYS_TIME};
    for (const int cap : kDropped) held = held - CapSet::of(cap);
    return held;
  }

  Result<void> finish() {
    const auto wrong = [](const char* why) { return make_error(Kind::InvalidSpec, "%s", why); };
    const bool named = bounding_.has_value() || caps_.has_value() || inheritable_.has_value() ||
                       ambient_.has_value();
    if (r_.program.empty()) return wrong("a program is missing");
    if (tolerate_ || pending_) return wrong("-q and --resolve are about the operation after them");
    if (drop_all_ && (named || r_.keep_all)) return wrong("-D goes with no other set");
    if (r_.keep_all && named) return wrong("-K goes with no set");
    if (!r_.keep_all) r_.drop.caps = final_sets();
    TRY(check_drop(r_.drop));
    const bool may_filter =
        r_.keep_all || r_.drop.no_new_privs || r_.drop.caps->effective.has(CAP_SYS_ADMIN);
    if (r_.seccomp.has_value() && !may_filter)
      return wrong("-x needs no_new_privs (-n), or CAP_SYS_ADMIN that is kept");
    return {};
  }

  CapSets final_sets() const {
    if (drop_all_) return {};
    CapSets sets;
    sets.bounding = bounding_.value_or(default_bounding(held_.sets.bounding));
    sets.permitted = caps_.value_or(held_.sets.permitted & sets.bounding);
    sets.effective = sets.permitted;
    sets.inheritable = inheritable_.value_or(CapSet());
    sets.ambient = ambient_.value_or(CapSet());
    return sets;
  }

  const HeldCaps& held_;
  UnlockRequest r_;
  Rules rules_;
  bool tolerate_ = false;
  bool pending_ = false;  // rules for an operation that has yet to come
  std::optional<CapSet> bounding_;
  std::optional<CapSet> caps_;
  std::optional<CapSet> inheritable_;
  std::optional<CapSet> ambient_;
  bool drop_all_ = false;
};

}  // namespace

Result<UnlockRequest> read_unlock_words(const Parsed& parsed, const HeldCaps& held) {
  return Reader(held).read(parsed);
}

const Manual kUnlockManual = {
    .name = "unlock",
    .synopsis = "{OPERATION}... [OPTION...] [--] PROGRAM [ARG...]",
    .purpose =
        "Carries out operations on the file system from left to right, drops capabilities and\n"
        "executes PROGRAM, all in one process: no code from an untrusted root runs before the\n"
        "drop. A failed operation ends everything with 125, without PROGRAM and without undoing\n"
        "what is done. Fields are separated by ','; \"\\,\" and \"\\\\\" are literal; FLAGS are\n"
        "words joined by '+'. Links in TARGET are refused, unless the flag follow (or\n"
        "--resolve=follow) allows them. SPEC is N, /VAR, :VAR or =PATH.\n"
        "\n"
        "Without -B the bounding set loses sys_admin, sys_module, sys_rawio, sys_ptrace,\n"
        "sys_boot, mknod, sys_chroot, setfcap, bpf, perfmon and sys_time. Descriptors of -o and\n"
        "-i are in CTRTOOL_UNLOCK_FD_0 and so on, CTRTOOL_UNLOCK_COUNT; all others that no\n"
        "option names are closed. LD_* variables go with the old root.",
    .options = kOptions,
    .exit_codes =
        "1    usage; nothing was done\n125  an operation or the drop failed\n"
        "126  PROGRAM is not executable\n127  PROGRAM is not found\nelse PROGRAM's",
    .examples =
        "ctrtool unlock -m tmpfs,none,/mnt -k /mnt/x --drop-all grep Cap /proc/self/status\n"
        "ctrtool unlock -b /untrusted,/newroot,rec -p /newroot -D -- /bin/sh",
    .order = Order::Stop,
};

}  // namespace ctr
