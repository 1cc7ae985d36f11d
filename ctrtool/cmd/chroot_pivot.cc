// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/chroot_pivot.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/reap.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/exec/child.h"
#include "ctrtool/core/exec/context.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"

namespace ctr {
namespace {

// --- the helper ----------------------------------------------------------------------------------

std::string absolute(const std::string& path) { return path.starts_with('/') ? path : "/" + path; }

Result<void> enter_root(const ChrootPivot& r, Context& ctx) {
  if (r.root_fd.valid()) return run(EnterRoot{r.root_fd.raw(), r.root}, ctx);
  return run(ChangeRoot{r.root}, ctx);
}

Result<void> check_mount_point(const std::string& path) {
  const struct statx st = TRY(sys::statx(kCwd, path, 0, STATX_BASIC_STATS));
  if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) return {};
  return sys_error(EINVAL, "%s is not a mount point", quote(path).c_str());
}

Result<void> pivot(const ChrootPivot& r, Context& ctx) {
  // Our working directory is where a new root is that only a descriptor leads to.
  if (r.new_root_fd.valid()) TRY(sys::fchdir(r.new_root_fd));
  const std::string new_root = r.new_root_fd.valid() ? "." : absolute(r.new_root);
  if (!r.bind) TRY(check_mount_point(new_root));
  if (r.make_private) TRY(run(SetPropagation{"/", MS_PRIVATE}, ctx));
  TRY(run(TakeRoot{new_root}, ctx));
  if (r.make_private) TRY(run(SetMountAttrs{"/", {.propagation = MS_PRIVATE}}, ctx));
  const bool relative = r.new_root_fd.valid() || r.put_old == ".";
  return run(PivotRoot{.put_old = relative ? r.put_old : absolute(r.put_old)}, ctx);
}

// Where the old root has gone to, as the new one has it: below NEW_ROOT, or stacked on top of it.
std::string old_place(const ChrootPivot& r) {
  if (r.put_old == ".") return "/";
  if (r.new_root_fd.valid()) return absolute(r.put_old);
  const std::string old = absolute(r.put_old);
  const std::string top = absolute(r.new_root);
  if (!old.starts_with(top)) return old;
  const std::string rest = old.substr(top.size());
  return absolute(rest);
}

Result<void> detach_old(const ChrootPivot& r, Context& ctx) {
  // Whatever is on top there: the old root, if it has been stacked.
  ctx.root = TRY(sys::open("/", O_PATH | O_DIRECTORY));
  return run(Unmount{old_place(r), MNT_DETACH}, ctx);
}

std::optional<PivotFailure> run_helper(const ChrootPivot& r) {
  Context ctx;
  const Result<void> entered = enter_root(r, ctx);
  if (!entered.ok()) return PivotFailure{PivotStage::Root, entered.error()};
  const Result<void> pivoted = pivot(r, ctx);
  if (!pivoted.ok()) return PivotFailure{PivotStage::Pivot, pivoted.error()};
  if (!r.detach) return std::nullopt;
  const Result<void> detached = detach_old(r, ctx);
  if (!detached.ok()) return PivotFailure{PivotStage::After, detached.error()};
  return std::nullopt;
}

// --- the parent ----------------------------------------------------------------------------------

PivotFailure helper_failed(Error error) { return {PivotStage::Helper, std::move(error)}; }

std::string wire_form(const std::optional<PivotFailure>& failure) {
  if (!failure.has_value()) return "+";
  return strf("%d", static_cast<int>(failure->stage)) + encode_error(failure->error);
}

std::optional<PivotFailure> failure_of(const std::string& wire) {
  if (wire == "+") return std::nullopt;
  const std::optional<Error> error =
      wire.empty() ? std::nullopt : decode_error(std::string_view(wire).substr(1));
  if (!error.has_value())
    return PivotFailure{PivotStage::After, make_error(Kind::ChildDied, "the helper died")};
  return PivotFailure{static_cast<PivotStage>(wire[0] - '0'), *error};
}

}  // namespace

