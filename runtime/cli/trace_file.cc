// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/spec/json.h"

namespace oci::cli {
namespace {

using ctr::Result;
using ctr::Trace;

constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY;

std::string microseconds(std::uint64_t ns) {
  return ctr::strf("%llu.%03u", static_cast<unsigned long long>(ns / 1000),
                   static_cast<unsigned>(ns % 1000));
}

class Events {
 public:
  Events(json::Writer& out, const Trace& trace) : out_(out), trace_(trace) {}

  void name(const char* what, Trace::Half half, std::string_view name) {
    out_.object([&] {
      out_.member("ph", "M");
      out_.member("name", what);
      place(half);
      out_.key("args");
      out_.object([&] { out_.member("name", std::string(name)); });
    });
  }

  void spans(Trace::Half half) {
    for (const Trace::Span& span : trace_.spans(half))
      if (span.end != 0) complete(span, half);
  }

 private:
  void place(Trace::Half half) {
    out_.member("pid", ::getpid());
    out_.member("tid", half == Trace::Half::Parent ? 1 : 2);
  }

  void complete(const Trace::Span& span, Trace::Half half) {
    out_.object([&] {
      out_.member("ph", "X");
      place(half);
      out_.key("ts");
      out_.raw(microseconds(span.begin));
      out_.key("dur");
      out_.raw(microseconds(span.end - span.begin));
      if (span.step == Trace::kNoStep)
        out_.member("name", span.name);
      else
        step(trace_.steps().at(span.step));
    });
  }

  void step(const Trace::StepText& step) {
    out_.member("name", step.op);
    out_.member("cat", step.phase);
    out_.key("args");
    out_.object([&] {
      out_.member("text", step.text);
      if (!step.source.empty()) out_.member("source", step.source);
    });
  }

  json::Writer& out_;
  const Trace& trace_;
};

}  // namespace

std::string trace_text(const Trace& trace, std::string_view command) {
  json::Writer out;
  Events events(out, trace);
  out.object([&] {
    out.member("displayTimeUnit", "ns");
    out.key("traceEvents");
    out.array([&] {
      events.name("process_name", Trace::Half::Parent, "ocictr " + std::string(command));
      events.name("thread_name", Trace::Half::Parent, "runtime");
      events.name("thread_name", Trace::Half::Child, "container's process");
      events.spans(Trace::Half::Parent);
      events.spans(Trace::Half::Child);
    });
  });
  return std::move(out).take() + "\n";
}

Result<void> create_trace_file(const std::string& path) {
  TRY_CTX(ctr::sys::open(path, kFlags, 0644), "option --trace");
  return {};
}

Result<void> write_trace_file(const std::string& path, std::string_view text) {
  const ctr::UniqueFd fd = TRY_CTX(ctr::sys::open(path, kFlags, 0644), "option --trace");
  TRY_CTX(ctr::sys::write_all(fd, text), "option --trace");
  return {};
}

}  // namespace oci::cli
