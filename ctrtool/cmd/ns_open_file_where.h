// SPDX-License-Identifier: Apache-2.0
// Where an item of ns_open_file happens and who does it, while its options come in.
#pragma once

#include <optional>

#include "ctrtool/cmd/ns_open_file_words.h"

namespace ctr {

class WhereWords {
 public:
  Result<void> take(const Given& given, Item& item);
  Result<void> finish(Item& item) const;

 private:
  NewUserNamespace new_user() const;

  std::optional<IdMap> uid_map_;
  std::optional<IdMap> gid_map_;
  std::optional<bool> setgroups_;
};

}  // namespace ctr
