// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/criu.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/kit/facts.h"
#include "ctrtool/core/kit/mountinfo.h"
#include "ctrtool/core/kit/resolve.h"
#include "ctrtool/core/plan/skeleton.h"
#include "ctrtool/core/sys/file.h"
#include "ctrtool/core/sys/process.h"
#include "ctrtool/core/sys/socket.h"
#include "hooks/program.h"
#include "runtime/cli/choose.h"
#include "runtime/cli/path.h"
#include "runtime/translate/restore.h"

namespace oci::cli {
namespace {

using ctr::BorrowedFd;
using ctr::Error;
using ctr::Kind;
using ctr::make_error;
using ctr::quote;
using ctr::Result;
using ctr::UniqueFd;
namespace sys = ctr::sys;

constexpr const char* kNullDevice = "/dev/null";

// --- words ---------------------------------------------------------------------------------------

constexpr Word<criu::CgroupMode> kCgroupModes[] = {{"soft", criu::CgroupMode::Soft},
                                                   {"full", criu::CgroupMode::Full},
                                                   {"strict", criu::CgroupMode::Strict},
                                                   {"ignore", criu::CgroupMode::Ignore}};
constexpr Word<criu::NetworkLock> kNetworkLocks[] = {{"iptables", criu::NetworkLock::Iptables},
                                                     {"nftables", criu::NetworkLock::Nftables},
                                                     {"skip", criu::NetworkLock::Skip}};

Result<std::uint32_t> empty_namespaces(const Words& words) {
  std::uint32_t flags = 0;
  for (const std::string& word : words) {
    if (word != "network")
      return make_error(Kind::InvalidSpec, "option --empty-ns: %s is not \"network\"",
                        quote(word).c_str());
    flags |= CLONE_NEWNET;
  }
  return flags;
}

// --- directories ---------------------------------------------------------------------------------

Result<UniqueFd> open_directory(const char* option, const std::string& path, Images images) {
  if (images == Images::Make) {
    const Result<void> made = sys::mkdirat(ctr::kCwd, path, 0700);
    if (!made.ok() && made.error().code != EEXIST) TRY_CTX(made, "option --%s", option);
  }
  UniqueFd directory = TRY_CTX(sys::open(path, O_RDONLY | O_DIRECTORY), "option --%s", option);
  return directory;
}

// Where the annotation says nothing, what is ours or runc's.
std::string config_file(const Spec& spec) {
  const auto annotated = spec.annotations.find("org.criu.config");
  if (annotated != spec.annotations.end()) return annotated->second;
  constexpr const char* kOwn = "/etc/criu/ocictr.conf";
  const Result<bool> exists = sys::exists(ctr::kCwd, kOwn);
  return exists.ok() && *exists ? kOwn : "/etc/criu/runc.conf";
}

// The last thing that criu complained of.
std::string last_complaint(const std::string& log) {
  constexpr std::size_t kLongest = 300;
  const Result<std::string> text = sys::read_file_at(ctr::kCwd, log);
  if (!text.ok()) return {};
  std::string_view last;
  for (const std::string_view line : ctr::split(*text, '\n'))
    if (line.find("Error (") != std::string_view::npos) last = line;
  return ctr::escape(ctr::trim(last.substr(0, kLongest)));
}

Error explain(const CriuRequest& request, Error error) {
  error.message += " (see " + request.log + ")";
  const std::string complaint = last_complaint(request.log);
  if (!complaint.empty()) error.message += ": " + complaint;
  return error;
}

// --- mounts --------------------------------------------------------------------------------------

std::string absolute_source(const Mount& mount, const std::string& bundle) {
  return absolute_path_in(bundle, mount.source);
}

bool is_bind(const Mount& mount) {
  if (mount.type == "bind") return true;
  return std::any_of(mount.options.begin(), mount.options.end(), [](const std::string& option) {
    return option == "bind" || option == "rbind";
  });
}

// A cgroup namespace of its own has real mounts, which criu knows how to make.
void add_cgroup_binds(const Mount& mount, const ctr::Cgroup& cgroup,
                      std::vector<ExternalMount>& out) {
  const std::string top = absolute_path_in("/", mount.destination);
  const bool one = cgroup.places().size() == 1;
  for (const ctr::Cgroup::Place& place : cgroup.places()) {
    if (one && place.hierarchy.version == ctr::CgroupVersion::V2) {
      // The whole tree, and where it can be written to the container's part.
      const std::string& path = cgroup.record().path;
      out.push_back({top, top, place.hierarchy.mountpoint});
      out.push_back({top + path, top + path, place.dir});
    } else {
      const std::string at = top + "/" + place.hierarchy.name;
      out.push_back({at, at, place.dir});
    }
  }
}

// What is mounted at a place in the container, if that is a mount and no directory of one.
Result<std::optional<std::string>> mount_point(BorrowedFd root, const std::string& destination,
                                               const std::vector<ctr::MountEntry>& mounts) {
  const std::optional<UniqueFd> found = TRY(ctr::open_in_root_if_exists(root, destination, O_PATH));
  if (!found.has_value()) return std::optional<std::string>();
  const struct statx st = TRY(sys::statx(*found, "", AT_EMPTY_PATH, STATX_MNT_ID));
  if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return std::optional<std::string>();
  const ctr::MountEntry* const entry = ctr::find_mount(mounts, st.stx_mnt_id);
  if (entry == nullptr) return std::optional<std::string>();
  return std::optional(entry->at);
}

// Directories are masked by a file system of the container's own.
Result<bool> is_device(BorrowedFd root, const std::string& path) {
  const std::optional<UniqueFd> found = TRY(ctr::open_in_root_if_exists(root, path, O_PATH));
  if (!found.has_value()) return false;
  const struct stat st = TRY(sys::fstat(*found));
  return S_ISCHR(st.st_mode);
}

}  // namespace

std::vector<Option> criu_options(CriuWords& o) {
  return {
      {"image-path", '\0', "DIR", "directory of the images", &o.image_path, "checkpoint"},
      {"work-path", '\0', "DIR", "directory of criu's log and other files", &o.work_path,
       "the image path"},
      {"parent-path", '\0', "DIR", "earlier images, relative to those of this time",
       &o.parent_path},
      {"tcp-established", '\0', "", "keep TCP connections", &o.tcp_established},
      {"ext-unix-sk", '\0', "", "allow unix sockets to the outside", &o.ext_unix_sk},
      {"shell-job", '\0', "", "allow a session and a terminal of the outside", &o.shell_job},
      {"file-locks", '\0', "", "keep file locks", &o.file_locks},
      {"empty-ns", '\0', "NAMESPACE", "leave out what is in a namespace: network", &o.empty_ns},
      {"manage-cgroups-mode", '\0', "MODE", "soft, full, strict or ignore, see criu(8)",
       &o.manage_cgroups_mode, "soft"},
      {"network-lock", '\0', "METHOD", "iptables, nftables or skip, see criu(8)", &o.network_lock,
       "iptables"},
      {"lazy-pages", '\0', "", "memory comes later, from a page server", &o.lazy_pages},
      {"auto-dedup", '\0', "", "leave out of older images what newer ones have", &o.auto_dedup},
  };
}

Result<CriuRequest> criu_request(const CriuWords& words, const Spec& spec, Images images,
                                 const char* log_file) {
  CriuRequest out;
  criu::Options& options = out.options;
  options.manage_cgroups_mode =
      TRY(choose("manage-cgroups-mode", words.manage_cgroups_mode, kCgroupModes));
  if (!words.network_lock.empty())
    options.network_lock = TRY(choose("network-lock", words.network_lock, kNetworkLocks));
  options.empty_ns = TRY(empty_namespaces(words.empty_ns));
  const std::string image_path = TRY_CTX(absolute_path(words.image_path), "option --image-path");
  std::string work_path = image_path;
  out.images = TRY(open_directory("image-path", image_path, images));
  options.images_dir_fd = out.images.raw();
  if (!words.work_path.empty()) {
    work_path = TRY_CTX(absolute_path(words.work_path), "option --work-path");
    out.work = TRY(open_directory("work-path", work_path, Images::Make));
    options.work_dir_fd = out.work.raw();
  }
  options.log_file = log_file;
  out.log = work_path + "/" + log_file;
  options.config_file = config_file(spec);
  options.tcp_established = words.tcp_established;
  options.ext_unix_sk = words.ext_unix_sk;
  options.shell_job = words.shell_job;
  options.file_locks = words.file_locks;
  options.auto_dedup = words.auto_dedup;
  options.lazy_pages = words.lazy_pages;
  options.notify_scripts = true;
  options.orphan_pts_master = true;
  return out;
}

// criu itself looks for programs in PATH (ip, iptables), and engines may give us none.
ctr::Program criu_program(BorrowedFd socket) {
  ctr::Program program{{"criu", "swrk", std::to_string(socket.raw())}, hooks::own_environment()};
  const bool has_path = std::any_of(program.env.begin(), program.env.end(),
                                    [](const std::string& v) { return v.starts_with("PATH="); });
  if (!has_path)
    program.env.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  return program;
}

Result<Criu::Ends> Criu::open() {
  sys::SocketPair pair = TRY(sys::socketpair(SOCK_SEQPACKET));
  return Ends{std::move(pair.first), std::move(pair.second)};
}

Result<Criu> Criu::start(Ends ends, const ctr::ContainerPlan& plan, ctr::ExecuteOptions execute,
                         const std::vector<BorrowedFd>& inherit, CriuOutput output) {
  // What criu says belongs into its log; what it restores has our streams.
  const UniqueFd null = TRY(sys::open(kNullDevice, O_RDWR | O_NOCTTY));
  if (output == CriuOutput::Nowhere)
    for (BorrowedFd& stream : execute.stdio) stream = null;
  execute.parents_own.push_back(ends.ours);
  TRY(hooks::make_inheritable({ends.theirs}));
  TRY(hooks::make_inheritable(inherit));
  ctr::Prepared prepared = TRY(ctr::prepare(plan, std::move(execute)));
  TRY(prepared.go());
  return Criu(std::move(ends.ours), std::move(prepared));
}

Criu::~Criu() {
  if (!socket_.valid()) return;
  static_cast<void>(sys::pidfd_send_signal(process_.pidfd(), SIGKILL));
  static_cast<void>(sys::waitpid(process_.pid(), 0));
}

Result<criu::Response> Criu::ask(criu::RequestType type, const CriuRequest& request,
                                 const criu::Listener& listener) const {
  Result<criu::Response> answer =
      criu::ask(socket_, criu::encode_request(type, request.options), listener);
  if (!answer.ok()) return explain(request, std::move(answer).error());
  return answer;
}

// It answers one question and ends.
Result<void> Criu::end() {
  socket_.reset();
  TRY(sys::waitpid(process_.pid(), 0));
  return {};
}

namespace {

Result<criu::Response> ask_once(const std::string& request) {
  Criu::Ends ends = TRY(Criu::open());
  const ctr::ContainerPlan plan = plan_checkpoint("criu", criu_program(ends.theirs));
  const BorrowedFd ours = ends.ours;
  Criu criu = TRY(Criu::start(std::move(ends), plan, {}, {}, CriuOutput::Nowhere));
  Result<criu::Response> answer =
      criu::ask(ours, request, [](criu::Notice&) { return Result<void>(); });
  TRY(criu.end());
  return answer;
}

}  // namespace

Result<void> criu_works() {
  const ctr::HostFacts facts = TRY(ctr::read_host_facts());
  if (!facts.privileged()) return make_error(Kind::Unsupported, "checkpoints are for root only");
  const UniqueFd anywhere = TRY(sys::open("/tmp", O_RDONLY | O_DIRECTORY));
  criu::Options options;
  options.images_dir_fd = anywhere.raw();
  TRY_CTX(ask_once(criu::encode_request(criu::RequestType::Check, options)), "criu");
  return {};
}

Result<void> criu_has(const criu::Features& wanted) {
  const criu::Response answer = TRY_CTX(ask_once(criu::encode_request(wanted)), "criu");
  if (wanted.mem_track && !answer.features.mem_track)
    return make_error(Kind::Unsupported, "criu cannot track memory on this kernel");
  if (wanted.lazy_pages && !answer.features.lazy_pages)
    return make_error(Kind::Unsupported, "criu has no lazy pages on this kernel");
  return {};
}

Result<void> check_criu_path(std::string_view path) {
  const bool misleading = std::any_of(path.begin(), path.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < ' ' || byte == 0x7f || c == ']' || c == '[' || c == '\\';
  });
  if (!misleading) return {};
  return make_error(Kind::Unsupported, "criu could misread the mount point %s",
                    quote(path).c_str());
}

