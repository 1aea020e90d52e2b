// The set of blocks behind a durable cursor: what is added is in it, once, and its text is
// PostgreSQL's.
#include "core/block_ranges.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

TEST(BlockRanges, adjacent_and_overlapping_ranges_become_one) {
  BlockRanges set;
  set.Add({20, 30});
  set.Add({0, 10});
  EXPECT_EQ(set.ToMultirange(), "{[0,10),[20,30)}");
  set.Add({10, 20});
  EXPECT_EQ(set.ToMultirange(), "{[0,30)}");
  set.Add({5, 40});
  set.Add({7, 9});
  EXPECT_EQ(set.ToMultirange(), "{[0,40)}");
}

TEST(BlockRanges, one_range_can_swallow_many) {
  BlockRanges set;
  for (int64_t begin = 0; begin < 100; begin += 10)
    set.Add({begin, begin + 5});
  set.Add({12, 77});
  EXPECT_EQ(set.ToMultirange(), "{[0,5),[10,77),[80,85),[90,95)}");
}

TEST(BlockRanges, an_empty_range_adds_nothing) {
  BlockRanges set;
  set.Add({5, 5});
  EXPECT_TRUE(set.Empty());
  EXPECT_EQ(set.ToMultirange(), "{}");
}

TEST(BlockRanges, union_of_cursors_is_what_is_done) {
  BlockRanges all = BlockRanges::FromMultirange("{[0,10),[40,50)}");
  all.Add(BlockRanges::FromMultirange("{[10,20),[45,60)}"));
  all.Add(all);
  EXPECT_EQ(all.ToMultirange(), "{[0,20),[40,60)}");
}

TEST(BlockRanges, complement_is_what_is_left_below_the_bound) {
  const BlockRanges done = BlockRanges::FromMultirange("{[0,10),[20,30),[90,200)}");
  EXPECT_EQ(done.Complement(100).ToMultirange(), "{[10,20),[30,90)}");
  EXPECT_EQ(done.Complement(25).ToMultirange(), "{[10,20)}");
  EXPECT_EQ(done.Complement(0).ToMultirange(), "{}");
  EXPECT_EQ(BlockRanges().Complement(7).ToMultirange(), "{[0,7)}");
  EXPECT_EQ(BlockRanges().Complement(0).ToMultirange(), "{}");
}

TEST(BlockRanges, random_additions_agree_with_a_plain_set_of_blocks) {
  constexpr int64_t kBlocks = 200;
  std::mt19937 random(42);
  for (int round = 0; round < 200; ++round) {
    std::vector<bool> expected(kBlocks);
    BlockRanges set;
    for (int i = 0; i < 30; ++i) {
      const int64_t begin = std::uniform_int_distribution<int64_t>(0, kBlocks - 1)(random);
      const int64_t size = std::uniform_int_distribution<int64_t>(0, 12)(random);
      const BlockRange range{begin, std::min(begin + size, kBlocks)};
      set.Add(range);
      for (int64_t block = range.begin; block < range.end; ++block)
        expected[block] = true;
    }
    const BlockRanges rest = set.Complement(kBlocks);
    int64_t total = 0;
    for (int64_t block = 0; block < kBlocks; ++block) {
      ASSERT_EQ(set.Contains(block), expected[block]) << block << " in " << set.ToMultirange();
      ASSERT_NE(set.Contains(block), rest.Contains(block));
      total += expected[block] ? 1 : 0;
    }
    ASSERT_EQ(set.Total(), total);
    for (std::size_t i = 1; i < set.ranges().size(); ++i) {
      ASSERT_LT(set.ranges()[i - 1].end, set.ranges()[i].begin) << "not canonical";
    }
    ASSERT_EQ(BlockRanges::FromMultirange(set.ToMultirange()), set);
  }
}

TEST(BlockRanges, reads_spaces_any_order_and_empty_sets) {
  EXPECT_EQ(BlockRanges::FromMultirange("{}").ToMultirange(), "{}");
  EXPECT_EQ(BlockRanges::FromMultirange("  { }  ").ToMultirange(), "{}");
  EXPECT_EQ(BlockRanges::FromMultirange(" { [ 20 , 30 ) , [0,10) } ").ToMultirange(),
            "{[0,10),[20,30)}");
  EXPECT_EQ(BlockRanges::FromMultirange("{[5,5)}").ToMultirange(), "{}");
  EXPECT_EQ(BlockRanges::FromMultirange("{[0,9223372036854775807)}").Total(),
            9223372036854775807LL);
}

TEST(BlockRanges, refuses_what_is_not_a_finite_multirange) {
  for (const std::string text : {"", "{", "}", "[0,1)", "{[0,1}", "{[0,1)", "{[0,1),}", "{(0,1)}",
                                 "{[0,1]}", "{[,1)}", "{[0,)}", "{[2,1)}", "{[-1,1)}", "{[0,1)}x",
                                 "{[0,99999999999999999999)}", "{[a,b)}", "{[0,1)[2,3)}"}) {
    EXPECT_THROW(BlockRanges::FromMultirange(text), InvalidInput) << text;
  }
}

TEST(BlockRanges, an_error_says_where_and_what_to_write) {
  try {
    BlockRanges::FromMultirange("{[0,1]}");
    FAIL();
  } catch (const InvalidInput& error) {
    EXPECT_STREQ(error.what(), "invalid set of block ranges: expected \")\" at character 6");
    EXPECT_FALSE(error.hint().empty());
  }
}

}  // namespace
}  // namespace pg_cutover::core
