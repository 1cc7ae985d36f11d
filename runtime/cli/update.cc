// SPDX-License-Identifier: Apache-2.0
// New limits for a container that is there: linux.resources from a file, or the frequent ones from
// options.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/resctrl.h"
#include "ctrtool/core/kit/systemd.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/container.h"
#include "runtime/cli/size.h"
#include "runtime/spec/parse.h"
#include "runtime/translate/translate.h"

namespace oci::cli {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;
using ctr::UniqueFd;

template <typename T>
Result<void> set_number(const char* option, const std::string& text, std::optional<T>& to) {
  to = TRY(option_number<T>(option, text));
  return {};
}

Result<void> set_bytes(const char* option, const std::string& text,
                       std::optional<std::int64_t>& to) {
  to = TRY_CTX(parse_bytes(text), "option --%s", option);
  return {};
}

template <typename T>
T& made(std::optional<T>& part) {
  return part.has_value() ? *part : part.emplace();
}

// One limit that has an option of its own.
struct Limit {
  const char* option;
  const char* placeholder;
  const char* help;
  Result<void> (*set)(Resources& to, const char* option, const std::string& text);
};

#define CPU_NUMBER(member)                                         \
  [](Resources& to, const char* option, const std::string& text) { \
    return set_number(option, text, made(to.cpu).member);          \
  }
#define MEMORY_BYTES(member)                                       \
  [](Resources& to, const char* option, const std::string& text) { \
    return set_bytes(option, text, made(to.memory).member);        \
  }

constexpr Limit kLimits[] = {
    {"blkio-weight", "N", "weight of block IO, 10 to 1000",
     [](Resources& to, const char* option, const std::string& text) {
       return set_number(option, text, made(to.blockIO).weight);
     }},
    {"cpu-burst", "USEC", "CPU time saved up for bursts, in each period", CPU_NUMBER(burst)},
    {"cpu-idle", "N", "1: runs only when nobody else wants the CPU", CPU_NUMBER(idle)},
    {"cpu-period", "USEC", "length of a period of CPU time", CPU_NUMBER(period)},
    {"cpu-quota", "USEC", "CPU time in each period, -1: no limit", CPU_NUMBER(quota)},
    {"cpu-rt-period", "USEC", "length of a period of realtime CPU time (v1)",
     CPU_NUMBER(realtimePeriod)},
    {"cpu-rt-runtime", "USEC", "realtime CPU time in each period (v1)",
     CPU_NUMBER(realtimeRuntime)},
    {"cpu-share", "N", "weight of CPU time, 2 to 262144", CPU_NUMBER(shares)},
    {"cpuset-cpus", "LIST", "CPUs to run on, as in 0-3,7",
     [](Resources& to, const char* /*option*/, const std::string& text) {
       made(to.cpu).cpus = text;
       return Result<void>();
     }},
    {"cpuset-mems", "LIST", "memory nodes to use",
     [](Resources& to, const char* /*option*/, const std::string& text) {
       made(to.cpu).mems = text;
       return Result<void>();
     }},
    {"kernel-memory", "BYTES", "ignored: no kernel has it any more", MEMORY_BYTES(kernel)},
    {"kernel-memory-tcp", "BYTES", "ignored, as --kernel-memory", MEMORY_BYTES(kernelTCP)},
    {"memory", "BYTES", "memory, -1: no limit; K, M, G and T are understood", MEMORY_BYTES(limit)},
    {"memory-reservation", "BYTES", "memory that is kept when memory is short",
     MEMORY_BYTES(reservation)},
    {"memory-swap", "BYTES", "memory and swap together, -1: no limit", MEMORY_BYTES(swap)},
    {"pids-limit", "N", "processes, 0 or -1: no limit",
     [](Resources& to, const char* option, const std::string& text) {
       return set_number(option, text, made(to.pids).limit);
     }},
};
#undef CPU_NUMBER
#undef MEMORY_BYTES

using Given = std::array<std::optional<std::string>, std::size(kLimits)>;

// Not a limit of a cgroup: these count also beside --resources.
struct RdtWords {
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool empty() const { return l3_cache_schema.empty() && mem_bw_schema.empty(); }
};

Syntax syntax_of(std::string& id, std::string& file, Given& given, RdtWords& rdt) {
  Syntax syntax{
      .command = "update",
      .help = "Changes the limits of a container. What is not named stays as it is.",
      .options = {{"resources", 'r', "FILE",
                   "linux.resources as JSON; -: from stdin; the other options are then ignored",
                   &file}},
      .operands = {{"ID", Operand::kRequired, &id}},
  };
  for (std::size_t i = 0; i < std::size(kLimits); ++i)
    syntax.options.push_back(
        {kLimits[i].option, '\0', kLimits[i].placeholder, kLimits[i].help, &given[i]});
  syntax.options.push_back({"l3-cache-schema", '\0', "SCHEMA",
                            "Intel RDT: the container's part of the L3 cache, as in L3:0=f",
                            &rdt.l3_cache_schema});
  syntax.options.push_back({"mem-bw-schema", '\0', "SCHEMA",
                            "Intel RDT: its memory bandwidth, as in MB:0=50", &rdt.mem_bw_schema});
  return syntax;
}

Result<Resources> resources_from_file(const std::string& file) {
  std::string text = file == "-" ? TRY(read_config(ctr::BorrowedFd(STDIN_FILENO), "stdin"))
                                 : TRY(read_config_file(file));
  return first_error(parse_resources(std::move(text)), file == "-" ? "stdin" : file);
}

Result<Resources> resources_from_options(const Given& given) {
  Resources out;
  bool any = false;
  for (std::size_t i = 0; i < std::size(kLimits); ++i) {
    if (!given[i].has_value()) continue;
    TRY(kLimits[i].set(out, kLimits[i].option, *given[i]));
    any = true;
  }
  if (!any) return make_error(Kind::InvalidSpec, "no limit is named");
  return out;
}

// Kernels refuse a limit for kernel memory, or do not have it: engines send it all the same.
void drop_kernel_memory(const CommandContext& context, Resources& resources) {
  if (!resources.memory.has_value()) return;
  std::optional<std::int64_t>& kernel = resources.memory->kernel;
  std::optional<std::int64_t>& tcp = resources.memory->kernelTCP;
  if (kernel.value_or(0) != 0 || tcp.value_or(0) != 0)
    context.log.warning("update: limits of kernel memory are ignored");
  kernel.reset();
  tcp.reset();
}

// For engines 0 is the absence of a limit here, where a configuration's 0 is one.
void lift_zero_pids(Resources& resources) {
  if (resources.pids.has_value() && resources.pids->limit == 0) resources.pids->limit = -1;
}

Result<void> check_status(const Container& container) {
  const Status status = TRY(container_status(container.dir, container.state));
  if (status == Status::Stopped) return wrong_status(container, status, "container not running");
  if (status == Status::Creating)
    return wrong_status(container, status, "container not yet created");
  return {};
}

// Or the old limits would come back with its next look at the unit. It writes them at once, and the
// quota rounded: the files want the last word.
Result<bool> tell_systemd(const ContainerState& state, const ctr::CgroupResources& limits) {
  if (state.cgroup.scope.empty()) return false;
  const ctr::CgroupLayout layout = TRY(ctr::discover_cgroups());
  const std::vector<ctr::UnitProperty> properties = ctr::limit_properties(
      limits, layout.kind == ctr::CgroupKind::V2 ? ctr::CgroupVersion::V2 : ctr::CgroupVersion::V1);
  if (properties.empty()) return false;
  ctr::Systemd manager = TRY(ctr::Systemd::connect(state.cgroup.systemd));
  TRY(manager.set_properties(state.cgroup.scope, properties));
  return true;
}

// On v1 systemd has just written the device rules too, as far as it has words for them.
Result<ctr::CgroupResources> with_devices(ctr::CgroupResources limits, const Container& container,
                                          const ctr::HostFacts& facts) {
  const ctr::CgroupLayout layout = TRY(ctr::discover_cgroups());
  const ctr::CgroupHierarchy* const devices = layout.find("devices");
  const bool v1 = devices != nullptr && devices->version == ctr::CgroupVersion::V1;
  if (limits.devices.has_value() || !v1) return limits;
  const Spec spec = TRY(load_spec(container.dir));
  limits.devices = translate_resources(spec.linux_.resources, facts).devices;
  return limits;
}

// Of the group that the container is in already.
Result<void> update_rdt(const Container& container, const RdtWords& words) {
  const Spec spec = TRY(load_spec(container.dir));
  if (!spec.linux_.intelRdt.has_value())
    return make_error(Kind::Unsupported, "container %s has no linux.intelRdt",
                      ctr::quote(container.state.id).c_str());
  const std::string at = TRY(mounted_resctrl());
  if (at.empty()) return make_error(Kind::Unsupported, "no resctrl file system is mounted");
  ctr::RdtGroup group;
  group.name = translate_rdt(*spec.linux_.intelRdt, container.state.id).name;
  for (const std::string* schema : {&words.l3_cache_schema, &words.mem_bw_schema})
    if (!schema->empty()) group.written.push_back(*schema);
  const UniqueFd resctrl = TRY(ctr::sys::open(at, O_PATH | O_DIRECTORY));
  return ctr::join_rdt_group(resctrl, group, container.state.init.pid);
}

Result<void> update_cgroup(const Container& container, const Resources& resources) {
  const ctr::HostFacts facts = TRY(ctr::read_host_facts());
  ctr::Cgroup cgroup = TRY(open_cgroup(container.state));
  if (cgroup.places().empty())
    return make_error(Kind::Unsupported, "container %s has no cgroup",
                      ctr::quote(container.state.id).c_str());
  ctr::CgroupResources limits = translate_update(resources, facts);
  TRY(cgroup.apply(limits, ctr::CgroupStage::Update));
  const bool told = TRY(tell_systemd(container.state, limits));
  if (!told) return {};
  const ctr::CgroupResources all = TRY(with_devices(std::move(limits), container, facts));
  return cgroup.apply(all, ctr::CgroupStage::Update);
}

Result<void> update_container(const CommandContext& context, const std::string& id,
                              const Resources* resources, const RdtWords& rdt) {
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(id));
  const UniqueFd lock = TRY(dir.lock());
  const Container container{dir, TRY(dir.load())};
  TRY(check_status(container));
  if (resources != nullptr) TRY(update_cgroup(container, *resources));
  return rdt.empty() ? Result<void>() : update_rdt(container, rdt);
}

}  // namespace

Result<int> update(const CommandContext& context, const Words& words) {
  std::string id;
  std::string file;
  Given given;
  RdtWords rdt;
  if (TRY(parse_words(syntax_of(id, file, given, rdt), words)) == Parsed::kHelpShown) return 0;
  const bool limited =
      !file.empty() ||
      std::any_of(given.begin(), given.end(), [](const auto& one) { return one.has_value(); });
  if (!limited && !rdt.empty()) {
    TRY(update_container(context, id, nullptr, rdt));
    return 0;
  }
  Resources resources =
      file.empty() ? TRY(resources_from_options(given)) : TRY(resources_from_file(file));
  drop_kernel_memory(context, resources);
  lift_zero_pids(resources);
  TRY(update_container(context, id, &resources, rdt));
  return 0;
}

}  // namespace oci::cli
