// SPDX-License-Identifier: Apache-2.0
// System V objects, made new (IPC_CREAT | IPC_EXCL), in our own IPC namespace.
#pragma once

#include <sys/ipc.h>
#include <sys/types.h>

#include <cstdint>

#include "ctrtool/core/base/result.h"

namespace ctr::sys {

Result<void> shmget_new(key_t key, std::uint64_t size, mode_t mode);
Result<void> msgget_new(key_t key, mode_t mode);
Result<void> semget_new(key_t key, int count, mode_t mode);

}  // namespace ctr::sys
