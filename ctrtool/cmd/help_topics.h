// SPDX-License-Identifier: Apache-2.0
// What "ctrtool help TOPIC" tells, besides the applets; and the variables of each applet.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctr {

struct HelpTopic {
  std::string name;
  std::string text;
};
std::vector<HelpTopic> help_topics();

struct Variable {
  const char* applet;  // empty: ctrtool's own
  const char* name;
  const char* help;
};
std::span<const Variable> variables();

}  // namespace ctr
