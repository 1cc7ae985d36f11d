// SPDX-License-Identifier: Apache-2.0
// The kinds of namespaces: their letters on command lines, their files in /proc/PID/ns.
#pragma once

#include <span>

#include "ctrtool/core/sys/compat.h"

namespace ctr {

struct NsKind {
  char letter;
  const char* file;  // in /proc/PID/ns
  int flag;          // CLONE_NEW*
};

// In the order in which they are joined: user first, mount last.
inline constexpr NsKind kNsKinds[] = {
    {'U', "user", CLONE_NEWUSER}, {'C', "cgroup", CLONE_NEWCGROUP}, {'i', "ipc", CLONE_NEWIPC},
    {'n', "net", CLONE_NEWNET},   {'u', "uts", CLONE_NEWUTS},       {'p', "pid", CLONE_NEWPID},
    {'T', "time", CLONE_NEWTIME}, {'m', "mnt", CLONE_NEWNS},
};
inline constexpr NsKind kUnknownNsKind{'?', "unknown", 0};

inline const NsKind* find_ns_kind(char letter) {
  for (const NsKind& kind : kNsKinds)
    if (kind.letter == letter) return &kind;
  return nullptr;
}

inline const NsKind& ns_kind_of(int flag) {
  for (const NsKind& kind : kNsKinds)
    if (kind.flag == flag) return kind;
  return kUnknownNsKind;
}

}  // namespace ctr
