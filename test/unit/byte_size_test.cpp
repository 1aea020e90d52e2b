// Sizes are read as PostgreSQL's settings are, and nothing else is guessed.
#include "core/byte_size.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

TEST(ParseBytes, reads_plain_bytes_and_units_of_1024) {
  EXPECT_EQ(ParseBytes("1024"), 1024);
  EXPECT_EQ(ParseBytes("0"), 0);
  EXPECT_EQ(ParseBytes("7B"), 7);
  EXPECT_EQ(ParseBytes("512 kB"), 512 * 1024);
  EXPECT_EQ(ParseBytes("16MB"), 16 << 20);
  EXPECT_EQ(ParseBytes(" 2 gb "), int64_t{2} << 30);
  EXPECT_EQ(ParseBytes("3TB"), int64_t{3} << 40);
  EXPECT_EQ(ParseBytes("1PB"), int64_t{1} << 50);
  EXPECT_EQ(ParseBytes("1.5 MB"), 3 << 19);
}

TEST(ParseBytes, the_largest_size_is_exact) {
  EXPECT_EQ(ParseBytes("9223372036854775807"), 9223372036854775807LL);
}

TEST(ParseBytes, refuses_everything_else) {
  for (const std::string text :
       {"", " ", "MB", "-1", "-1MB", "1 XB", "1e5", "0x10", "1.2.3MB", ".", "inf", "nan", "16 M B",
        "9223372036854775808", "8192PB", "99999999999999999999.5PB", "1,024"}) {
    EXPECT_THROW(ParseBytes(text), InvalidInput) << text;
  }
}

TEST(ParseBytes, an_error_quotes_the_text_and_lists_the_units) {
  try {
    ParseBytes("16 megs");
    FAIL();
  } catch (const InvalidInput& error) {
    EXPECT_STREQ(error.what(), "invalid size: \"16 megs\"");
    EXPECT_NE(error.hint().find("MB"), std::string::npos);
  }
}

}  // namespace
}  // namespace pg_cutover::core
