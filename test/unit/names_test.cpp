// Names we make fit the server's limit, stay valid text and stay distinct.
#include "core/names.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

bool IsWholeUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if ((lead & 0xC0U) == 0x80U || i + size > text.size()) return false;
    i += size;
  }
  return true;
}

TEST(BoundedName, a_name_that_fits_is_left_alone) {
  EXPECT_EQ(BoundedName("orders", "_idx"), "orders_idx");
  EXPECT_EQ(BoundedName(std::string(59, 'x'), "_idx"), std::string(59, 'x') + "_idx");
}

TEST(BoundedName, a_longer_name_is_cut_hashed_and_keeps_its_suffix) {
  const std::string name = BoundedName(std::string(60, 'x'), "_idx");
  EXPECT_EQ(name.size(), kMaxNameBytes);
  EXPECT_TRUE(name.starts_with(std::string(50, 'x') + "_"));
  EXPECT_TRUE(name.ends_with("_idx"));
}

TEST(BoundedName, names_that_differ_beyond_the_cut_stay_distinct) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.insert(BoundedName(std::string(63, 'x') + std::to_string(i), "_idx"));
    names.insert(BoundedName(std::string(63, 'x') + std::to_string(i), "_key"));
  }
  EXPECT_EQ(names.size(), 2000U);
}

TEST(BoundedName, where_base_ends_and_suffix_begins_matters) {
  const std::string base(70, 'x');
  EXPECT_NE(BoundedName(base + "a", "b").substr(0, 62), BoundedName(base, "ab").substr(0, 62));
}

TEST(BoundedName, no_character_is_cut_in_two) {
  const std::string samples[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                 "a\xF0\x9F\x98\x80"};
  for (const std::string& character : samples) {
    std::string base;
    while (base.size() < 80)
      base += character;
    for (std::size_t limit = 12; limit <= 70; ++limit) {
      const std::string name = BoundedName(base, "_t", limit);
      EXPECT_LE(name.size(), limit);
      EXPECT_TRUE(IsWholeUtf8(name)) << name << " at " << limit;
    }
  }
}

TEST(BoundedName, the_hash_is_stable_because_names_are_stored) {
  EXPECT_EQ(BoundedName(std::string(80, 'x'), ""), std::string(54, 'x') + "_ee690091");
}

TEST(BoundedName, text_in_another_encoding_is_cut_at_the_limit) {
  EXPECT_EQ(Utf8Prefix(std::string(80, '\x80'), 63).size(), 63U);
}

TEST(Utf8Prefix, is_the_longest_whole_prefix) {
  EXPECT_EQ(Utf8Prefix("abc", 3), "abc");
  EXPECT_EQ(Utf8Prefix("abc", 2), "ab");
  EXPECT_EQ(Utf8Prefix("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(Utf8Prefix("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
  EXPECT_EQ(Utf8Prefix("\xE2\x82\xAC", 2), "");
  EXPECT_EQ(Utf8Prefix("", 0), "");
}

}  // namespace
}  // namespace pg_cutover::core
