// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "hooks/program.h"
#include "runtime/cli/container.h"
#include "runtime/cli/ps_table.h"
#include "runtime/spec/json.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

Result<std::vector<pid_t>> container_pids(const Container& container) {
  const ctr::Cgroup cgroup = TRY(open_cgroup(container.state));
  if (!cgroup.places().empty()) return cgroup.procs();
  // Without a cgroup only the first process is known.
  const bool alive = TRY(is_alive(container.state.init));
  return alive ? std::vector<pid_t>{container.state.init.pid} : std::vector<pid_t>();
}

std::string as_json(const std::vector<pid_t>& pids) {
  json::Writer out;
  out.array([&] {
    for (const pid_t pid : pids) out.value(pid);
  });
  return std::move(out).take() + "\n";
}

// Its output goes to memory, not to a pipe: there is no size at which it would wait for us.
Result<std::string> run_ps(const Words& argv) {
  const hooks::Program program{.path = "ps",
                               .argv = argv,
                               .env = hooks::own_environment(),
                               .manners = hooks::Manners::Family};
  const UniqueFd out = TRY(ctr::sys::memfd_create("ps", 0));
  hooks::Child child = TRY(hooks::Child::start(program, {.out = out}));
  const int status = TRY(child.wait());
  if (status != 0) return make_error(Kind::System, "exit status %d", ctr::sys::exit_code(status));
  return ctr::sys::read_file_at(ctr::kCwd, ctr::sys::proc_path(out));
}

Result<std::string> as_table(const std::vector<pid_t>& pids, const Words& ps_options) {
  Words argv{"ps"};
  argv.insert(argv.end(), ps_options.begin(), ps_options.end());
  if (ps_options.empty()) argv.emplace_back("-ef");
  const std::string table = TRY_CTX(run_ps(argv), "run ps(1)");
  return filter_ps(table, pids);
}

}  // namespace

Result<int> ps(const CommandContext& context, const Words& words) {
  std::string format = "table";
  std::string id;
  Words ps_options;
  const Syntax syntax{
      .command = "ps",
      .help = "Shows the processes of a container. PSOPTION are those of ps(1); -ef without any.",
      .options = {{"format", 'f', "FORMAT", "table or json (an array of pids)", &format, "table"}},
      .operands = {{"ID", Operand::kRequired, &id}},
      .options_end = Syntax::kFirstOperand,
      .rest_name = "[PSOPTION...]",
      .rest = &ps_options,
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (format != "table" && format != "json")
    return make_error(Kind::InvalidSpec, "option --format: %s is none of table, json",
                      ctr::quote(format).c_str());
  const Container container = TRY(find_container(context, id));
  const std::vector<pid_t> pids = TRY(container_pids(container));
  if (format == "json") {
    TRY(print(as_json(pids)));
    return 0;
  }
  const std::string table = TRY(as_table(pids, ps_options));
  TRY(print(table));
  return 0;
}

}  // namespace oci::cli
