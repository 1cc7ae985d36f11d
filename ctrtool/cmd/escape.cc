// SPDX-License-Identifier: Apache-2.0
// escape APPLET ...: the applet, from a sealed copy of the executable.
#include "ctrtool/core/kit/escape.h"

#include "ctrtool/cmd/all.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {
namespace {

// As a stage: what the stages before us did must not be done again, so only our own words go on.
Result<void> escape_with(const Words& argv) {
  Words words{"ctrtool"};
  words.insert(words.end(), argv.begin(), argv.end());
  words[1] = "escape";
  std::vector<char*> raw;
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  return escape_to_memfd(raw.data());
}

}  // namespace

int run_escape(const Words& argv) {
  if (argv.size() < 2) {
    complain("escape", "an applet is missing");
    return kExitDispatch;
  }
  std::string_view name = argv[1];
  name.remove_prefix(name.rfind('/') + 1);
  const Applet* applet = find_applet(name);
  if (applet == nullptr || applet->run == run_escape) {
    complain("escape", applet == nullptr ? strf("unknown applet %s", quote(name).c_str())
                                         : std::string("escape once is enough"));
    return kExitDispatch;
  }
  const Result<void> escaped = escape_with(argv);
  if (!escaped.ok()) {
    complain("escape", escaped.error().message);
    return kExitDispatch;
  }
  return applet->run(Words(argv.begin() + 1, argv.end()));
}

}  // namespace ctr
