// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/match.h"

#include <regex.h>

#include <array>

#include "ctrtool/core/base/strf.h"
#include "runtime/state/store.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

class Pattern {
 public:
  Pattern() = default;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern() {
    if (compiled_) ::regfree(&regex_);
  }

  Result<void> compile(const std::string& text) {
    const int code = ::regcomp(&regex_, text.c_str(), REG_EXTENDED | REG_NOSUB);
    compiled_ = code == 0;
    if (compiled_) return {};
    std::array<char, 128> why{};
    ::regerror(code, &regex_, why.data(), why.size());
    return make_error(Kind::InvalidSpec, "option --regex: %s: %s", ctr::quote(text).c_str(),
                      why.data());
  }
  bool matches(const std::string& id) const {
    return ::regexec(&regex_, id.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t regex_{};
  bool compiled_ = false;
};

}  // namespace

Result<Words> list_ids(const CommandContext& context) {
  Result<Words> ids = StateRoot(state_root(context.options)).list();
  if (!ids.ok() && ids.error().kind == Kind::NotFound && !context.options.root.has_value())
    return Words();
  return ids;
}

Result<int> for_matching(const CommandContext& context, const char* command,
                         const std::string& pattern,
                         const std::function<Result<void>(const std::string& id)>& act) {
  Pattern regex;
  TRY(regex.compile(pattern));
  int status = 0;
  for (const std::string& id : TRY(list_ids(context))) {
    if (!regex.matches(id)) continue;
    const Result<void> done = act(id);
    if (done.ok()) continue;
    report_failure(context.log, command, done.error());
    status = 1;
  }
  return status;
}

}  // namespace oci::cli
