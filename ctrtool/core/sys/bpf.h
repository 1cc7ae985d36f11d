// SPDX-License-Identifier: Apache-2.0
// bpf(2), as far as device rules need it. The kernel reads the attributes by their size, so each
// call hands over a whole, zeroed union.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ctrtool/core/base/fd.h"
#include "ctrtool/core/base/result.h"

namespace ctr::sys {

// `name`: shown by tools; at most 15 letters, digits, '_' or '.'.
Result<UniqueFd> bpf_prog_load(bpf_prog_type type, const std::vector<bpf_insn>& program,
                               const std::string& name);
// `replace`: the attached program to take the place of (BPF_F_REPLACE, Linux 5.6), or kNoFd.
Result<void> bpf_prog_attach(BorrowedFd cgroup, BorrowedFd program, bpf_attach_type type,
                             std::uint32_t flags, BorrowedFd replace);
Result<void> bpf_prog_detach(BorrowedFd cgroup, BorrowedFd program, bpf_attach_type type);
// The programs attached to this cgroup itself, by kernel id.
Result<std::vector<std::uint32_t>> bpf_prog_query(BorrowedFd cgroup, bpf_attach_type type);
Result<UniqueFd> bpf_prog_get_fd_by_id(std::uint32_t id);
// The name given when it was loaded.
Result<std::string> bpf_prog_name(BorrowedFd program);

}  // namespace ctr::sys
