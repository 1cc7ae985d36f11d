// SPDX-License-Identifier: Apache-2.0
// What a socket of ns_open_file shall be, while its options come in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctrtool/cmd/ns_open_file_words.h"

namespace ctr {

Result<int> milliseconds_of(const Given& given);

class SocketWords {
 public:
  Result<void> take(const Given& given, Item& item);
  // -n
  Result<void> finish_socket(Item& item);
  // -I connect
  Result<void> finish_address(const Item& item) const;
  // -I popen_s*
  Result<void> finish_pair(Item& item) const;

 private:
  Result<void> take_address(const Given& given, Item& item);
  Result<SocketAddress> address_of(const Given& given);
  Result<void> add_options(SocketRequest& socket) const;

  std::optional<int> domain_;
  std::optional<int> type_;
  std::vector<std::string> address_options_;
  std::vector<const Given*> options_;
  std::vector<SocketOption> numeric_options_;
};

}  // namespace ctr
