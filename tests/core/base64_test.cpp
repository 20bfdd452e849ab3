#include "core/base64.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

std::string encoded(const std::string& text) { return base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

// The test vectors of RFC 4648, section 10.
TEST(Base64, TheStandardsVectors) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST(Base64, EveryByteAndNoLineBreaks) {
  std::string all;
  for (int i = 0; i < 768; ++i) all += char(i % 256);
  const std::string text = encoded(all);
  EXPECT_EQ(text.size(), 1024u);
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), std::string::npos);
}

}  // namespace
}  // namespace orrery
