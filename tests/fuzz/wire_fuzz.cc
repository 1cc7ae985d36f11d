// SPDX-License-Identifier: Apache-2.0
// What comes through sockets, and lists that a stranger wrote: messages and errors of the half that
// becomes the container, base64, lists of numbers. No crash, no message of two lines, and what was
// understood means the same when it is written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctrtool/core/base/base64.h"
#include "ctrtool/core/base/error.h"
#include "ctrtool/core/base/result.h"
#include "ctrtool/core/exec/channel.h"
#include "ctrtool/core/kit/number_list.h"
#include "ctrtool/core/sys/socket.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::accepted;

void error(std::string_view bytes) {
  const std::optional<ctr::Error> decoded = ctr::decode_error(bytes);
  if (!decoded) return;
  const std::optional<ctr::Error> again = ctr::decode_error(ctr::encode_error(*decoded));
  CTR_ASSERT(again && again->kind == decoded->kind && again->code == decoded->code &&
             again->message == decoded->message);
}

void words(std::string_view text) {
  static_cast<void>(accepted(ctr::decode_base64(text)));
  const ctr::Result<std::vector<unsigned>> list = ctr::parse_number_list(text);
  if (!accepted(list)) return;
  CTR_ASSERT(!list->empty() && list->back() < 8192);
  CTR_ASSERT(std::is_sorted(list->begin(), list->end()));
}

// As the other half of the channel would send it.
void message(std::string_view bytes) {
  const ctr::ChannelPair pair = ctr::make_channel().value();
  CTR_ASSERT(ctr::sys::send_message(pair.child.socket(), std::string(bytes), {}).ok());
  const ctr::Result<std::optional<ctr::ChannelMessage>> got = pair.parent.receive();
  if (!got.ok()) return;
  CTR_ASSERT(got->has_value() == !bytes.empty());
  if (!got->has_value()) return;
  CTR_ASSERT((*got)->payload == bytes.substr(1) && (*got)->fds.empty());
  error((*got)->payload);
}

constexpr void (*kTargets[])(std::string_view) = {error, words, message};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::run_one(kTargets, data, size);
}
