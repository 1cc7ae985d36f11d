// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_names.h"

#include "ctrtool/core/base/strf.h"
#include "tests/support/files.h"
#include "tests/support/paths.h"

namespace support {

namespace {

// "TEST(Suite, Name)" and its relatives at the beginning of a line.
void add_tests_of(const std::string& file, std::set<std::string>& names) {
  for (const std::string& line : lines_of(read_file(file))) {
    const std::size_t open = line.find('(');
    const std::size_t comma = line.find(", ");
    const std::size_t end = line.find_first_of(",)", comma + 1);
    if (line.find("TEST") > open || open > comma || end == std::string::npos) continue;
    names.insert(line.substr(open + 1, comma - open - 1) + "." +
                 line.substr(comma + 2, end - comma - 2));
  }
}

// "t_name() {" of a script: "script.name", as ctest and the guest call it.
void add_scenarios_of(const std::string& directory, const std::string& file,
                      std::set<std::string>& names) {
  if (!file.ends_with(".sh")) return;
  for (const std::string& line : lines_of(read_file(directory + file)))
    if (const std::size_t end = line.find("() {"); line.starts_with("t_") && end != line.npos)
      names.insert(file.substr(0, file.size() - 3) + "." + line.substr(2, end - 2));
}

}  // namespace

std::vector<std::string> quoted_words(std::string_view line) {
  const std::vector<std::string_view> parts = ctr::split(line, '`');
  std::vector<std::string> words;
  for (std::size_t i = 1; i < parts.size(); i += 2) words.emplace_back(parts[i]);
  return words;
}

std::set<std::string> names_of_all_tests() {
  std::set<std::string> names;
  const std::string tests = source_dir() + "/tests";
  for (const char* room : {"/unit/", "/integration/"})
    for (const std::string& file : list_directory(tests + room))
      add_tests_of(tests + room + file, names);
  for (const std::string& name : list_directory(tests + "/golden")) names.insert("golden/" + name);
  for (const char* room : {"/guest/", "/engines/"})
    for (const std::string& file : list_directory(tests + room))
      add_scenarios_of(tests + room, file, names);
  return names;
}

}  // namespace support
