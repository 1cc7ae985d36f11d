// SPDX-License-Identifier: Apache-2.0
// ctrtool: one program, many applets, picked by the program's name or by the first word.
#pragma once

#include <span>
#include <string_view>

namespace ctr {

struct Applet {
  const char* name;
  int (*run)(int argc, char** argv);  // argv[0] is the applet's name; answers the exit status
  const char* help;                   // one line
};

std::span<const Applet> applets();
bool is_applet(std::string_view name);

// argv[0] is the program's name: an applet's, or else the first word names the applet. A failure to
// find one is exit status 255.
int ctrtool_main(int argc, char** argv);

}  // namespace ctr
