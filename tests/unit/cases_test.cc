// SPDX-License-Identifier: Apache-2.0
// tests/CASES.md: every case is there, and what proves it is too.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/test_names.h"

namespace {

struct Case {
  std::string id;
  std::vector<std::string> proofs;
  bool open = false;  // says what is not proved yet
};

std::vector<Case> cases_of_table() {
  std::vector<Case> cases;
  for (const std::string& line :
       support::lines_of(support::read_file(support::source_dir() + "/tests/CASES.md"))) {
    const std::vector<std::string_view> cells = ctr::split(line, '|');
    if (cells.size() != 5 || cells[1].find('-') != 4) continue;
    cases.push_back({std::string(ctr::trim(cells[1])), support::quoted_words(cells[3]),
                     cells[3].find("open: ") != std::string_view::npos});
  }
  return cases;
}

TEST(Cases, HasEveryIdInOrder) {
  std::vector<std::string> wanted;
  for (const auto& [family, count] : {std::pair{"SEC", 44}, {"BAD", 48}, {"FLT", 40}})
    for (int i = 1; i <= count; ++i) wanted.push_back(ctr::strf("%s-%02d", family, i));
  std::vector<std::string> found;
  for (const Case& one : cases_of_table()) found.push_back(one.id);
  EXPECT_EQ(found, wanted);
}

TEST(Cases, NamesTestsThatAreThereOrSaysWhatIsOpen) {
  const std::set<std::string> tests = support::names_of_all_tests();
  for (const Case& one : cases_of_table()) {
    EXPECT_TRUE(one.open || !one.proofs.empty()) << one.id;
    for (const std::string& proof : one.proofs)
      EXPECT_TRUE(tests.contains(proof)) << one.id << ": " << proof;
  }
}

}  // namespace
