// Batches stay near their target duration and never outgrow their bounds.
#include "core/batch_size.hpp"

#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

TEST(BatchSizer, the_first_batch_holds_the_initial_rows) {
  EXPECT_EQ(BatchSizer({}, 50).NextBlocks(), 200);
  EXPECT_EQ(BatchSizer({.initial_rows = 10}, 50).NextBlocks(), 1);
}

TEST(BatchSizer, works_without_statistics) {
  EXPECT_EQ(BatchSizer({}, 0).NextBlocks(), 100);
  EXPECT_EQ(BatchSizer({}, -1).NextBlocks(), 100);
  EXPECT_EQ(BatchSizer({}, std::numeric_limits<double>::quiet_NaN()).NextBlocks(), 100);
}

TEST(BatchSizer, grows_at_most_twofold) {
  BatchSizer sizer({}, 100);
  sizer.Observe(100, 10'000, 100 * 8192, 0.1);
  EXPECT_EQ(sizer.NextBlocks(), 200);
  sizer.Observe(200, 20'000, 200 * 8192, 20);
  EXPECT_EQ(sizer.NextBlocks(), 250);
}

TEST(BatchSizer, shrinks_in_proportion_at_once) {
  BatchSizer sizer({}, 100);
  sizer.Observe(100, 10'000, 100 * 8192, 250);
  EXPECT_EQ(sizer.NextBlocks(), 10);
}

TEST(BatchSizer, never_below_one_block) {
  BatchSizer sizer({}, 100);
  sizer.Observe(100, 10'000, 100 * 8192, 1e9);
  EXPECT_EQ(sizer.NextBlocks(), 1);
  sizer.Observe(1, 1, std::numeric_limits<int64_t>::max(), 1e9);
  EXPECT_EQ(sizer.NextBlocks(), 1);
}

TEST(BatchSizer, a_clock_that_did_not_move_is_only_fast) {
  BatchSizer sizer({}, 100);
  sizer.Observe(100, 10'000, 100 * 8192, 0);
  EXPECT_EQ(sizer.NextBlocks(), 200);
  sizer.Observe(200, 20'000, 200 * 8192, -5);
  EXPECT_EQ(sizer.NextBlocks(), 400);
}

TEST(BatchSizer, a_run_of_empty_blocks_does_not_end_in_a_huge_batch) {
  BatchSizer sizer({}, 100);
  for (int i = 0; i < 1000; ++i)
    sizer.Observe(sizer.NextBlocks(), 0, 0, 0.01);
  EXPECT_EQ(sizer.NextBlocks(), 2048);  // 16 MiB of blocks
}

TEST(BatchSizer, wide_rows_shrink_the_batch_to_max_bytes) {
  BatchSizer sizer({}, 100);
  sizer.Observe(4, 400, 4 << 20, 1);
  EXPECT_EQ(sizer.NextBlocks(), 16);
}

TEST(BatchSizer, a_short_batch_at_the_end_of_a_stretch_does_not_shrink_the_next) {
  BatchSizer sizer({}, 100);
  sizer.Observe(1, 100, 8192, 3);  // mostly fixed cost
  EXPECT_EQ(sizer.NextBlocks(), 100);
}

TEST(BatchSizer, a_batch_of_nothing_teaches_nothing) {
  BatchSizer sizer({}, 100);
  sizer.Observe(0, 0, 0, 500);
  EXPECT_EQ(sizer.NextBlocks(), 100);
}

TEST(BatchSizer, an_explicit_batch_size_is_an_upper_bound_on_rows) {
  BatchSizer sizer({.initial_rows = 500, .max_rows = 500}, 10);
  EXPECT_EQ(sizer.NextBlocks(), 50);
  sizer.Observe(50, 2500, 50 * 8192, 1);  // fifty rows a block after all
  EXPECT_EQ(sizer.NextBlocks(), 10);
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(sizer.NextBlocks() * 50, 500);
    sizer.Observe(sizer.NextBlocks(), sizer.NextBlocks() * 50, sizer.NextBlocks() * 8192, 0.1);
  }
  EXPECT_EQ(sizer.NextBlocks(), 10);
}

TEST(BatchSizer, one_empty_batch_loosens_the_bounds_only_a_little) {
  BatchSizer sizer({.initial_rows = 1000, .max_rows = 1000}, 100);
  ASSERT_EQ(sizer.NextBlocks(), 10);
  sizer.Observe(10, 0, 0, 1);
  EXPECT_EQ(sizer.NextBlocks(), 13);
}

TEST(BatchSizer, the_upper_bound_on_rows_holds_for_the_first_batch_too) {
  EXPECT_EQ(BatchSizer({.initial_rows = 10'000, .max_rows = 500}, 10).NextBlocks(), 50);
}

TEST(BatchSizer, a_tighter_target_takes_effect_on_the_next_batch) {
  BatchSizer sizer({}, 100);
  sizer.SetTargetMs(5);
  EXPECT_EQ(sizer.NextBlocks(), 20);
  sizer.SetTargetMs(50);
  EXPECT_EQ(sizer.NextBlocks(), 20);
  sizer.SetMaxRows(1000);
  EXPECT_EQ(sizer.NextBlocks(), 10);
}

TEST(BatchSizer, settles_near_the_target_under_noise) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> noise(0.9, 1.1);
  BatchSizer sizer({}, 100);
  double total = 0;
  int batches = 0;
  for (int i = 0; i < 300; ++i) {
    const int64_t blocks = sizer.NextBlocks();
    const double ms = (0.5 + 0.08 * static_cast<double>(blocks)) * noise(random);
    sizer.Observe(blocks, blocks * 80, blocks * 8000, ms);
    if (i < 50) continue;
    EXPECT_LE(ms, 25 * 1.25);
    total += ms;
    ++batches;
  }
  EXPECT_GT(total / batches, 25 * 0.75);
}

TEST(BatchSizer, no_input_leaves_the_bounds_or_grows_faster_than_twofold) {
  std::mt19937_64 random(11);
  BatchSizer sizer({.max_rows = 100'000}, 100);
  for (int i = 0; i < 20'000; ++i) {
    const int64_t before = sizer.NextBlocks();
    const auto draw = [&](int64_t high) {
      return std::uniform_int_distribution<int64_t>(-1, high)(random);
    };
    sizer.Observe(draw(3000), draw(1'000'000), draw(int64_t{1} << 40),
                  static_cast<double>(draw(100)));
    ASSERT_GE(sizer.NextBlocks(), 1);
    ASSERT_LE(sizer.NextBlocks(), 2 * before);
    ASSERT_LE(sizer.NextBlocks(), 2048);
  }
}

}  // namespace
}  // namespace pg_cutover::core
