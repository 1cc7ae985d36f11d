// SPDX-License-Identifier: Apache-2.0
// criu's messages (rpc.proto of criu 3.15 and newer), as plain values and as bytes. Members are
// named as in that file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctrtool/core/base/result.h"

namespace criu {

enum class RequestType : std::uint8_t {
  Dump = 1,
  Restore = 2,
  Check = 3,
  PreDump = 4,
  Notify = 6,
  FeatureCheck = 9,
};

enum class CgroupMode : std::uint8_t { Ignore = 0, Soft = 3, Full = 4, Strict = 5 };
enum class NetworkLock : std::uint8_t { Iptables = 1, Nftables = 2, Skip = 3 };

struct PageServer {
  std::string address;
  int port = 0;
  bool operator==(const PageServer&) const = default;
};
// A descriptor of criu's process that takes the place of what the images call `key`.
struct InheritFd {
  std::string key;
  int fd = -1;
  bool operator==(const InheritFd&) const = default;
};
struct JoinNamespace {
  std::string ns;
  std::string ns_file;
  bool operator==(const JoinNamespace&) const = default;
};

// criu_opts. What is not set is left out of the message: criu's default.
struct Options {
  int images_dir_fd = -1;          // of the process that asks, as work_dir_fd and status_fd
  std::optional<pid_t> pid;        // whom to dump, with all below
  std::optional<int> work_dir_fd;  // logs go there; else to the images
  std::string log_file;
  int log_level = 4;
  std::string root;
  std::string parent_img;
  std::string freeze_cgroup;
  std::string config_file;
  std::string lsm_profile;
  std::string lsm_mount_context;
  std::string cg_root;  // where the root of the dumped cgroups is now
  std::vector<std::string> external;
  std::vector<InheritFd> inherit_fd;
  std::vector<JoinNamespace> join_ns;
  std::optional<PageServer> ps;
  std::optional<CgroupMode> manage_cgroups_mode;
  std::optional<NetworkLock> network_lock;
  std::uint32_t empty_ns = 0;  // CLONE_NEW*
  bool notify_scripts = false;
  bool rst_sibling = false;  // what is restored becomes a child of who asks
  bool leave_running = false;
  bool ext_unix_sk = false;
  bool tcp_established = false;
  bool tcp_close = false;
  bool tcp_skip_in_flight = false;
  bool shell_job = false;
  bool file_locks = false;
  bool track_mem = false;
  bool auto_dedup = false;
  bool link_remap = false;
  bool lazy_pages = false;
  bool evasive_devices = false;
  bool orphan_pts_master = false;
};

// Which features a FeatureCheck asks for, and has found.
struct Features {
  bool mem_track = false;
  bool lazy_pages = false;
  bool operator==(const Features&) const = default;
};

std::string encode_request(RequestType type, const Options& options);
std::string encode_request(const Features& asked);
std::string encode_notify_answer(bool success);

// criu_resp.
struct Response {
  RequestType type = RequestType::Check;
  bool success = false;
  pid_t restored = 0;    // of the first process, in criu's pid namespace
  std::string script{};  // of a Notify: what has come
  pid_t script_pid = 0;
  int cr_errno = 0;
  std::string cr_errmsg{};
  Features features{};

  bool operator==(const Response&) const = default;
};

// The bytes may be anything.
ctr::Result<Response> decode_response(std::string_view bytes);

}  // namespace criu
