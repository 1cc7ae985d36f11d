// SPDX-License-Identifier: Apache-2.0
// What the halves say to each other, with bounds: nothing is cut short without a word.
#include "ctrtool/core/exec/channel.h"

#include <gtest/gtest.h>

#include <string>

#include "ctrtool/core/base/error.h"
#include "ctrtool/core/sys/socket.h"

namespace ctr {
namespace {

// What the parent makes of these bytes.
Result<std::optional<ChannelMessage>> received(const std::string& bytes) {
  const ChannelPair pair = make_channel().value();
  EXPECT_TRUE(sys::send_message(pair.child.socket(), bytes, {}).ok());
  return pair.parent.receive();
}

TEST(Channel, RefusesMessagesOfNoKind) {
  for (const char type : {'\0', '\x0e', '\x7f', '\xff'})
    EXPECT_FALSE(received(std::string(1, type)).ok()) << static_cast<int>(type);
}

TEST(Channel, RefusesWhatIsLongerThanItsBound) {
  constexpr std::size_t kBound = 64U << 10;
  const std::string ready(1, static_cast<char>(MessageType::Ready));
  const auto longest = received(ready + std::string(kBound - 1, 'x'));
  ASSERT_TRUE(longest.ok() && longest->has_value());
  EXPECT_EQ((*longest)->payload.size(), kBound - 1);
  const auto longer = received(ready + std::string(kBound, 'x'));
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().code, EMSGSIZE);
}

TEST(Channel, AnErrorTakesThePlaceOfWhatWasDue) {
  const ChannelPair pair = make_channel().value();
  const Error error = make_error(Kind::NotFound, "no such thing");
  ASSERT_TRUE(pair.child.send(MessageType::Failed, encode_error(error)).ok());
  const Result<ChannelMessage> due = pair.parent.expect(MessageType::Ready);
  ASSERT_FALSE(due.ok());
  EXPECT_EQ(due.error().message, "no such thing");
  // One that is no error in wire form is not taken for one.
  ASSERT_TRUE(pair.child.send(MessageType::Failed, "x").ok());
  EXPECT_FALSE(pair.parent.expect(MessageType::Ready).ok());
  ASSERT_TRUE(pair.child.send(MessageType::Go).ok());
  EXPECT_FALSE(pair.parent.expect(MessageType::Ready).ok());
}

}  // namespace
}  // namespace ctr
