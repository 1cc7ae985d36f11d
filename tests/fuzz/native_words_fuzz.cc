// SPDX-License-Identifier: Apache-2.0
// Command lines of the native tools, a word a line: no crash, and a message of one line.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/cmd/all.h"
#include "ctrtool/cmd/exports.h"
#include "ctrtool/cmd/init_words.h"
#include "ctrtool/cmd/join_spec.h"
#include "ctrtool/cmd/launcher_words.h"
#include "ctrtool/cmd/make_ns_words.h"
#include "ctrtool/cmd/mount_items.h"
#include "ctrtool/cmd/ns_open_file_words.h"
#include "ctrtool/cmd/ns_words.h"
#include "ctrtool/cmd/syslog_line.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/plan/validate.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::accepted;

ctr::Result<ctr::Parsed> parsed(const ctr::Manual& manual, std::string_view text) {
  ctr::Words words{manual.name};
  for (const std::string_view word : ctr::split(text, '\n')) words.emplace_back(word);
  return ctr::parse_words(manual, words);
}

void launcher(std::string_view text) {
  const ctr::Result<ctr::Parsed> words = parsed(ctr::kLauncherManual, text);
  if (!accepted(words) || words->help || words->version) return;
  const ctr::CapSet all = ctr::CapSet::up_to(ctr::kLastNamedCap);
  const ctr::Result<ctr::LauncherRequest> request = ctr::read_launcher_words(
      *words, {.bounding = all, .effective = all, .permitted = all}, ctr::kLastNamedCap);
  if (!accepted(request) || !accepted(ctr::check_launcher(*request, false))) return;
  CTR_ASSERT(!ctr::describe_text(ctr::plan_launcher(*request, {"PATH=/bin"})).empty());
}

void mounts(std::string_view text) {
  const ctr::Result<ctr::Parsed> words = parsed(ctr::kMountSeqManual, text);
  if (accepted(words) && !words->help) static_cast<void>(accepted(ctr::read_mount_words(*words)));
}

void files(std::string_view text) {
  const ctr::Result<ctr::Parsed> words = parsed(ctr::kNsOpenFileManual, text);
  if (accepted(words) && !words->help) static_cast<void>(accepted(ctr::parse_ns_open_file(*words)));
}

void namespaces(std::string_view text) {
  const ctr::Result<ctr::Parsed> words = parsed(ctr::kMakeNsManual, text);
  if (accepted(words) && !words->help) static_cast<void>(accepted(ctr::read_make_ns_words(*words)));
}

void init(std::string_view text) {
  const ctr::Result<ctr::Parsed> words = parsed(ctr::kMiniInitManual, text);
  if (accepted(words) && !words->help)
    static_cast<void>(accepted(ctr::read_init_words(*words, true)));
}

void values(std::string_view text) {
  static_cast<void>(accepted(ctr::parse_fixed_fd(text)));
  static_cast<void>(accepted(ctr::parse_join_spec(text)));
  static_cast<void>(accepted(ctr::parse_ns_letters(text)));
  static_cast<void>(accepted(ctr::parse_propagation(text)));
  static_cast<void>(accepted(ctr::parse_time_offset(text)));
  static_cast<void>(ctr::parse_log_message(text));
  static_cast<void>(accepted(ctr::parse_severity(text)));
  static_cast<void>(accepted(ctr::parse_uid_range(text)));
}

constexpr void (*kTargets[])(std::string_view) = {launcher,   mounts, files,
                                                  namespaces, init,   values};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kTargets, data, size);
}
