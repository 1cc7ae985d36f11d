// SPDX-License-Identifier: Apache-2.0
// tests/CASES.md, tests/NATIVE.md and tests/CLI.md: every case is there, and what proves it is too.
#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"
#include "tests/support/test_names.h"

namespace {

struct Case {
  std::string id;
  std::string level;  // where the document has such a column
  std::vector<std::string> proofs;
  bool open = false;  // says what is not proved yet
};

// "SEC-01", "launcher-S12".
bool is_id(std::string_view text) {
  return text.find('-') != std::string_view::npos && text.front() != '-' &&
         std::isdigit(static_cast<unsigned char>(text.back())) != 0;
}

// The rows "| ID | what | proofs |" or "| ID | level | what | proofs |" of a document below tests/.
std::vector<Case> cases_of_table(const std::string& document) {
  std::vector<Case> cases;
  for (const std::string& line :
       support::lines_of(support::read_file(support::source_dir() + "/tests/" + document))) {
    const std::vector<std::string_view> cells = ctr::split(line, '|');
    if (cells.size() < 5 || cells.size() > 6 || !is_id(ctr::trim(cells[1]))) continue;
    const std::string_view proofs = cells[cells.size() - 2];
    cases.push_back({std::string(ctr::trim(cells[1])),
                     std::string(cells.size() == 6 ? ctr::trim(cells[2]) : ""),
                     support::quoted_words(proofs),
                     proofs.find("open: ") != std::string_view::npos});
  }
  return cases;
}

std::vector<std::string> ids_of_table(const std::string& document) {
  std::vector<std::string> ids;
  for (const Case& one : cases_of_table(document)) ids.push_back(one.id);
  return ids;
}

void expect_proofs(const std::string& document) {
  const std::set<std::string> tests = support::names_of_all_tests();
  for (const Case& one : cases_of_table(document)) {
    EXPECT_TRUE(one.open || !one.proofs.empty()) << one.id;
    for (const std::string& proof : one.proofs)
      EXPECT_TRUE(tests.contains(proof)) << one.id << ": " << proof;
  }
}

TEST(Cases, HasEveryIdInOrder) {
  std::vector<std::string> wanted;
  for (const auto& [family, count] : {std::pair{"SEC", 44}, {"BAD", 48}, {"FLT", 40}})
    for (int i = 1; i <= count; ++i) wanted.push_back(ctr::strf("%s-%02d", family, i));
  EXPECT_EQ(ids_of_table("CASES.md"), wanted);
}

TEST(Cases, NamesTestsThatAreThereOrSaysWhatIsOpen) { expect_proofs("CASES.md"); }

TEST(NativeCases, HasEveryIdInOrder) {
  struct Document {
    const char* name;
    std::vector<std::pair<char, int>> lists;  // its letter, and how many there are
  };
  const std::vector<Document> documents = {
      {"multicall", {{'S', 6}, {'X', 3}, {'I', 7}, {'E', 6}}},
      {"common", {{'C', 14}}},
      {"chaining", {{'S', 5}, {'E', 5}}},
      {"launcher",
       {{'O', 6}, {'S', 33}, {'D', 4}, {'H', 3}, {'V', 5}, {'R', 2}, {'I', 11}, {'E', 8}}},
      {"rootfs-mount", {{'O', 3}, {'S', 9}, {'I', 6}, {'E', 6}}},
      {"mount_seq", {{'O', 2}, {'S', 4}, {'K', 1}, {'I', 8}, {'E', 7}}},
      {"mini-init", {{'O', 2}, {'A', 7}, {'S', 6}, {'I', 7}, {'E', 6}}},
      {"reset_cgroup", {{'S', 5}, {'I', 5}, {'E', 6}}},
      {"set_fds", {{'S', 8}, {'I', 6}, {'E', 6}}},
      {"cmd", {{'O', 2}, {'R', 4}, {'S', 4}, {'E', 5}}},
      {"env", {{'S', 7}, {'E', 6}}},
      {"help", {{'O', 2}, {'R', 5}, {'E', 5}}},
      {"nsenter", {{'J', 6}, {'O', 2}, {'S', 9}, {'X', 1}, {'N', 2}, {'E', 6}}},
  };
  std::vector<std::string> wanted;
  for (const Document& document : documents)
    for (const auto& [letter, count] : document.lists)
      for (int i = 1; i <= count; ++i)
        wanted.push_back(ctr::strf("%s-%c%d", document.name, letter, i));
  EXPECT_EQ(ids_of_table("NATIVE.md"), wanted);
}

TEST(NativeCases, NamesTestsThatAreThere) {
  expect_proofs("NATIVE.md");
  for (const Case& one : cases_of_table("NATIVE.md")) EXPECT_FALSE(one.open) << one.id;
}

TEST(CliCases, HasEveryIdInOrder) {
  const std::vector<std::pair<const char*, int>> lists = {
      {"rules", 20},  {"calls", 19},   {"global", 13},     {"create", 10},  {"start", 2},
      {"run", 4},     {"exec", 20},    {"kill", 5},        {"delete", 5},   {"state", 1},
      {"list", 3},    {"ps", 2},       {"pause", 1},       {"update", 6},   {"spec", 3},
      {"events", 1},  {"features", 1}, {"checkpoint", 14}, {"restore", 10}, {"mounts", 1},
      {"version", 1}, {"help", 1},     {"log", 5},         {"text", 13},    {"status", 6},
      {"console", 6}, {"pidfd", 1},    {"pidfile", 1},     {"fds", 3},      {"notify", 3},
      {"gate", 5},    {"root", 2},     {"record", 5},      {"answer", 3},   {"tells", 5},
      {"limits", 7},  {"stats", 6},    {"annotation", 16}, {"hook", 10},    {"environment", 3},
      {"caller", 5},  {"accept", 10}};
  std::vector<std::string> wanted;
  for (const auto& [list, count] : lists)
    for (int i = 1; i <= count; ++i) wanted.push_back(ctr::strf("%s-%d", list, i));
  EXPECT_EQ(ids_of_table("CLI.md"), wanted);
}

TEST(CliCases, NamesTestsThatAreThereOrSaysWhatIsOpen) {
  expect_proofs("CLI.md");
  for (const Case& one : cases_of_table("CLI.md"))
    EXPECT_TRUE(one.level == "MUST" || one.level == "SHOULD" || one.level == "NICE") << one.id;
}

}  // namespace
