// SPDX-License-Identifier: Apache-2.0
// Files for tests: short answers, no errors to handle. On purpose not made of ctr::sys, so that a
// mistake there can't hide itself.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

namespace support {

std::string read_file(const std::string& path);  // "" when it can't be read
bool write_file(const std::string& path, std::string_view text, mode_t mode = 0644);
bool append_file(const std::string& path, std::string_view text);
bool copy_file(const std::string& from, const std::string& to, mode_t mode);
bool path_exists(const std::string& path);  // links are not followed
void make_directories(const std::string& path, mode_t mode = 0755);
std::vector<std::string> list_directory(const std::string& path);  // sorted, without . and ..
void remove_tree(const std::string& path);
std::string link_target(const std::string& path);

std::vector<std::string> lines_of(std::string_view text);
bool contains(std::string_view text, std::string_view part);

// A directory below /tmp that goes when this does.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace support