std::vector<ExternalMount> external_mounts(const Spec& spec, const std::string& bundle,
                                           const ctr::Cgroup& cgroup) {
  std::vector<ExternalMount> out;
  const bool own_cgroups = find_namespace(spec.linux_, NamespaceType::Cgroup) != nullptr;
  for (const Mount& mount : spec.mounts) {
    const std::string at = absolute_path_in("/", mount.destination);
    if (is_bind(mount)) out.push_back({at, at, absolute_source(mount, bundle)});
    if ((mount.type == "cgroup" || mount.type == "cgroup2") && !own_cgroups)
      add_cgroup_binds(mount, cgroup, out);
  }
  for (const ctr::MakeDevice& device : ctr::default_devices(true))
    out.push_back({device.at, device.at, device.at});
  for (const Device& device : spec.linux_.devices)
    out.push_back({device.path, device.path, device.path});
  for (const std::string& path : spec.linux_.maskedPaths)
    out.push_back({path, kNullDevice, kNullDevice});
  return out;
}

Result<std::vector<std::string>> mounted_externals(const std::vector<ExternalMount>& mounts,
                                                   pid_t init) {
  const std::string proc = ctr::strf("/proc/%d", init);
  const UniqueFd root = TRY(sys::open(proc + "/root", O_PATH | O_DIRECTORY));
  const std::string mountinfo = TRY(sys::read_file_at(ctr::kCwd, proc + "/mountinfo"));
  const std::vector<ctr::MountEntry> table = ctr::parse_mountinfo(mountinfo);
  std::vector<std::string> out;
  for (const ExternalMount& mount : mounts) {
    TRY(check_criu_path(mount.name));
    const std::optional<std::string> at = TRY(mount_point(root, mount.destination, table));
    if (!at.has_value()) continue;
    TRY(check_criu_path(*at));
    const bool device = TRY(is_device(root, mount.destination));
    if (mount.name == kNullDevice && !device) continue;
    out.push_back("mnt[" + *at + "]:" + mount.name);
  }
  return out;
}

std::string external_namespace(NamespaceType type) {
  return type == NamespaceType::Pid ? "extRootPidNS" : "extRootNetNS";
}

}  // namespace oci::cli
