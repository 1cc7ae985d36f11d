// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>

#include "ctrtool/core/base/strf.h"
#include "runtime/cli/container.h"
#include "runtime/cli/match.h"
#include "runtime/state/report.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

using Show = std::function<void(const ContainerState& state, Status status)>;

Result<void> show_one(const StateRoot& root, const std::string& id, const Show& show) {
  const ContainerDir dir = TRY(root.open(id));
  const Result<ContainerState> state = dir.load();
  if (!state.ok()) return state.error();
  const Status status = TRY(container_status(dir, *state));
  show(*state, status);
  return {};
}

// Containers that vanish meanwhile are left out; one whose record is damaged must not hide the
// others, so it is told of and left out. No more than one record at a time is kept in memory.
void show_all(const CommandContext& context, const Words& ids, const Show& show) {
  const StateRoot root(state_root(context.options));
  for (const std::string& id : ids) {
    const Result<void> shown = show_one(root, id, show);
    if (!shown.ok() && shown.error().kind != Kind::NotFound)
      report_warning(context.log, "list", shown.error());
  }
}

std::string as_json(const CommandContext& context, const Words& ids) {
  json::Writer out;
  out.array([&] {
    show_all(context, ids,
             [&](const ContainerState& state, Status status) { write_state(out, state, status); });
  });
  return std::move(out).take() + "\n";
}

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

std::string as_table(const std::vector<Row>& rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < kColumns; ++i) {
      constexpr std::size_t kLeastWidth = 9;
      constexpr std::size_t kGap = 3;
      text += row[i];
      text.append(std::max(widths[i], kLeastWidth) + kGap - row[i].size(), ' ');
    }
    text += row.back() + "\n";
  }
  return text;
}

std::string as_table(const CommandContext& context, const Words& ids) {
  std::vector<Row> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  rows.reserve(ids.size() + 1);
  show_all(context, ids, [&](const ContainerState& state, Status status) {
    rows.push_back({state.id, std::to_string(shown_pid(state, status)),
                    std::string(to_string(status)), ctr::escape(state.bundle),
                    ctr::escape(state.created), owner_name(state.owner)});
  });
  return as_table(rows);
}

std::string as_ids(const CommandContext& context, const Words& ids) {
  std::string text;
  show_all(context, ids, [&](const ContainerState& state, Status) { text += state.id + "\n"; });
  return text;
}

}  // namespace

Result<int> list(const CommandContext& context, const Words& words) {
  std::string format = "table";
  bool quiet = false;
  const Syntax syntax{
      .command = "list",
      .help = "Lists the containers of the state root.",
      .options = {{"format", 'f', "FORMAT", "table or json", &format, "table"},
                  {"quiet", 'q', "", "print only the IDs", &quiet}},
      .operands = {},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  if (format != "table" && format != "json")
    return make_error(Kind::InvalidSpec, "option --format: %s is none of table, json",
                      ctr::quote(format).c_str());
  const Words ids = TRY(list_ids(context));
  TRY(print(quiet              ? as_ids(context, ids)
            : format == "json" ? as_json(context, ids)
                               : as_table(context, ids)));
  return 0;
}

}  // namespace oci::cli
