// SPDX-License-Identifier: Apache-2.0
// What a container uses, again and again, one JSON object a line, in the shape that runc gave it.
#include <chrono>

#include "ctrtool/core/base/parse.h"
#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/cgroup_oom.h"
#include "ctrtool/core/kit/cgroup_stats.h"
#include "ctrtool/core/kit/resctrl_stats.h"
#include "ctrtool/core/sys/process.h"
#include "runtime/cli/container.h"
#include "runtime/cli/rdt.h"
#include "runtime/cli/size.h"
#include "runtime/spec/json.h"

namespace oci::cli {
namespace {

using ctr::Result;

void write_list(json::Writer& out, std::string_view key, const auto& numbers) {
  if (numbers.empty()) return;
  out.key(key);
  out.array([&] {
    for (const auto& number : numbers) out.value(number);
  });
}

void write_line(json::Writer& out, std::string_view key, const ctr::PressureLine& line) {
  const auto average = [&](const char* name, double value) {
    out.key(name);
    out.raw(ctr::strf("%.2f", value));
  };
  out.key(key);
  out.object([&] {
    average("avg10", line.avg10);
    average("avg60", line.avg60);
    average("avg300", line.avg300);
    out.member("total", line.total);
  });
}

void write_pressure(json::Writer& out, const std::optional<ctr::Pressure>& pressure) {
  if (!pressure.has_value()) return;
  out.key("psi");
  out.object([&] {
    write_line(out, "some", pressure->some);
    write_line(out, "full", pressure->full);
  });
}

void write_cpu(json::Writer& out, const ctr::CpuStats& cpu) {
  out.key("cpu");
  out.object([&] {
    out.key("usage");
    out.object([&] {
      out.member("total", cpu.total);
      write_list(out, "percpu", cpu.percpu);
      write_list(out, "percpu_kernel", cpu.percpu_kernel);
      write_list(out, "percpu_user", cpu.percpu_user);
      out.member("kernel", cpu.kernel);
      out.member("user", cpu.user);
    });
    out.key("throttling");
    out.object([&] {
      out.member("periods", cpu.periods);
      out.member("throttledPeriods", cpu.throttled_periods);
      out.member("throttledTime", cpu.throttled_time);
    });
    write_pressure(out, cpu.pressure);
  });
}

void write_cpuset(json::Writer& out, const ctr::CpusetStats& cpuset) {
  out.key("cpuset");
  out.object([&] {
    write_list(out, "cpus", cpuset.cpus);
    write_list(out, "mems", cpuset.mems);
    for (const auto& [name, value] : cpuset.flags) out.member(name, value);
  });
}

void write_use(json::Writer& out, std::string_view key, const ctr::MemoryUse& use) {
  out.key(key);
  out.object([&] {
    out.member("limit", use.limit);
    out.member("usage", use.usage);
    out.member("max", use.max);
    out.member("failcnt", use.failcnt);
  });
}

void write_memory(json::Writer& out, const ctr::MemoryStats& memory) {
  out.key("memory");
  out.object([&] {
    out.member("cache", memory.cache);
    write_use(out, "usage", memory.usage);
    write_use(out, "swap", memory.swap);
    write_use(out, "kernel", memory.kernel);
    write_use(out, "kernelTCP", memory.kernel_tcp);
    out.key("raw");
    out.object([&] {
      for (const auto& [name, value] : memory.raw) out.member(name, value);
    });
    write_pressure(out, memory.pressure);
  });
}

void write_entries(json::Writer& out, std::string_view key,
                   const std::vector<ctr::BlockIoEntry>& entries) {
  if (entries.empty()) return;
  out.key(key);
  out.array([&] {
    for (const ctr::BlockIoEntry& entry : entries)
      out.object([&] {
        out.member("major", entry.major);
        out.member("minor", entry.minor);
        if (!entry.op.empty()) out.member("op", entry.op);
        out.member("value", entry.value);
      });
  });
}

void write_blkio(json::Writer& out, const ctr::BlockIoStats& io) {
  out.key("blkio");
  out.object([&] {
    write_entries(out, "ioServiceBytesRecursive", io.service_bytes);
    write_entries(out, "ioServicedRecursive", io.serviced);
    write_entries(out, "ioQueueRecursive", io.queued);
    write_entries(out, "ioServiceTimeRecursive", io.service_time);
    write_entries(out, "ioWaitTimeRecursive", io.wait_time);
    write_entries(out, "ioMergedRecursive", io.merged);
    write_entries(out, "ioTimeRecursive", io.time);
    write_entries(out, "sectorsRecursive", io.sectors);
    write_pressure(out, io.pressure);
  });
}

void write_hugetlb(json::Writer& out, const std::map<std::string, ctr::HugetlbStats>& sizes) {
  out.key("hugetlb");
  out.object([&] {
    for (const auto& [size, stats] : sizes) {
      out.key(size);
      out.object([&out, &stats = stats] {  // clang 14 takes no structured binding as it is
        out.member("usage", stats.usage);
        out.member("max", stats.max);
        out.member("failcnt", stats.failcnt);
      });
    }
  });
}

// All are numbers, but for the masks.
void write_info(json::Writer& out, std::string_view key,
                const std::map<std::string, std::string>& info) {
  if (info.empty()) return;
  out.key(key);
  out.object([&] {
    for (const auto& [name, text] : info) {
      const Result<std::uint64_t> number = ctr::parse_number<std::uint64_t>(text);
      if (number.ok() && !name.ends_with("_mask"))
        out.member(name, *number);
      else
        out.member(name, text);
    }
  });
}

void write_domains(json::Writer& out, const std::vector<ctr::RdtStats::Domain>& domains) {
  if (domains.empty()) return;
  const auto some = [&](const char* name, const std::optional<std::uint64_t>& number) {
    if (number.has_value()) out.member(name, *number);
  };
  out.key("mbm_stats");
  out.array([&] {
    for (const ctr::RdtStats::Domain& domain : domains)
      out.object([&] {
        some("mbm_total_bytes", domain.mbm_total_bytes);
        some("mbm_local_bytes", domain.mbm_local_bytes);
      });
  });
  out.key("cmt_stats");
  out.array([&] {
    for (const ctr::RdtStats::Domain& domain : domains)
      out.object([&] { some("llc_occupancy", domain.llc_occupancy); });
  });
}

void write_rdt(json::Writer& out, const ctr::RdtStats& rdt) {
  const auto some = [&](const char* name, const std::string& schema) {
    if (!schema.empty()) out.member(name, schema);
  };
  out.key("intel_rdt");
  out.object([&] {
    write_info(out, "l3_cache_info", rdt.l3_info);
    some("l3_cache_schema_root", rdt.l3_schema_root);
    some("l3_cache_schema", rdt.l3_schema);
    write_info(out, "mem_bw_info", rdt.mb_info);
    some("mem_bw_schema_root", rdt.mb_schema_root);
    some("mem_bw_schema", rdt.mb_schema);
    write_list(out, "schemata", rdt.schemata);
    write_domains(out, rdt.domains);
  });
}

// What a container uses is told by these.
struct Sources {
  ctr::Cgroup cgroup;
  std::optional<JoinedRdt> rdt;
};

Result<Sources> open_sources(const Container& container) {
  Sources out;
  out.cgroup = TRY(open_cgroup(container.state));
  if (out.cgroup.places().empty())
    return ctr::make_error(ctr::Kind::Unsupported, "container %s has no cgroup",
                           ctr::quote(container.state.id).c_str());
  out.rdt = TRY(find_rdt(container));
  return out;
}

struct Stats {
  ctr::CgroupStats cgroup;
  std::optional<ctr::RdtStats> rdt;
};

std::string record(std::string_view type, const std::string& id, const Stats* all) {
  json::Writer out;
  out.object([&] {
    out.member("type", type);
    out.member("id", id);
    if (all == nullptr) return;
    const ctr::CgroupStats* const stats = &all->cgroup;
    out.key("data");
    out.object([&] {
      write_cpu(out, stats->cpu);
      write_cpuset(out, stats->cpuset);
      write_memory(out, stats->memory);
      out.key("pids");
      out.object([&] {
        out.member("current", stats->pids.current);
        out.member("limit", stats->pids.limit);
      });
      write_blkio(out, stats->blkio);
      write_hugetlb(out, stats->hugetlb);
      if (all->rdt.has_value()) write_rdt(out, *all->rdt);
      out.key("network_interfaces");
      out.null();
    });
  });
  return std::move(out).take() + "\n";
}

Result<void> print_stats(const std::string& id, const Sources& sources) {
  Stats stats{ctr::read_cgroup_stats(sources.cgroup), {}};
  if (sources.rdt.has_value())
    stats.rdt = ctr::read_rdt_stats(sources.rdt->resctrl, sources.rdt->group);
  return print(record("stats", id, &stats));
}

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// Stats at each interval, a record for each process that was killed for want of memory, until the
// container ends.
Result<void> follow(const std::string& id, const Sources& sources, ctr::BorrowedFd init,
                    std::int64_t interval) {
  Result<ctr::OomWatch> watch = ctr::OomWatch::open(sources.cgroup);
  if (!watch.ok() && watch.error().kind != ctr::Kind::Unsupported) return watch.error();
  std::int64_t next = now_ms() + interval;
  bool ended = false;
  while (!ended) {
    pollfd fds[] = {{init.raw(), POLLIN, 0}, watch.ok() ? watch->wanted() : pollfd{-1, 0, 0}};
    constexpr std::int64_t kLongest = 1000 * 3600;
    const std::int64_t rest = std::min(std::max(next - now_ms(), std::int64_t{0}), kLongest);
    TRY(ctr::sys::poll(fds, static_cast<int>(rest)));
    ended = fds[0].revents != 0;
    for (std::uint64_t killed = watch.ok() ? watch->take() : 0; killed > 0; --killed)
      TRY(print(record("oom", id, nullptr)));
    if (ended || now_ms() < next) continue;
    TRY(print_stats(id, sources));
    next += interval;
  }
  return {};
}

}  // namespace

Result<int> events(const CommandContext& context, const Words& words) {
  std::string id;
  std::string interval_word = "5s";
  bool once = false;
  const Syntax syntax{
      .command = "events",
      .help =
          "Prints what a container uses, and whom the kernel kills in it for want of memory, one "
          "JSON object\na line, until the container ends.",
      .options = {{"interval", '\0', "DURATION",
                   "time between two statistics, as in 500ms or 1m30s", &interval_word, "5s"},
                  {"stats", '\0', "", "print the statistics once and exit", &once}},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  if (TRY(parse_words(syntax, words)) == Parsed::kHelpShown) return 0;
  const std::int64_t interval = TRY_CTX(parse_duration(interval_word), "option --interval");
  const Container container = TRY(find_container(context, id));
  const Status status = TRY(container_status(container.dir, container.state));
  const std::optional<ctr::UniqueFd> init = TRY(open_process(container.state.init));
  if (!init.has_value() || status == Status::Creating)
    return ctr::make_error(ctr::Kind::WrongState, "container with id %s is not running",
                           id.c_str());
  const Sources sources = TRY(open_sources(container));
  if (once)
    TRY(print_stats(id, sources));
  else
    TRY(follow(id, sources, *init, interval));
  return 0;
}

}  // namespace oci::cli
