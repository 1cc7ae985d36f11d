// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu/messages.h"

#include <limits>

#include "runtime/criu/wire.h"

namespace criu {
namespace {

using ctr::Kind;
using ctr::make_error;
using ctr::Result;

// --- what we say: criu_req and criu_opts ---------------------------------------------------------

struct Flag {
  unsigned field;
  bool Options::*member;
};
constexpr Flag kFlags[] = {
    {3, &Options::leave_running},   {4, &Options::ext_unix_sk},
    {5, &Options::tcp_established}, {6, &Options::evasive_devices},
    {7, &Options::shell_job},       {8, &Options::file_locks},
    {12, &Options::notify_scripts}, {15, &Options::track_mem},
    {16, &Options::auto_dedup},     {18, &Options::link_remap},
    {26, &Options::rst_sibling},    {46, &Options::tcp_skip_in_flight},
    {48, &Options::lazy_pages},     {50, &Options::orphan_pts_master},
    {52, &Options::tcp_close},
};

struct Text {
  unsigned field;
  std::string Options::*member;
};
constexpr Text kTexts[] = {
    {10, &Options::log_file},          {13, &Options::root},        {14, &Options::parent_img},
    {44, &Options::freeze_cgroup},     {51, &Options::config_file}, {53, &Options::lsm_profile},
    {63, &Options::lsm_mount_context},
};

void put_cgroups(MessageWriter& out, const Options& options) {
  if (!options.cg_root.empty()) {
    MessageWriter root;
    root.text(2, options.cg_root);
    out.message(25, root);
  }
  if (!options.manage_cgroups_mode.has_value()) return;
  out.number(24, 1);
  out.number(34, static_cast<int>(*options.manage_cgroups_mode));
}

void put_lists(MessageWriter& out, const Options& options) {
  for (const InheritFd& one : options.inherit_fd) {
    MessageWriter inner;
    inner.text(1, one.key);
    inner.number(2, one.fd);
    out.message(27, inner);
  }
  for (const std::string& one : options.external) out.text(37, one);
  for (const JoinNamespace& one : options.join_ns) {
    MessageWriter inner;
    inner.text(1, one.ns);
    inner.text(2, one.ns_file);
    out.message(39, inner);
  }
}

MessageWriter criu_opts(const Options& options) {
  MessageWriter out;
  out.number(1, options.images_dir_fd);
  if (options.pid.has_value()) out.number(2, *options.pid);
  out.number(9, options.log_level);
  if (options.ps.has_value()) {
    MessageWriter server;
    server.text(1, options.ps->address);
    server.number(2, options.ps->port);
    out.message(11, server);
  }
  if (options.work_dir_fd.has_value()) out.number(17, *options.work_dir_fd);
  for (const Flag& flag : kFlags)
    if (options.*flag.member) out.number(flag.field, 1);
  for (const Text& text : kTexts)
    if (!(options.*text.member).empty()) out.text(text.field, options.*text.member);
  put_cgroups(out, options);
  put_lists(out, options);
  if (options.empty_ns != 0) out.number(38, options.empty_ns);
  if (options.network_lock.has_value()) out.number(64, static_cast<int>(*options.network_lock));
  return out;
}

MessageWriter request(RequestType type) {
  MessageWriter out;
  out.number(1, static_cast<int>(type));
  return out;
}

// --- what criu says: criu_resp -------------------------------------------------------------------

Result<void> each_field(std::string_view bytes, const auto& take) {
  MessageReader reader(bytes);
  while (true) {
    const std::optional<Field> field = TRY(reader.next());
    if (!field.has_value()) return {};
    take(*field);
  }
}

// int32 as the sender meant it; one that is none becomes 0.
int int32_of(const Field& field) {
  const bool fits = field.value >= std::numeric_limits<int>::min() &&
                    field.value <= std::numeric_limits<int>::max();
  return fits && !field.is_text ? static_cast<int>(field.value) : 0;
}

Result<void> read_notify(std::string_view bytes, Response& out) {
  return each_field(bytes, [&](const Field& field) {
    if (field.number == 1 && field.is_text) out.script = field.text;
    if (field.number == 2) out.script_pid = int32_of(field);
  });
}

Result<void> read_restore(std::string_view bytes, Response& out) {
  return each_field(bytes, [&](const Field& field) {
    if (field.number == 1) out.restored = int32_of(field);
  });
}

Result<void> read_features(std::string_view bytes, Response& out) {
  return each_field(bytes, [&](const Field& field) {
    if (field.number == 1) out.features.mem_track = int32_of(field) != 0;
    if (field.number == 2) out.features.lazy_pages = int32_of(field) != 0;
  });
}

Result<RequestType> type_of(const Field& field) {
  for (const RequestType type :
       {RequestType::Dump, RequestType::Restore, RequestType::Check, RequestType::PreDump,
        RequestType::Notify, RequestType::FeatureCheck})
    if (!field.is_text && field.value == static_cast<int>(type)) return type;
  return make_error(Kind::System, "malformed message: not an answer");
}

Result<void> read_field(const Field& field, Response& out) {
  switch (field.number) {
    case 1:
      out.type = TRY(type_of(field));
      return {};
    case 2:
      out.success = int32_of(field) != 0;
      return {};
    case 4:
      return read_restore(field.text, out);
    case 5:
      return read_notify(field.text, out);
    case 7:
      out.cr_errno = int32_of(field);
      return {};
    case 8:
      return read_features(field.text, out);
    case 9:
      out.cr_errmsg = field.text;
      return {};
    default:
      return {};
  }
}

}  // namespace

std::string encode_request(RequestType type, const Options& options) {
  MessageWriter out = request(type);
  out.message(2, criu_opts(options));
  return out.bytes();
}

std::string encode_request(const Features& asked) {
  MessageWriter features;
  if (asked.mem_track) features.number(1, 1);
  if (asked.lazy_pages) features.number(2, 1);
  MessageWriter out = request(RequestType::FeatureCheck);
  out.message(5, features);
  return out.bytes();
}

std::string encode_notify_answer(bool success) {
  MessageWriter out = request(RequestType::Notify);
  out.number(3, success ? 1 : 0);
  return out.bytes();
}

Result<Response> decode_response(std::string_view bytes) {
  Response out;
  MessageReader reader(bytes);
  bool has_type = false;
  while (true) {
    const std::optional<Field> field = TRY(reader.next());
    if (!field.has_value()) break;
    TRY(read_field(*field, out));
    has_type = has_type || field->number == 1;
  }
  if (!has_type) return make_error(Kind::System, "malformed message: not an answer");
  return out;
}

}  // namespace criu
