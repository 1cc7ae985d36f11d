// SPDX-License-Identifier: Apache-2.0
#include "tests/support/runtime.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/paths.h"

namespace support {

std::string runtime_path() {
  const char* path = ::getenv("OCICTR");
  return path == nullptr || *path == 0 ? build_dir() + "/ocictr" : path;
}

const std::string& state_root() {
  static const std::string root = "/run/state";
  return root;
}

Command runtime_command(const std::vector<std::string>& words) {
  Command command;
  command.argv = {runtime_path(), "--root", state_root()};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  return command;
}

Outcome runtime(const std::vector<std::string>& words) { return run(runtime_command(words)); }

testing::AssertionResult ended_with(const char* command, const char* wanted_text,
                                    const Outcome& outcome, int wanted) {
  if (outcome.status == wanted) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << command << " ended with " << outcome.status << ", not " << wanted_text
         << "\nstdout: " << outcome.out << "\nstderr: " << outcome.err;
}

Outcome runtime(const std::vector<std::string>& global, const std::vector<std::string>& words) {
  std::vector<std::string> all = global;
  all.insert(all.end(), words.begin(), words.end());
  return runtime(all);
}

namespace {

std::vector<std::string> bundle_words(const char* verb, const Bundle& bundle,
                                      const std::vector<std::string>& options) {
  std::vector<std::string> words{verb, "--bundle", bundle.path()};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(bundle.id());
  return words;
}

// The whole story of one test, in the sandbox.
void guarded(const std::function<void()>& body) {
  if (const std::string why = why_no_bundle(); !why.empty()) GTEST_SKIP() << why;
  if (!path_exists(runtime_path())) GTEST_SKIP() << "no runtime at " << runtime_path();
  make_directories(state_root(), 0700);
  const Snapshot before = take_snapshot();
  body();
  const bool failed = testing::Test::HasFailure();
  if (!failed)
    for (const std::string& line : left_behind(before)) ADD_FAILURE() << "left behind: " << line;
  clean_up_machine();
}

}  // namespace

Outcome run_bundle(const Bundle& bundle, const std::vector<std::string>& options) {
  return runtime(bundle_words("run", bundle, options));
}

Outcome create_bundle(const Bundle& bundle, const std::vector<std::string>& options) {
  return runtime(bundle_words("create", bundle, options));
}

Report run_report(const Bundle& bundle) {
  const Outcome outcome = run_bundle(bundle);
  EXPECT_STATUS(outcome, 0);
  return Report(outcome.out);
}

std::string state_of(const std::string& id, const std::string& pointer) {
  const Outcome outcome = runtime({"state", id});
  if (outcome.status != 0) return "(state failed: " + outcome.err + ")";
  return pointer.empty() ? outcome.out : json_get(outcome.out, pointer).value_or("(absent)");
}

pid_t pid_of(const std::string& id) { return ::atoi(state_of(id, "/pid").c_str()); }

bool reaches(const std::string& id, const std::string& status, int timeout_ms) {
  return eventually([&] { return state_of(id, "/status") == status; }, timeout_ms);
}

std::string limit_of(const Bundle& bundle, const std::string& controller,
                     const std::vector<std::string>& names) {
  const std::string dir = cgroup_dir(controller, bundle.cgroup());
  for (const std::string& name : names)
    if (path_exists(dir + "/" + name)) {
      const std::string text = read_file(dir + "/" + name);
      return text.substr(0, text.find('\n'));
    }
  return "(none of the files in " + dir + ")";
}

void run_oci_test(const SandboxOptions& options, const std::function<void()>& body) {
  if (::geteuid() != 0 && !options.user_namespace)
    GTEST_SKIP() << "SKIP: needs root: the host's control groups are root's";
  run_ns_test(options, [&body] { guarded(body); });
}

}  // namespace support
