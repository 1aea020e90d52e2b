// Numbers in reasons and progress lines read the same everywhere.
#include "core/humanize.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

TEST(HumanCount, groups_thousands) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1'234'567), "1,234,567");
  EXPECT_EQ(HumanCount(-123), "-123");
  EXPECT_EQ(HumanCount(-123'456), "-123,456");
  EXPECT_EQ(HumanCount(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(HumanBytes, picks_the_unit_and_drops_a_zero_decimal) {
  EXPECT_EQ(HumanBytes(0), "0 bytes");
  EXPECT_EQ(HumanBytes(1023), "1023 bytes");
  EXPECT_EQ(HumanBytes(1024), "1 kB");
  EXPECT_EQ(HumanBytes(12'897'485), "12.3 MB");
  EXPECT_EQ(HumanBytes(16 << 20), "16 MB");
  EXPECT_EQ(HumanBytes((1 << 20) - 1), "1 MB");
  EXPECT_EQ(HumanBytes(-2048), "-2 kB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::max()), "8 EB");
}

TEST(HumanDuration, uses_at_most_two_units) {
  EXPECT_EQ(HumanDuration(-1), "0 ms");
  EXPECT_EQ(HumanDuration(std::numeric_limits<double>::quiet_NaN()), "0 ms");
  EXPECT_EQ(HumanDuration(250), "250 ms");
  EXPECT_EQ(HumanDuration(999.6), "1 s");
  EXPECT_EQ(HumanDuration(5000), "5 s");
  EXPECT_EQ(HumanDuration(7200), "7.2 s");
  EXPECT_EQ(HumanDuration(59'960), "1 min 00 s");
  EXPECT_EQ(HumanDuration(200'000), "3 min 20 s");
  EXPECT_EQ(HumanDuration(7'500'000), "2 h 05 min");
  EXPECT_EQ(HumanDuration(99 * 3'600'000.0), "4 d 03 h");
  EXPECT_FALSE(HumanDuration(1e300).empty());
}

}  // namespace
}  // namespace pg_cutover::core
