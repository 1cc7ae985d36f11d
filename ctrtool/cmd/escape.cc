// SPDX-License-Identifier: Apache-2.0
// escape APPLET ...: the applet, from a sealed copy of the executable.
#include "ctrtool/core/kit/escape.h"

#include <algorithm>

#include "ctrtool/cmd/all.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace ctr {
namespace {

Result<void> start_again(Words words) {
  std::vector<char*> raw;
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  return escape_to_memfd(raw.data());
}

Words with_program(const Words& argv) {
  Words words{"ctrtool"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

Result<Words> own_command_line() {
  const std::string text = TRY(sys::read_file_at(kCwd, "/proc/self/cmdline"));
  Words words;
  for (const std::string_view word : split(text, '\0')) words.emplace_back(word);
  if (!words.empty()) words.pop_back();  // after the last zero byte
  return words;
}

bool ends_with(const Words& words, const Words& end) {
  return words.size() >= end.size() && std::equal(end.rbegin(), end.rend(), words.rbegin());
}

// As a stage: what the stages before us did must not be done again, so only our own words go on.
Words escape_words(const Words& argv) {
  Words words = with_program(argv);
  words[1] = "escape";
  return words;
}

}  // namespace

Result<void> escape_applet(const Words& argv) {
  if (is_escaped()) return {};
  const Result<Words> line = own_command_line();
  if (!line.ok()) return start_again(with_program(argv));
  // The whole of it, so that /proc/PID/cmdline stays what it was.
  if (ends_with(*line, argv)) return start_again(*line);
  Words stage = argv;
  stage[0].insert(0, ":");
  if (ends_with(*line, stage)) return start_again(with_program(argv));
  return make_error(Kind::InvalidSpec,
                    "an escape would show words that are not on the command line: \"ctrtool escape "
                    "cmd ...\"");
}

namespace {

Result<Ending> run_escaped(const Parsed& parsed) {
  if (parsed.words.empty()) return make_error(Kind::InvalidSpec, "an applet is missing");
  std::string_view name = parsed.words[0];
  name.remove_prefix(name.rfind('/') + 1);
  const Applet* applet = find_applet(name);
  if (applet == nullptr)
    return make_error(Kind::InvalidSpec, "unknown applet %s", quote(name).c_str());
  if (applet->run == run_escape) return make_error(Kind::InvalidSpec, "escape once is enough");
  TRY(start_again(escape_words(parsed.argv)));
  return Ending{.status = applet->run(parsed.words)};
}

}  // namespace

const Manual kEscapeManual = {
    .name = "escape",
    .synopsis = "APPLET [ARG...]",
    .purpose =
        "Runs APPLET from a sealed copy of ctrtool in memory: whoever sees its process from a\n"
        "container, by /proc/PID/exe, gets no hold on the host's file. The words and the\n"
        "environment stay as they are. Applets that enter containers do so by themselves.",
    .options = {},
    .exit_codes = "255  no copy could be made, no such applet\nelse APPLET's",
    .examples = "ctrtool escape launcher -w -mp -t -- sh",
    .order = Order::Stop,
    .usage_status = kExitDispatch,
    .failure_status = kExitDispatch,
};

int run_escape(const Words& argv) { return run_applet(kEscapeManual, argv, run_escaped); }

}  // namespace ctr
