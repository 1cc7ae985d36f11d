// SPDX-License-Identifier: Apache-2.0
// JSON → structs, with every problem of the document and not only the first: `validate` prints them
// all, everybody else takes first_error(). Nothing here looks at the host.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"
#include "runtime/spec/problem.h"
#include "runtime/spec/spec.h"

namespace oci {

// The value is whole only if no problem is an Error.
template <typename T>
struct Parsed {
  T value;
  std::vector<Problem> problems;  // in the order they were found
};

Parsed<Spec> parse_spec(std::string text);
Parsed<Process> parse_process(std::string text);            // exec --process
Parsed<Resources> parse_resources(std::string text);        // update --resources
Parsed<std::vector<Mount>> parse_mounts(std::string text);  // mounts add

// "config.json: /root/path: must not be empty"; nothing if all problems are warnings.
ctr::Result<void> first_error(const std::vector<Problem>& problems, const std::string& file);

// The value, or the first error.
template <typename T>
ctr::Result<T> first_error(Parsed<T> parsed, const std::string& file = "config.json") {
  TRY(first_error(parsed.problems, file));
  return std::move(parsed.value);
}

// The text of a regular file of bounded size. Whatever else the name stands for (a FIFO, a device,
// a directory) is refused at once: nothing is waited for.
ctr::Result<std::string> read_config_file(const std::string& path);

// The same bound for an open descriptor of any kind ("-" is stdin); waits for its end. `name` is
// for messages.
ctr::Result<std::string> read_config(ctr::BorrowedFd fd, const std::string& name);

}  // namespace oci
