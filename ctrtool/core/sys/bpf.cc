// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/bpf.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "ctrtool/core/base/strf.h"
#include "ctrtool/core/sys/show.h"

namespace ctr::sys {
namespace {

// Newer kernels know longer attributes than our headers do, and some (BPF_PROG_QUERY of Linux 6.17
// to 7.1) answer in what a shorter one does not have: there is room for that.
class Attributes {
 public:
  // Assigning a member of a union leaves its other bytes alone, so they are zeroed by memset.
  Attributes() { std::memset(room_, 0, sizeof room_); }
  bpf_attr* operator->() { return &known_; }
  long call(int command) { return ::syscall(SYS_bpf, command, &known_, sizeof known_); }

 private:
  union {
    bpf_attr known_;
    char room_[256];
  };
};

std::uint64_t address(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

std::uint32_t raw(BorrowedFd fd) { return static_cast<std::uint32_t>(fd.raw()); }

}  // namespace

Result<UniqueFd> bpf_prog_load(bpf_prog_type type, const std::vector<bpf_insn>& program,
                               const std::string& name) {
  Attributes attr;
  attr->prog_type = type;
  attr->insns = address(program.data());
  attr->insn_cnt = static_cast<std::uint32_t>(program.size());
  attr->license = address("Apache-2.0");
  name.copy(attr->prog_name, sizeof attr->prog_name - 1);
  const long fd = attr.call(BPF_PROG_LOAD);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "bpf: load program %s", quote(name).c_str());
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<void> bpf_prog_attach(BorrowedFd cgroup, BorrowedFd program, bpf_attach_type type,
                             std::uint32_t flags, BorrowedFd replace) {
  Attributes attr;
  attr->target_fd = raw(cgroup);
  attr->attach_bpf_fd = raw(program);
  attr->attach_type = type;
  attr->attach_flags = flags;
  if (replace.valid()) {
    attr->attach_flags |= BPF_F_REPLACE;
    attr->replace_bpf_fd = raw(replace);
  }
  if (attr.call(BPF_PROG_ATTACH) < 0) {
    const int err = errno;
    return sys_error(err, "bpf: attach program to %s", show(cgroup).c_str());
  }
  return {};
}

Result<void> bpf_prog_detach(BorrowedFd cgroup, BorrowedFd program, bpf_attach_type type) {
  Attributes attr;
  attr->target_fd = raw(cgroup);
  attr->attach_bpf_fd = raw(program);
  attr->attach_type = type;
  if (attr.call(BPF_PROG_DETACH) < 0) {
    const int err = errno;
    return sys_error(err, "bpf: detach program from %s", show(cgroup).c_str());
  }
  return {};
}

Result<std::vector<std::uint32_t>> bpf_prog_query(BorrowedFd cgroup, bpf_attach_type type) {
  std::vector<std::uint32_t> ids(64);  // the kernel allows no more in one cgroup
  Attributes attr;
  attr->query.target_fd = raw(cgroup);
  attr->query.attach_type = type;
  attr->query.prog_ids = address(ids.data());
  attr->query.prog_cnt = static_cast<std::uint32_t>(ids.size());
  if (attr.call(BPF_PROG_QUERY) < 0) {
    const int err = errno;
    return sys_error(err, "bpf: list programs of %s", show(cgroup).c_str());
  }
  ids.resize(attr->query.prog_cnt);
  return ids;
}

Result<UniqueFd> bpf_prog_get_fd_by_id(std::uint32_t id) {
  Attributes attr;
  attr->prog_id = id;
  const long fd = attr.call(BPF_PROG_GET_FD_BY_ID);
  if (fd < 0) {
    const int err = errno;
    return sys_error(err, "bpf: open program %u", id);
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<std::string> bpf_prog_name(BorrowedFd program) {
  bpf_prog_info info;
  std::memset(&info, 0, sizeof info);
  Attributes attr;
  attr->info.bpf_fd = raw(program);
  attr->info.info_len = sizeof info;
  attr->info.info = address(&info);
  if (attr.call(BPF_OBJ_GET_INFO_BY_FD) < 0) {
    const int err = errno;
    return sys_error(err, "bpf: information on program fd %d", program.raw());
  }
  return std::string(info.name, ::strnlen(info.name, sizeof info.name));
}

}  // namespace ctr::sys
