// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/sys/ipc.h"

#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <cerrno>

namespace ctr::sys {
namespace {

int how(mode_t mode) { return IPC_CREAT | IPC_EXCL | static_cast<int>(mode); }

Result<void> answer(int id, const char* call, key_t key) {
  if (id >= 0) return {};
  const int err = errno;
  return sys_error(err, "%s %d", call, key);
}

}  // namespace

Result<void> shmget_new(key_t key, std::uint64_t size, mode_t mode) {
  return answer(::shmget(key, size, how(mode)), "shmget", key);
}

Result<void> msgget_new(key_t key, mode_t mode) {
  return answer(::msgget(key, how(mode)), "msgget", key);
}

Result<void> semget_new(key_t key, int count, mode_t mode) {
  return answer(::semget(key, count, how(mode)), "semget", key);
}

}  // namespace ctr::sys
