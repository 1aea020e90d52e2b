// A fingerprint changes when the definition does, and only then, on any machine.
#include "core/fingerprint.hpp"

#include <string>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

TEST(Fingerprint, equal_fields_have_equal_fingerprints) {
  EXPECT_EQ(Fingerprint().Add("id").AddInteger(20).Value(),
            Fingerprint().Add("id").AddInteger(20).Value());
}

TEST(Fingerprint, moving_bytes_between_fields_changes_it) {
  EXPECT_NE(Fingerprint().Add("ab").Add("c").Value(), Fingerprint().Add("a").Add("bc").Value());
  EXPECT_NE(Fingerprint().Add("abc").Value(), Fingerprint().Add("ab").Add("c").Value());
  EXPECT_NE(Fingerprint().Add("").Add("a").Value(), Fingerprint().Add("a").Add("").Value());
}

TEST(Fingerprint, order_matters) {
  EXPECT_NE(Fingerprint().Add("a").Add("b").Value(), Fingerprint().Add("b").Add("a").Value());
}

TEST(Fingerprint, an_absent_field_is_not_an_empty_one_nor_none) {
  EXPECT_NE(Fingerprint().AddNull().Value(), Fingerprint().Add("").Value());
  EXPECT_NE(Fingerprint().AddNull().Value(), Fingerprint().Value());
  EXPECT_NE(Fingerprint().Add("").Value(), Fingerprint().Value());
}

TEST(Fingerprint, zero_bytes_are_bytes) {
  EXPECT_NE(Fingerprint().Add(std::string_view("a\0", 2)).Value(), Fingerprint().Add("a").Value());
}

TEST(Fingerprint, integers_of_any_size_count_in_full) {
  EXPECT_NE(Fingerprint().AddInteger(1).Value(), Fingerprint().AddInteger(1LL << 32).Value());
  EXPECT_NE(Fingerprint().AddInteger(-1).Value(), Fingerprint().AddInteger(1).Value());
}

TEST(Fingerprint, values_are_stable_because_they_are_stored) {
  EXPECT_EQ(Hash64(""), 0x2D06800538D394C2ULL);  // published test vector of XXH3
  EXPECT_EQ(Fingerprint().Add("orders").AddInteger(-7).AddNull().Value(), 0x7EA99D3A0FBD5FE4ULL);
}

}  // namespace
}  // namespace pg_cutover::core
