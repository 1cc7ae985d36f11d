// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/plan/plan.h"

#include <algorithm>

#include "ctrtool/core/base/log.h"
#include "ctrtool/core/base/strf.h"

namespace ctr {

Op::Op(const Op& other) = default;
Op::Op(Op&& other) noexcept = default;
Op& Op::operator=(const Op& other) = default;
Op& Op::operator=(Op&& other) noexcept = default;
Op::~Op() = default;

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::Prepare:
      return "prepare";
    case Phase::Namespaces:
      return "namespaces";
    case Phase::Cgroup:
      return "cgroup";
    case Phase::Tree:
      return "tree";
    case Phase::Pivot:
      return "pivot";
    case Phase::Process:
      return "process";
    case Phase::Start:
      return "start";
  }
  return "";
}

std::string_view to_string(Actor actor) {
  switch (actor) {
    case Actor::Parent:
      return "parent";
    case Actor::Child:
      return "child";
    case Actor::Both:
      return "both";
  }
  return "";
}

std::string_view to_string(Point point) {
  switch (point) {
    case Point::UserMade:
      return "the user namespace is made";
    case Point::IdsMapped:
      return "the IDs are mapped";
    case Point::CgroupMade:
      return "the cgroup is made";
    case Point::MountsDone:
      return "the mounts are done";
    case Point::HooksDone:
      return "the hooks are done";
    case Point::SeccompReady:
      return "the seccomp filter is compiled";
    case Point::Ready:
      return "the container is ready";
  }
  return "";
}

std::string_view to_string(HookStage stage) {
  switch (stage) {
    case HookStage::Prestart:
      return "prestart";
    case HookStage::CreateRuntime:
      return "createRuntime";
    case HookStage::CreateContainer:
      return "createContainer";
    case HookStage::StartContainer:
      return "startContainer";
    case HookStage::Poststart:
      return "poststart";
    case HookStage::Poststop:
      return "poststop";
  }
  return "";
}

namespace {

void append_column(std::string& line, std::string_view word, std::size_t width) {
  line += word;
  line.append(width - std::min(width, word.size()), ' ');
}

}  // namespace

std::string describe_text(const ContainerPlan& plan) {
  std::string out;
  for (const Step& step : plan.steps) {
    append_column(out, to_string(step.phase), 11);
    append_column(out, to_string(step.actor), 8);
    out += describe(step.op);
    if (!step.source.empty()) out += "  [" + escape(step.source) + "]";
    out += '\n';
  }
  out += "program:";
  for (const std::string& word : plan.program.argv) out += " " + quote(word);
  return out + '\n';
}

namespace {

std::string string_array(const std::vector<std::string>& strings) {
  std::string out = "[";
  for (const std::string& text : strings) out += (out.size() > 1 ? "," : "") + json_quote(text);
  return out + "]";
}

std::string step_json(const Step& step) {
  std::string out = "{\"phase\":" + json_quote(to_string(step.phase)) +
                    ",\"by\":" + json_quote(to_string(step.actor)) +
                    ",\"op\":" + json_quote(op_name(step.op)) +
                    ",\"text\":" + json_quote(describe(step.op));
  if (!step.source.empty()) out += ",\"source\":" + json_quote(step.source);
  return out + "}";
}

}  // namespace

std::string describe_json(const ContainerPlan& plan) {
  std::string out = "{\"id\":" + json_quote(plan.id) +
                    ",\n\"program\":{\"argv\":" + string_array(plan.program.argv) +
                    ",\"env\":" + string_array(plan.program.env) +
                    strf(",\"preserve_fds\":%u},\n\"steps\":[", plan.preserve_fds);
  const char* separator = "\n ";
  for (const Step& step : plan.steps) {
    out += separator + step_json(step);
    separator = ",\n ";
  }
  return out + "\n]}\n";
}

}  // namespace ctr
