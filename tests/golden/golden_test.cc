// SPDX-License-Identifier: Apache-2.0
// config.json → plan, compared with files: tests/golden/CASE/ holds config.json and either plan.txt
// or problems.txt. A file `host` in it changes the pretended host: "rootless", "inner root" (of a
// user namespace, as podman's is), "selinux", "no cgroup", "systemd", "below" (the scope), "no
// pivot", "no keyring"; a file process.json makes it an exec. OCICTR_UPDATE_GOLDEN=1 writes what
// comes out now: read the difference, then commit it.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/plan/validate.h"
#include "ctrtool/core/sys/compat.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/spec/parse.h"
#include "runtime/translate/translate.h"
#include "tests/support/paths.h"

namespace oci {
namespace {

namespace fs = std::filesystem;

const fs::path kCases = fs::path(support::source_dir()) / "tests/golden";

std::string read(const fs::path& file) {
  ctr::Result<std::string> text = ctr::sys::read_file_at(ctr::kCwd, file.string());
  return text.ok() ? std::move(text).value() : std::string();
}

void write(const fs::path& file, const std::string& text) {
  const ctr::Result<void> done = ctr::sys::replace_file_at(ctr::kCwd, file.string(), text, 0644);
  ASSERT_TRUE(done.ok()) << done.error().message;
}

ctr::HostFacts pretended_host(const std::string& words) {
  ctr::HostFacts facts;
  facts.kernel_major = 6;
  facts.kernel_minor = 1;
  const bool rootless = words.find("rootless") != std::string::npos;
  facts.initial_user_namespace = words.find("inner root") == std::string::npos;
  facts.euid = rootless ? 1000 : 0;
  facts.egid = facts.euid;
  facts.selinux = words.find("selinux") != std::string::npos;
  facts.effective = rootless ? ctr::CapSet() : ctr::CapSet::up_to(ctr::kLastNamedCap);
  facts.permitted = facts.effective;
  facts.apparmor = words.find("apparmor") != std::string::npos;
  return facts;
}

TranslateOptions pretended_options(const std::string& words) {
  TranslateOptions options;
  options.id = "golden";
  options.bundle = "/bundle";
  if (words.find("no cgroup") == std::string::npos)
    options.cgroup = ctr::CgroupRecord{"/golden", {}};
  if (words.find("systemd") != std::string::npos) {
    const bool user = words.find("rootless") != std::string::npos;
    options.scope.emplace();
    options.scope->name = {"machine.slice", "libpod-golden.scope"};
    options.scope->instance = user ? ctr::SystemdInstance::User : ctr::SystemdInstance::System;
    options.cgroup = ctr::CgroupRecord{"/machine.slice/libpod-golden.scope", {}};
    if (words.find("below") != std::string::npos) options.cgroup->path += "/container";
  }
  if (words.find("resctrl") != std::string::npos) options.resctrl = "/sys/fs/resctrl";
  options.no_pivot = words.find("no pivot") != std::string::npos;
  options.no_new_keyring = words.find("no keyring") != std::string::npos;
  return options;
}

int namespaces_of(const Spec& spec) {
  int flags = 0;
  if (find_namespace(spec.linux_, NamespaceType::Pid) != nullptr) flags |= CLONE_NEWPID;
  if (find_namespace(spec.linux_, NamespaceType::Mount) != nullptr) flags |= CLONE_NEWNS;
  if (find_namespace(spec.linux_, NamespaceType::User) != nullptr) flags |= CLONE_NEWUSER;
  return flags;
}

Translation translate_case(const fs::path& dir, const Spec& spec, const std::string& host) {
  const ctr::HostFacts facts = pretended_host(host);
  const TranslateOptions options = pretended_options(host);
  const std::string process_text = read(dir / "process.json");
  if (process_text.empty()) return translate(spec, facts, options);
  const Parsed<Process> process = parse_process(process_text);
  ExecTarget target;
  target.id = options.id;
  target.spec = &spec;
  target.cgroup = options.cgroup;
  target.resctrl = options.resctrl;
  if (options.scope.has_value() && options.scope->instance == ctr::SystemdInstance::User)
    target.user_scope = options.scope->name.unit;
  target.namespaces = namespaces_of(spec);
  target.no_new_keyring = options.no_new_keyring;
  return translate_exec(process.value, target, facts);
}

std::string lines_of(const std::vector<Problem>& problems) {
  std::string out;
  for (const Problem& problem : problems)
    out += std::string(problem.word()) + ": " + problem.text() + "\n";
  return out;
}

bool has_error(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(),
                     [](const Problem& one) { return one.severity == Problem::Error; });
}

struct Outcome {
  std::string plan;
  std::string problems;
};

Outcome outcome_of(const fs::path& dir) {
  const Parsed<Spec> parsed = parse_spec(read(dir / "config.json"));
  if (has_error(parsed.problems)) return {"", lines_of(parsed.problems)};
  const Translation translation = translate_case(dir, parsed.value, read(dir / "host"));
  std::vector<Problem> problems = parsed.problems;
  problems.insert(problems.end(), translation.problems.begin(), translation.problems.end());
  if (has_error(problems)) return {"", lines_of(problems)};
  return {ctr::describe_text(translation.plan), lines_of(problems)};
}

void compare(const fs::path& file, const std::string& now) {
  if (std::getenv("OCICTR_UPDATE_GOLDEN") != nullptr) {
    if (now.empty()) {
      fs::remove(file);
    } else {
      write(file, now);
    }
    return;
  }
  EXPECT_EQ(now, read(file)) << file;
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kCases))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, TranslatesAsRecorded) {
  const fs::path dir = kCases / GetParam();
  const Outcome outcome = outcome_of(dir);
  ASSERT_FALSE(outcome.plan.empty() && outcome.problems.empty());
  compare(dir / "plan.txt", outcome.plan);
  compare(dir / "problems.txt", outcome.problems);
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, testing::ValuesIn(cases()),
                         [](const auto& one) { return one.param; });

TEST_P(Golden, PlanIsSound) {
  const fs::path dir = kCases / GetParam();
  const Parsed<Spec> parsed = parse_spec(read(dir / "config.json"));
  if (has_error(parsed.problems)) return;
  const Translation translation = translate_case(dir, parsed.value, read(dir / "host"));
  if (has_error(translation.problems)) return;
  EXPECT_EQ(ctr::validate(translation.plan), std::vector<std::string>());
}

}  // namespace
}  // namespace oci
