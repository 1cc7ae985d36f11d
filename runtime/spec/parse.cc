// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/parse.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "runtime/spec/check.h"
#include "runtime/spec/json.h"
#include "runtime/spec/schema.h"

namespace oci {
namespace {

void check(const std::vector<Mount>& mounts, const Pointer& at, Problems& problems) {
  for (std::size_t i = 0; i < mounts.size(); ++i) check(mounts[i], at.at(i), problems);
}

template <typename T>
Parsed<T> parse(std::string text) {
  Parsed<T> parsed;
  Problems problems;
  const ctr::Result<json::Document> document = json::Document::parse(std::move(text));
  if (document.ok()) {
    Reader reader(problems);
    read(reader, document->root(), parsed.value);
    check(parsed.value, Pointer(), problems);
  } else {
    problems.error(Pointer(), document.error().message);
  }
  parsed.problems = std::move(problems).take();
  return parsed;
}

ctr::Error too_large(const std::string& name) {
  return ctr::make_error(ctr::Kind::InvalidSpec, "%s: larger than %zu bytes", name.c_str(),
                         json::kMaxInput);
}

// Reads to the end; `expected` bytes are likely, one more tells that it was the end.
ctr::Result<std::string> read_to_end(ctr::BorrowedFd fd, std::size_t expected,
                                     const std::string& name) {
  std::string text(expected + 1, '\0');
  std::size_t used = 0;
  while (used <= json::kMaxInput) {
    if (used == text.size()) text.resize(2 * used);
    const ssize_t got = ::read(fd.raw(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ctr::sys_error(errno, "read %s", name.c_str());
    if (got == 0) {
      text.resize(used);
      return text;
    }
    used += static_cast<std::size_t>(got);
  }
  return too_large(name);
}

}  // namespace

Parsed<Spec> parse_spec(std::string text) { return parse<Spec>(std::move(text)); }

Parsed<Process> parse_process(std::string text) { return parse<Process>(std::move(text)); }

Parsed<Resources> parse_resources(std::string text) { return parse<Resources>(std::move(text)); }

Parsed<std::vector<Mount>> parse_mounts(std::string text) {
  return parse<std::vector<Mount>>(std::move(text));
}

ctr::Result<void> first_error(const std::vector<Problem>& problems, const std::string& file) {
  const auto found = std::find_if(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity == Problem::Error;
  });
  if (found == problems.end()) return {};
  return ctr::make_error(found->kind, "%s: %s", file.c_str(), found->text().c_str());
}

ctr::Result<std::string> read_config_file(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;  // a FIFO must not block
  const ctr::UniqueFd fd(static_cast<int>(TEMP_FAILURE_RETRY(::open(path.c_str(), kFlags))));
  if (!fd.valid()) return ctr::sys_error(errno, "open %s", path.c_str());
  struct stat info {};
  if (::fstat(fd.raw(), &info) != 0) return ctr::sys_error(errno, "stat %s", path.c_str());
  if (!S_ISREG(info.st_mode)) {
    return ctr::make_error(ctr::Kind::InvalidSpec, "%s: not a regular file", path.c_str());
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > json::kMaxInput) return too_large(path);
  return read_to_end(fd, size, path);
}

ctr::Result<std::string> read_config(ctr::BorrowedFd fd, const std::string& name) {
  constexpr std::size_t kLikely = (4U << 10U) - 1;
  return read_to_end(fd, kLikely, name);
}

}  // namespace oci
