// SPDX-License-Identifier: Apache-2.0
// ContainerPlan: the ordered list of operations that makes a container, or that puts a process into
// one. Both halves of the executor walk the same list; each does its own steps and skips the rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/plan/op.h"

namespace ctr {

enum class Phase : std::uint8_t { Prepare, Namespaces, Cgroup, Tree, Pivot, Process, Start };
enum class Actor : std::uint8_t { Parent, Child, Both };

struct Step {
  Phase phase;
  Actor actor;
  Op op;
  std::string source;  // the JSON pointer or option it came from; empty: a default
  // In place: steps of one item, from 1 on, stand or fall together. If one fails, whoever executes
  // the plan says what becomes of it (ExecuteOptions::on_failed_item).
  std::size_t item = 0;
};

struct Program {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string path{};          // executed as it is; empty: argv[0], looked up in PATH
  bool by_descriptor = false;  // ExecuteOptions::program is executed
};

struct ContainerPlan {
  std::string id;
  std::vector<Step> steps;
  Program program;
  unsigned preserve_fds = 0;  // descriptors 3 to 3+n-1 stay open for the program
  bool inherit_fds = false;   // so do all that the caller made inheritable
  bool in_place = false;      // no child: this process itself becomes the program
  bool rolls_back = false;    // in place: if an item fails, what all have made goes again

  void add(Phase phase, Actor actor, Op op, std::string source = {}) {
    steps.push_back({phase, actor, std::move(op), std::move(source), {}});
  }
  template <typename T>
  const T* find() const {
    for (const Step& step : steps)
      if (const T* op = step.op.as<T>()) return op;
    return nullptr;
  }
};

std::string_view to_string(Phase phase);
std::string_view to_string(Actor actor);
std::string_view to_string(Point point);
std::string_view to_string(HookStage stage);  // "createRuntime"

// One line per step: phase, actor, operation, and the pointer it came from.
std::string describe_text(const ContainerPlan& plan);
// {"id":…,"program":{…},"steps":[{"phase":…,"by":…,"op":…,"text":…,"source":…}]}
std::string describe_json(const ContainerPlan& plan);

}  // namespace ctr
