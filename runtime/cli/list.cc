// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "ctrtool/core/base/strf.h"
#include "runtime/cli/container.h"
#include "runtime/cli/match.h"
#include "runtime/state/report.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

struct Entry {
  ContainerState state;
  Status status;
};

Result<void> add_entry(const StateRoot& root, const std::string& id, std::vector<Entry>& entries) {
  const ContainerDir dir = TRY(root.open(id));
  Result<ContainerState> state = dir.load();
  if (!state.ok()) return state.error();
  const Status status = TRY(container_status(dir, *state));
  entries.emplace_back(std::move(state).value(), status);
  return {};
}

// Containers that vanish meanwhile are left out; one whose record is damaged must not hide the
// others, so it is told of and left out.
std::vector<Entry> read_entries(const CommandContext& context, const Words& ids) {
  const StateRoot root(state_root(context.options));
  std::vector<Entry> entries;
  entries.reserve(ids.size());
  for (const std::string& id : ids) {
    const Result<void> added = add_entry(root, id, entries);
    if (!added.ok() && added.error().kind != Kind::NotFound)
      report_warning(context.log, "list", added.error());
  }
  return entries;
}

std::string as_json(const std::vector<Entry>& entries) {
  json::Writer out;
  out.array([&] {
    for (const Entry& entry : entries) write_state(out, entry.state, entry.status);
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

std::string as_table(const std::vector<Entry>& entries) {
  std::vector<Row> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& [state, status] : entries)
    rows.push_back({state.id, std::to_string(shown_pid(state, status)),
                    std::string(to_string(status)), ctr::escape(state.bundle),
                    ctr::escape(state.created), owner_name(state.owner)});
  return as_table(rows);
}

std::string as_ids(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) text += entry.state.id + "\n";
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
  const std::vector<Entry> entries = read_entries(context, ids);
  TRY(print(quiet ? as_ids(entries) : format == "json" ? as_json(entries) : as_table(entries)));
  return 0;
}

}  // namespace oci::cli
