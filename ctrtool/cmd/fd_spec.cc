// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/cmd/fd_spec.h"

#include <cerrno>
#include <cstdlib>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

Result<int> parse_fd(std::string_view text, const std::string& where) {
  const Result<int> number = parse_number<int>(text);
  if (!number.ok() || *number < 0)
    return make_error(Kind::InvalidSpec, "%s is not the number of a descriptor", where.c_str());
  return number;
}

Result<int> number_in_variable(const std::string& name) {
  if (name.empty() || name.find('=') != std::string::npos)
    return make_error(Kind::InvalidSpec, "%s is not the name of a variable", quote(name).c_str());
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    return make_error(Kind::InvalidSpec, "variable %s is not set", escape(name).c_str());
  return parse_fd(value, strf("variable %s: %s", name.c_str(), quote(value).c_str()));
}

}  // namespace

Result<int> take_fd_number(std::string_view spec) {
  if (spec.starts_with('/')) return number_in_variable(std::string(spec.substr(1)));
  if (!spec.starts_with(':')) return parse_fd(spec, quote(spec));
  const std::string name(spec.substr(1));
  const int number = TRY(number_in_variable(name));
  ::unsetenv(name.c_str());
  return number;
}

Result<void> set_inheritable(BorrowedFd fd, bool inheritable) {
  return sys::set_cloexec(fd, !inheritable);
}

Result<FdArgument> take_fd(std::string_view spec, int flags) {
  if (spec.starts_with('=')) {
    UniqueFd opened = TRY(sys::open(std::string(spec.substr(1)), flags));
    return FdArgument(std::move(opened));
  }
  const BorrowedFd fd(TRY(take_fd_number(spec)));
  const bool ours = spec.starts_with(':') && fd.raw() > STDERR_FILENO;
  const Result<void> set = set_inheritable(fd, !ours);
  if (!set.ok())
    return make_error(Kind::InvalidSpec, "descriptor %s: %d: %s", quote(spec).c_str(), fd.raw(),
                      errno_text(set.error().code).c_str());
  return FdArgument(fd);
}

}  // namespace ctr
