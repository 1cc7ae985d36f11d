// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/path.h"

#include <fcntl.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"

namespace oci::cli {
namespace {

void append_components(std::string& out, std::string_view path) {
  for (const std::string_view component : ctr::split(path, '/')) {
    if (component.empty() || component == ".") continue;
    out += '/';
    out += component;
  }
}

}  // namespace

std::string absolute_path_in(std::string_view cwd, std::string_view path) {
  std::string out;
  if (!path.starts_with('/')) append_components(out, cwd);
  append_components(out, path);
  return out.empty() ? "/" : out;
}

ctr::Result<std::string> absolute_path(std::string_view path) {
  if (path.empty()) return ctr::make_error(ctr::Kind::InvalidSpec, "the path is empty");
  if (path.front() == '/') return absolute_path_in("/", path);
  const std::string cwd = TRY(ctr::sys::getcwd());
  // getcwd(2) answers "(unreachable)..." for a directory outside of our root.
  if (!cwd.starts_with('/'))
    return ctr::make_error(ctr::Kind::InvalidSpec, "%s: the working directory is unreachable",
                           ctr::quote(path).c_str());
  return absolute_path_in(cwd, path);
}

ctr::Result<std::string> real_path(std::string_view path) {
  std::string absolute = TRY(absolute_path(path));
  if ((absolute + '/').find("/../") == std::string::npos) return absolute;
  const ctr::UniqueFd directory = TRY(ctr::sys::open(absolute, O_PATH | O_DIRECTORY));
  return ctr::sys::readlinkat(ctr::kCwd, ctr::sys::proc_path(directory));
}

}  // namespace oci::cli
