// SPDX-License-Identifier: Apache-2.0
// ctrtool: one program, many applets, picked by the program's name or by the first word.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctr {

struct Manual;  // ctrtool/cmd/words.h
using Words = std::vector<std::string>;

struct Applet {
  const char* name;
  const char* aliases;            // separated by blanks
  int (*run)(const Words& argv);  // argv[0] is the applet's name; answers the exit status
  const char* help;               // one line
  const Manual* manual;           // nullptr: it has no options
};

std::span<const Applet> applets();
// By name or alias, exactly; nullptr when there is none.
const Applet* find_applet(std::string_view name);
bool is_applet(std::string_view name);
// "set_fd" → ", did you mean set_fds?"; empty when nothing is near.
std::string suggest_applet(std::string_view name);

// Whether CTRTOOL_OVERRIDE_ARGV0_LOOKUP says that the first word names the applet, whatever the
// program is called.
bool override_program_name();

// argv[0] is the program's name: an applet's, or else the first word names the applet. A failure to
// find one is exit status 255.
int ctrtool_main(int argc, char** argv);

}  // namespace ctr
