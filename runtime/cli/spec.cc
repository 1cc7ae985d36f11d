// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/commands.h"
#include "runtime/spec/defaults.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Result;
using ctr::UniqueFd;

// O_EXCL: what somebody has written by hand is never overwritten.
Result<void> write_new(BorrowedFd dir, const std::string& file, std::string_view text) {
  const Result<UniqueFd> fd =
      ctr::sys::openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0644);
  if (fd.ok()) return ctr::sys::write_all(*fd, text);
  if (fd.error().code != EEXIST) return fd.error();
  return ctr::make_error(ctr::Kind::Exists, "%s exists and is not overwritten",
                         ctr::quote(file).c_str());
}

}  // namespace

Result<int> spec(const CommandContext& /*context*/, const Words& words) {
  std::string bundle = ".";
  std::string file = "config.json";
  bool rootless = false;
  const Syntax syntax{
      .command = "spec",
      .help = "Writes a configuration to start from. An existing file is not overwritten.",
      .options = {{"bundle", 'b', "DIR", "directory to write to", &bundle, "."},
                  {"file", 'f', "FILE", "name of the file, relative to the bundle", &file,
                   "config.json"},
                  {"rootless", '\0', "", "for a user who is not root", &rootless}},
      .operands = {},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const UniqueFd dir = TRY_CTX(ctr::sys::open(bundle, O_RDONLY | O_DIRECTORY), "option --bundle");
  TRY(write_new(dir, file,
                to_json(default_spec(rootless ? DefaultKind::Rootless : DefaultKind::Privileged))));
  return 0;
}

}  // namespace oci::cli
