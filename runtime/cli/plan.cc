// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/stat.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/launch.h"
#include "runtime/spec/parse.h"
#include "runtime/translate/script.h"

namespace oci::cli {
namespace {

using ctr::Result;

HostFile look_up(const std::string& path) {
  const Result<struct stat> st = ctr::sys::fstatat(ctr::kCwd, path, 0);
  const Result<struct statfs> mount = ctr::sys::statfs(path);
  if (!st.ok() || !mount.ok()) return {};
  // statfs(2): these of its flags are those of mount(2).
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return {S_ISDIR(st->st_mode) ? FileKind::Directory : FileKind::Other,
          static_cast<unsigned long>(mount->f_flags) & kFlags};
}

Result<std::string> described(const ctr::ContainerPlan& plan, const std::string& format) {
  if (format == "text") return ctr::describe_text(plan);
  if (format == "json") return ctr::describe_json(plan);
  return ctr::make_error(ctr::Kind::InvalidSpec, "option --format: %s is neither text nor json",
                         ctr::quote(format).c_str());
}

}  // namespace

Result<int> plan(const CommandContext& context, const Words& words) {
  LaunchOptions options;
  options.id = "plan";
  std::string format = "text";
  std::string bundle;
  bool as_script = false;
  const Syntax syntax{
      .command = "plan",
      .help = "Prints what `create` would do with a bundle, in order, and does nothing.",
      .options =
          {
              {"bundle", 'b', "DIR", "directory with config.json", &options.bundle, "."},
              {"config", 'f', "FILE", "configuration, if it has another name", &options.config,
               "config.json"},
              {"format", '\0', "FORMAT", "text or json", &format, "text"},
              {"as-script", '\0', "", "as a shell script of ctrtool commands", &as_script},
              {"id", '\0', "ID", "the container's ID", &options.id, "plan"},
          },
      .operands = {{"BUNDLE", Operand::kOptional, &bundle}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (!bundle.empty()) options.bundle = bundle;
  const Draft draft = TRY(read_draft(context, options));
  const Translation translation = translate(draft.spec, draft.facts, draft.translate);
  TRY(first_error(translation.problems, "config.json"));
  const std::string text =
      as_script ? plan_script(translation.plan, look_up) : TRY(described(translation.plan, format));
  TRY(print(text));
  return 0;
}

}  // namespace oci::cli
