// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/strf.h"
#include "runtime/cli/launch.h"
#include "runtime/spec/parse.h"

namespace oci::cli {
namespace {

using ctr::Result;

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
  const Syntax syntax{
      .command = "plan",
      .help = "Prints what `create` would do with a bundle, in order, and does nothing.",
      .options =
          {
              {"bundle", 'b', "DIR", "directory with config.json", &options.bundle, "."},
              {"config", 'f', "FILE", "configuration, if it has another name", &options.config,
               "config.json"},
              {"format", '\0', "FORMAT", "text or json", &format, "text"},
              {"id", '\0', "ID", "the container's ID", &options.id, "plan"},
          },
      .operands = {{"BUNDLE", Operand::kOptional, &bundle}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (!bundle.empty()) options.bundle = bundle;
  const Draft draft = TRY(read_draft(context, options));
  const Translation translation = translate(draft.spec, draft.facts, draft.translate);
  TRY(first_error(translation.problems, "config.json"));
  const std::string text = TRY(described(translation.plan, format));
  TRY(print(text));
  return 0;
}

}  // namespace oci::cli