std::optional<PivotFailure> chroot_pivot(const ChrootPivot& request) {
  Result<sys::Pipe> report = sys::pipe();
  if (!report.ok()) return helper_failed(report.error());
  const Result<sys::Cloned> helper = sys::clone3(0, kNoFd);
  if (!helper.ok()) return helper_failed(helper.error());
  if (helper->pid == 0) {
    (void)sys::write_all(report->write, wire_form(run_helper(request)));
    child_exit(0);
  }
  report->write.reset();
  const Result<std::string> wire = sys::read_all(report->read);
  (void)sys::waitpid(helper->pid, 0);
  return failure_of(wire.ok() ? *wire : "");
}

namespace {

// --- words ---------------------------------------------------------------------------------------

constexpr OptionRow kOptions[] = {
    {'u', "unmount", "", "detach PUT_OLD afterwards"},
    {'b', "bind", "", "bind NEW_ROOT over itself if it is no mount point"},
    {'p', "private", "", "make the propagation of both mounts private before"},
};

struct Operand {
  std::string path;
  std::optional<FdArgument> fd{};
  BorrowedFd raw() const { return fd.has_value() ? fd->fd() : kNoFd; }
};

Result<Operand> operand_of(const std::string& word) {
  constexpr std::string_view kPrefix = "fd:";
  Operand operand{.path = word};
  if (!word.starts_with(kPrefix)) return operand;
  FdArgument fd =
      TRY_CTX(take_fd(std::string_view(word).substr(kPrefix.size()), O_PATH | O_DIRECTORY), "%s",
              quote(word).c_str());
  operand.fd.emplace(std::move(fd));
  return operand;
}

Result<Ending> run(const Parsed& parsed) {
  if (parsed.words.size() != 1 && parsed.words.size() != 3)
    return make_error(Kind::InvalidSpec, "one operand or three: CHROOT_DIR NEW_ROOT PUT_OLD");
  ChrootPivot request{.root = "/", .new_root = parsed.words[0], .put_old = "."};
  const bool alone = parsed.words.size() == 1;
  const Operand first = TRY(operand_of(parsed.words[0]));
  const Operand second = TRY(operand_of(alone ? "." : parsed.words[1]));
  if (alone) {
    // Not below our root, but from where we are.
    if (!first.fd.has_value()) {
      const std::string here = TRY(sys::getcwd());
      if (!first.path.starts_with('/')) request.new_root = here + "/" + first.path;
    }
    request.new_root_fd = first.raw();
  } else {
    request.root = first.path;
    request.root_fd = first.raw();
    request.new_root = second.path;
    request.new_root_fd = second.raw();
    request.put_old = parsed.words[2];
  }
  for (const Given& given : parsed.options) {
    request.detach |= given.key == 'u';
    request.bind |= given.key == 'b';
    request.make_private |= given.key == 'p';
  }
  const ReapOurselves reap;
  const std::optional<PivotFailure> failure = chroot_pivot(request);
  if (!failure.has_value()) return Ending{};
  complain("chroot_pivot", failure->error.message);
  return Ending{.status = static_cast<int>(failure->stage)};
}

}  // namespace

const Manual kChrootPivotManual = {
    .name = "chroot_pivot",
    .synopsis = "[OPTION...] CHROOT_DIR NEW_ROOT PUT_OLD\n[OPTION...] NEW_ROOT",
    .purpose =
        "Exchanges what is mounted on CHROOT_DIR for the mount on NEW_ROOT, for the whole\n"
        "mount namespace: pivot_root(2) in a helper whose root is CHROOT_DIR. NEW_ROOT and\n"
        "PUT_OLD, at or below NEW_ROOT, are paths in there. Our own root and working directory\n"
        "stay as they are, unless they are the mount that goes.\n"
        "With one operand our root itself is exchanged, and the old one is left on top of the\n"
        "new one (-u takes it away). \"fd:SPEC\" (fd:7, fd:/VAR) is a directory's descriptor;\n"
        "PUT_OLD then starts from NEW_ROOT.",
    .options = kOptions,
    .exit_codes =
        "0    done\n1    usage, or no helper could be started\n"
        "2    CHROOT_DIR could not be entered\n3    pivot_root failed\n4    anything else",
    .examples =
        "ctrtool chroot_pivot /srv /new /new/old\n"
        "ctrtool chroot_pivot -u -b -p /newroot",
    .order = Order::Permute,
    .failure_status = static_cast<int>(PivotStage::After),
};

int run_chroot_pivot(const Words& argv) { return run_applet(kChrootPivotManual, argv, run); }

}  // namespace ctr
