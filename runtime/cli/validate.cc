// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/strf.h"
#include "runtime/cli/launch.h"
#include "runtime/cli/path.h"
#include "runtime/spec/parse.h"

namespace oci::cli {
namespace {

using ctr::Result;

bool has_error(const std::vector<Problem>& problems) {
  for (const Problem& problem : problems)
    if (problem.severity == Problem::Error) return true;
  return false;
}

std::string line(const Problem& problem) {
  return ctr::strf("%s: %s\n", problem.word(), ctr::one_line(problem.text()).c_str());
}

// What only this host or this user cannot do is a problem too: the plan says.
Result<std::vector<Problem>> problems_of(const CommandContext& context,
                                         const LaunchOptions& options) {
  const std::string bundle = TRY_CTX(absolute_path(options.bundle), "option --bundle");
  std::string text = TRY(read_config_file(absolute_path_in(bundle, options.config)));
  oci::Parsed<Spec> parsed = parse_spec(std::move(text));
  if (has_error(parsed.problems)) return std::move(parsed.problems);
  const Draft draft = TRY(read_draft(context, options));
  const Translation translation = translate(draft.spec, draft.facts, draft.translate);
  std::vector<Problem> all = std::move(parsed.problems);
  all.insert(all.end(), translation.problems.begin(), translation.problems.end());
  return all;
}

}  // namespace

Result<int> validate(const CommandContext& context, const Words& words) {
  LaunchOptions options;
  options.id = "validate";
  std::string bundle;
  const Syntax syntax{
      .command = "validate",
      .help =
          "Prints every problem of a bundle's configuration, with its JSON pointer.\nFails if one "
          "of "
          "them is an error.",
      .options =
          {
              {"bundle", 'b', "DIR", "directory with config.json", &options.bundle, "."},
              {"config", 'f', "FILE", "configuration, if it has another name", &options.config,
               "config.json"},
          },
      .operands = {{"BUNDLE", Operand::kOptional, &bundle}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (!bundle.empty()) options.bundle = bundle;
  const std::vector<Problem> problems = TRY(problems_of(context, options));
  std::string out;
  for (const Problem& problem : problems) out += line(problem);
  TRY(print(out));
  return has_error(problems) ? 1 : 0;
}

}  // namespace oci::cli
