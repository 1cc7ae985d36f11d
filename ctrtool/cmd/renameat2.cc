// SPDX-License-Identifier: Apache-2.0
// renameat2: the system call, and nothing but it unless --fallback asks for more.
#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/fd_spec.h"
#include "ctrtool/cmd/words.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

constexpr OptionRow kOptions[] = {
    {'x', "exchange", "", "swap the two names atomically; both must exist"},
    {'n', "no-replace", "", "fail if TARGET exists", "replace it"},
    {'w', "whiteout", "", "leave a whiteout (character device 0:0) at SOURCE"},
    {'s', "source-dir", "FD", "SOURCE is relative to this directory", "the working directory"},
    {'d', "target-dir", "FD", "TARGET is relative to this directory", "the working directory"},
    {'f', "fallback", "", "if the file system lacks the flag, go by several calls, and say so"},
    {'v', "verbose", "", "say what was done"},
};

struct Place {
  std::optional<FdArgument> directory{};
  std::string path{};
  BorrowedFd dir() const { return directory.has_value() ? directory->fd() : kCwd; }
};

struct Request {
  Place source{};
  Place target{};
  unsigned flags = 0;
  bool fallback = false;
  bool verbose = false;
};
constexpr SwitchRow<Request> kSwitches[] = {{'f', &Request::fallback}, {'v', &Request::verbose}};

Result<void> take(const Given& given, Request& request) {
  constexpr int kDirectory = O_PATH | O_DIRECTORY;
  take_switch(given, kSwitches, request);
  switch (given.key) {
    case 'x':
      request.flags |= RENAME_EXCHANGE;
      break;
    case 'n':
      request.flags |= RENAME_NOREPLACE;
      break;
    case 'w':
      request.flags |= RENAME_WHITEOUT;
      break;
    case 's':
    case 'd': {
      FdArgument directory = TRY_CTX(take_fd(given.value, kDirectory), "%s", given.word.c_str());
      (given.key == 's' ? request.source : request.target).directory.emplace(std::move(directory));
      break;
    }
    default:
      break;
  }
  return {};
}

Result<void> rename(const Request& request, unsigned flags) {
  return sys::renameat2(request.source.dir(), request.source.path, request.target.dir(),
                        request.target.path, flags);
}

// link(2) never replaces, but both names exist for a moment.
Result<void> move_by_link(const Request& request) {
  const Place& from = request.source;
  const Place& to = request.target;
  if (::linkat(from.dir().raw(), from.path.c_str(), to.dir().raw(), to.path.c_str(), 0) < 0) {
    const int err = errno;
    return sys_error(err, "link %s to %s", quote(from.path).c_str(), quote(to.path).c_str());
  }
  return sys::unlinkat(from.dir(), from.path, 0);
}

// By way of a third name beside SOURCE. When the second step fails, the first is undone.
Result<void> swap_by_renames(const Request& request) {
  const BorrowedFd dir = request.source.dir();
  const std::string& source = request.source.path;
  const std::string aside = source + strf(".swap-%d", ::getpid());
  TRY(sys::renameat2(dir, source, dir, aside, 0));
  const Result<void> moved =
      sys::renameat2(request.target.dir(), request.target.path, dir, source, 0);
  if (!moved.ok()) {
    const Result<void> undone = sys::renameat2(dir, aside, dir, source, 0);
    if (undone.ok()) return moved;
    return make_error(Kind::System, "%s; and %s", moved.error().message.c_str(),
                      undone.error().message.c_str());
  }
  return sys::renameat2(dir, aside, request.target.dir(), request.target.path, 0);
}

bool lacks_flag(int err) { return err == EINVAL || err == ENOSYS || err == ENOTSUP; }

Result<void> rename_somehow(const Request& request) {
  Result<void> done = rename(request, request.flags);
  if (done.ok() || request.flags == 0 || !lacks_flag(done.error().code)) return done;
  const bool can_fall_back = request.flags == RENAME_EXCHANGE || request.flags == RENAME_NOREPLACE;
  if (!request.fallback || !can_fall_back) {
    done.error().message += " (does the file system support this flag?)";
    return done;
  }
  complain("renameat2", done.error().message + "; going on by several calls, not atomically");
  return request.flags == RENAME_EXCHANGE ? swap_by_renames(request) : move_by_link(request);
}

// The kernel would say EINVAL, as it does for a file system that lacks the flag.
Result<void> check_flags(unsigned flags) {
  const bool exchange = (flags & RENAME_EXCHANGE) != 0;
  if (exchange && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) != 0)
    return sys_error(EINVAL, "--exchange goes with neither --no-replace nor --whiteout");
  return {};
}

Result<Ending> run(const Parsed& parsed) {
  Request request;
  for (const Given& given : parsed.options) TRY(take(given, request));
  if (parsed.words.size() != 2)
    return make_error(Kind::InvalidSpec, "expected SOURCE and TARGET, got %zu words",
                      parsed.words.size());
  request.source.path = parsed.words[0];
  request.target.path = parsed.words[1];
  TRY(check_flags(request.flags));
  TRY(rename_somehow(request));
  if (request.verbose)
    TRY(print(strf("%s %s %s\n", quote(request.source.path).c_str(),
                   (request.flags & RENAME_EXCHANGE) != 0 ? "<->" : "->",
                   quote(request.target.path).c_str())));
  return Ending{};
}

}  // namespace

const Manual kRenameat2Manual = {
    .name = "renameat2",
    .synopsis = "[-xnwfv] [-s FD] [-d FD] [--] SOURCE TARGET",
    .purpose =
        "Renames SOURCE to TARGET by one call of renameat2(2). Copies nothing.\n"
        "FD is a number, /VAR or :VAR (a number in a variable), or =PATH.",
    .options = kOptions,
    .exit_codes = "0  done\n1  the call failed\n2  bad options, descriptors or operands",
    .examples =
        "ctrtool renameat2 -x site site.new\n"
        "ctrtool renameat2 --no-replace --target-dir =/srv a b",
    .order = Order::Permute,
    .usage_status = 2,
    .failure_status = 1,
};

int run_renameat2(const Words& argv) { return run_applet(kRenameat2Manual, argv, run); }

}  // namespace ctr
