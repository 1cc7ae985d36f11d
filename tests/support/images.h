// SPDX-License-Identifier: Apache-2.0
// Packed file systems, and block devices to mount them from.
#pragma once

#include <string>

#include "ctrtool/core/base/fd.h"

namespace support {

// Packs `directory` into the file `image` ("squashfs", "erofs"). Why that cannot be, or "".
std::string pack_image(const std::string& type, const std::string& directory,
                       const std::string& image);

// Read-only, with a node in our own /dev; gone when neither this nor a mount needs it any more.
class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file);
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice();
  const std::string& path() const { return path_; }  // empty: there can be none

 private:
  std::string path_;
  ctr::UniqueFd device_;
};

}  // namespace support
