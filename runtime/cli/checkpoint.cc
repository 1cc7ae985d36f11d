// SPDX-License-Identifier: Apache-2.0
// Writes a container's processes to files by criu, and ends it unless told otherwise.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/file.h"
#include "runtime/cli/container.h"
#include "runtime/cli/criu.h"
#include "runtime/spec/json.h"
#include "runtime/translate/restore.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;
using ctr::UniqueFd;

struct CheckpointWords {
  std::string id;
  CriuWords criu;
  std::string page_server;
  std::string status_fd;
  bool leave_running = false;
  bool pre_dump = false;
  bool link_remap = false;
  bool tcp_skip_in_flight = false;
};

Syntax syntax_of(CheckpointWords& o) {
  Syntax syntax{
      .command = "checkpoint",
      .help =
          "Writes the processes of a container to files, for `restore`, and removes it. Works by "
          "criu(8).",
      .options = criu_options(o.criu),
      .operands = {{"ID", Operand::kRequired, &o.id}},
  };
  const Option own[] = {
      {"leave-running", '\0', "", "the container goes on", &o.leave_running},
      {"pre-dump", '\0', "", "write memory only, and let the container go on", &o.pre_dump},
      {"page-server", '\0', "ADDRESS:PORT", "send memory there", &o.page_server},
      {"status-fd", '\0', "FD", "descriptor that gets a zero byte when lazy pages can be had",
       &o.status_fd},
      {"link-remap", '\0', "", "give removed files a name again", &o.link_remap},
      {"tcp-skip-in-flight", '\0', "", "leave out connections that are being made",
       &o.tcp_skip_in_flight},
  };
  syntax.options.insert(syntax.options.end(), std::begin(own), std::end(own));
  return syntax;
}

Result<void> check_status(const Container& container) {
  const Status status = TRY(container_status(container.dir, container.state));
  if (status == Status::Running || status == Status::Paused) return {};
  return wrong_status(container, status, "container not running");
}

Result<criu::PageServer> parse_page_server(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return make_error(Kind::InvalidSpec, "option --page-server: %s is not ADDRESS:PORT",
                      quote(text).c_str());
  const auto port =
      TRY(option_number<std::uint16_t>("page-server", std::string_view(text).substr(colon + 1)));
  return criu::PageServer{text.substr(0, colon), port};
}

// Of our caller: ours to close once its byte is written.
Result<UniqueFd> parse_status_fd(const std::string& text) {
  constexpr int kFirst = 3;
  if (text.empty()) return UniqueFd();
  const int fd = TRY(option_number<int>("status-fd", text));
  if (fd < kFirst)
    return make_error(Kind::InvalidSpec, "option --status-fd: %d is not for this", fd);
  TRY_CTX(ctr::sys::fstat(BorrowedFd(fd)), "option --status-fd");
  return UniqueFd(fd);
}

// criu names the images by what is in them: the parents' must be below the same directory.
Result<void> check_parent(const std::string& path, BorrowedFd images) {
  if (path.empty()) return {};
  if (path.starts_with('/'))
    return make_error(Kind::InvalidSpec, "option --parent-path: must be relative");
  const struct stat st = TRY_CTX(ctr::sys::fstatat(images, path, 0), "option --parent-path");
  if (!S_ISDIR(st.st_mode))
    return make_error(Kind::InvalidSpec, "option --parent-path: %s is not a directory",
                      quote(path).c_str());
  return {};
}

// Network and pid namespaces of others are there again when the container is.
Result<void> add_namespaces(const Spec& spec, pid_t init, criu::Options& options) {
  struct External {
    NamespaceType type;
    const char* name;
  };
  for (const auto& [type, name] :
       {External{NamespaceType::Network, "net"}, External{NamespaceType::Pid, "pid"}}) {
    const Namespace* const found = find_namespace(spec.linux_, type);
    if (found != nullptr && found->path.empty()) continue;
    const std::string path = ctr::strf("/proc/%d/ns/%s", init, name);
    const struct stat st = TRY(ctr::sys::fstatat(ctr::kCwd, path, 0));
    options.external.push_back(ctr::strf("%s[%llu]:%s", name,
                                         static_cast<unsigned long long>(st.st_ino),
                                         external_namespace(type).c_str()));
  }
  return {};
}

