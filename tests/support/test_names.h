// SPDX-License-Identifier: Apache-2.0
// Documents that name the tests which prove what they say: tables in Markdown, and the tests that
// there are.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace support {

// What stands between back quotes in a line.
std::vector<std::string> quoted_words(std::string_view line);

// "Suite.Test" of every test program in the source tree, "golden/CASE", and "FILE.NAME" of the
// scripts of the guest and the engines.
std::set<std::string> names_of_all_tests();

}  // namespace support
