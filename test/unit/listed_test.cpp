// A message names a few, and says how many it leaves out.
#include "core/listed.hpp"

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

TEST(Listed, names_five_at_most) {
  EXPECT_EQ(Listed({}), "");
  EXPECT_EQ(Listed({"a"}), "a");
  EXPECT_EQ(Listed({"a", "b", "c", "d", "e"}), "a; b; c; d; e");
  EXPECT_EQ(Listed({"a", "b", "c", "d", "e", "f"}), "a; b; c; d; e; and 1 more");
  EXPECT_EQ(Listed(std::vector<std::string>(40, "x"), ", "), "x, x, x, x, x, and 35 more");
}

}  // namespace
}  // namespace pg_cutover::core