Result<std::string> freezer_directory(const ctr::Cgroup& cgroup) {
  for (const ctr::Cgroup::Place& place : cgroup.places()) {
    const std::vector<std::string>& controllers = place.hierarchy.controllers;
    if (place.hierarchy.version == ctr::CgroupVersion::V2 && cgroup.places().size() == 1)
      return place.dir;
    if (std::find(controllers.begin(), controllers.end(), "freezer") != controllers.end())
      return place.dir;
  }
  return std::string();
}

// What 0, 1 and 2 were: `restore` connects its own in their place.
Result<void> save_descriptors(const ContainerState& state, BorrowedFd images) {
  json::Writer out;
  out.array([&] {
    for (const std::string& target : state.external_descriptors) out.value(target);
  });
  return ctr::sys::replace_file_at(images, kDescriptorsFile, std::move(out).take(), 0600);
}

Result<void> complete_request(const CheckpointWords& words, const Spec& spec,
                              const Container& container, CriuRequest& request) {
  criu::Options& options = request.options;
  options.pid = container.state.init.pid;
  options.leave_running = words.leave_running;
  options.link_remap = words.link_remap;
  options.tcp_skip_in_flight = words.tcp_skip_in_flight;
  if (!words.page_server.empty()) options.ps = TRY(parse_page_server(words.page_server));
  TRY(check_parent(words.criu.parent_path, request.images));
  options.parent_img = words.criu.parent_path;
  options.track_mem = words.pre_dump || !options.parent_img.empty();
  if (words.pre_dump) return {};
  options.root = container.state.rootfs;
  const ctr::Cgroup cgroup = TRY(open_cgroup(container.state));
  options.freeze_cgroup = TRY(freezer_directory(cgroup));
  TRY(add_namespaces(spec, container.state.init.pid, options));
  const std::vector<ExternalMount> mounts = external_mounts(spec, container.state.bundle, cgroup);
  const std::vector<std::string> mounted = TRY(mounted_externals(mounts, container.state.init.pid));
  options.external.insert(options.external.end(), mounted.begin(), mounted.end());
  return save_descriptors(container.state, request.images);
}

Result<void> check_features(const CheckpointWords& words) {
  const criu::Features wanted{.mem_track = words.pre_dump || !words.criu.parent_path.empty(),
                              .lazy_pages = words.criu.lazy_pages};
  if (wanted == criu::Features{}) return {};
  return criu_has(wanted);
}

Result<void> dump(const CheckpointWords& words, const CriuRequest& request, UniqueFd status_fd) {
  Criu::Ends ends = TRY(Criu::open());
  const ctr::ContainerPlan plan = plan_checkpoint(words.id, criu_program(ends.theirs));
  ctr::ExecuteOptions execute;
  if (status_fd.valid()) execute.parents_own.push_back(status_fd);
  Criu criu = TRY(Criu::start(std::move(ends), plan, std::move(execute), {}, CriuOutput::Nowhere));
  const auto listen = [&](criu::Notice& notice) -> Result<void> {
    if (notice.script != "status-ready" || !status_fd.valid()) return {};
    TRY_CTX(ctr::sys::write_all(status_fd, std::string_view("\0", 1)), "option --status-fd");
    status_fd.reset();
    return {};
  };
  const auto type = words.pre_dump ? criu::RequestType::PreDump : criu::RequestType::Dump;
  TRY(criu.ask(type, request, listen));
  return criu.end();
}

Result<void> checkpoint_container(const CommandContext& context, const CheckpointWords& words) {
  UniqueFd status_fd = TRY(parse_status_fd(words.status_fd));
  const ContainerDir dir = TRY(StateRoot(state_root(context.options)).open(words.id));
  const UniqueFd lock = TRY(dir.lock());
  ContainerState state = TRY(dir.load());
  const Container container{dir, std::move(state)};
  TRY(check_status(container));
  TRY(criu_works());
  TRY(check_features(words));
  const Spec spec = TRY(load_spec(dir));
  CriuRequest request = TRY(criu_request(words.criu, spec, Images::Make, "dump.log"));
  TRY(complete_request(words, spec, container, request));
  TRY(dump(words, request, std::move(status_fd)));
  if (words.leave_running || words.pre_dump) return {};
  return destroy_container(context, container);
}

}  // namespace

// Engines ask for the help to learn whether checkpoints can be made here at all (podman does).
Result<int> checkpoint(const CommandContext& context, const Words& words) {
  CheckpointWords given;
  if (TRY(parse_words(syntax_of(given), words)) == Parsed::kHelpShown) {
    TRY(criu_works());
    return 0;
  }
  TRY(checkpoint_container(context, given));
  return 0;
}

}  // namespace oci::cli
