// SPDX-License-Identifier: Apache-2.0
// Operations on the tree that the caller is in, in the caller's own words: what mount_seq does.
// Paths begin at the working directory. CheckPath walks a path, once; what comes after it works
// through the descriptor that it has left, and has the path only for what it says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace ctr {

// Links on the way, and at its end, are refused unless `follow`. With `beneath` the path begins at
// that directory, and what leads out of it is refused.
struct PathHere {
  std::string path;
  bool follow = false;
  std::optional<std::string> beneath{};
};

// What is to be found there: what is mounted, the directory of the last name, or what has the name.
enum class PathRole : std::uint8_t { Source, Directory, Target };
struct CheckPath {
  PathRole role;
  PathHere path;
};
// Where something is mounted already, the rest of the item is left out.
struct SkipIfMounted {
  PathHere at;
};
// Missing directories on the way to the last name, 0755.
struct MakeParentsHere {
  PathHere at;
};
// In the directory that CheckPath has left, as are the next two.
struct MakeHere {
  std::string at;
  mode_t type;  // S_IFDIR, S_IFSOCK
  mode_t mode;  // less our umask
  bool may_exist = false;
  std::optional<mode_t> exact_mode{};  // of what is new, whatever the umask
};
struct LinkHere {
  std::string at;
  std::string target;
};
// A new file in its place, in one step; or written in place.
struct WriteHere {
  std::string at;
  std::string text;
  mode_t mode;
  bool append = false;
  bool exclusive = false;
};
// mount(2), its arguments as they are, on the target that CheckPath has left; for a bind or a move
// from the source, if that was checked.
struct MountHere {
  PathHere at;
  PathHere source;
  std::string type;
  unsigned long flags;
  std::string data;
};
// umount2(2), its arguments as they are; unless links are followed to where they lead, by its name
// in the directory that CheckPath has left.
struct UnmountHere {
  PathHere at;
  int flags;
};
// What is mounted there now is what a failure takes away (ContainerPlan::rolls_back).
struct RollBackMount {
  PathHere at;
};
// The target that CheckPath has left becomes the working directory.
struct EnterHere {
  std::string at;
};
// /bin/sh -c; ending with another status than 0 is a failure.
struct RunShell {
  std::string command;
};
// sync(2).
struct SyncDisks {};
// What cannot be done, but is an error only when its turn comes.
struct Refuse {
  std::string why;
};

}  // namespace ctr
