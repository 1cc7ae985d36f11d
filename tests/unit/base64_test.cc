// SPDX-License-Identifier: Apache-2.0
#include "ctrtool/core/base/base64.h"

#include <gtest/gtest.h>

namespace ctr {
namespace {

std::string decoded(std::string_view text) {
  Result<std::string> out = decode_base64(text);
  return out.ok() ? std::move(out).value() : "(error)";
}

// The examples of RFC 4648, section 10.
TEST(Base64, DecodesWithAndWithoutPadding) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("Zg=="), "f");
  EXPECT_EQ(decoded("Zm8="), "fo");
  EXPECT_EQ(decoded("Zm9v"), "foo");
  EXPECT_EQ(decoded("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decoded("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, RefusesWhatIsNotWhole) {
  for (const char* bad : {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9\n", " Zm9", "Zm9-"})
    EXPECT_EQ(decoded(bad), "(error)") << bad;
}

}  // namespace
}  // namespace ctr
