// Parallel workers share one plan: every block once, in few long stretches, whatever the
// interleaving.
#include "core/range_dispenser.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

// As in shared memory: not constructed, only planned.
std::unique_ptr<RangeDispenser> Planned(const BlockRanges& todo, int workers) {
  auto dispenser = std::make_unique<RangeDispenser>();
  std::memset(static_cast<void*>(dispenser.get()), 0xAB, sizeof(RangeDispenser));
  dispenser->Plan(todo, workers);
  return dispenser;
}

BlockRanges Whole(int64_t blocks) {
  return BlockRanges().Complement(blocks);
}

// Adds `claim`, and fails if a block of it was there before.
void AddFresh(BlockRanges& set, BlockRange claim) {
  const int64_t before = set.Total();
  set.Add(claim);
  ASSERT_EQ(set.Total(), before + claim.Size()) << "[" << claim.begin << "," << claim.end << ")";
}

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }

 private:
  std::mt19937_64 engine_;
};

TEST(RangeDispenser, a_single_worker_walks_from_the_first_block_to_the_last) {
  const auto dispenser = Planned(Whole(100), 1);
  EXPECT_EQ(dispenser->Claim(0, 60), (BlockRange{0, 60}));
  EXPECT_EQ(dispenser->Claim(0, 60), (BlockRange{60, 100}));
  EXPECT_TRUE(dispenser->Drained());
  EXPECT_EQ(dispenser->Claim(0, 60), std::nullopt);
}

TEST(RangeDispenser, an_empty_plan_is_drained_at_once) {
  const auto dispenser = Planned(BlockRanges(), 4);
  EXPECT_TRUE(dispenser->Drained());
  EXPECT_EQ(dispenser->Claim(3, 1), std::nullopt);
}

TEST(RangeDispenser, zeroed_shared_memory_is_an_empty_plan) {
  const auto dispenser = std::make_unique<RangeDispenser>();
  std::memset(static_cast<void*>(dispenser.get()), 0, sizeof(RangeDispenser));
  EXPECT_TRUE(dispenser->Drained());
  EXPECT_EQ(dispenser->leftover(), 0);
  EXPECT_EQ(dispenser->Claim(0, 1), std::nullopt);
}

TEST(RangeDispenser, each_worker_starts_with_a_fair_contiguous_share) {
  const auto dispenser = Planned(Whole(1000), 4);
  BlockRanges starts;
  for (int worker = 0; worker < 4; ++worker) {
    const auto claim = dispenser->Claim(worker, 1000);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->Size(), 250);
    AddFresh(starts, *claim);
  }
  EXPECT_EQ(starts.Total(), 1000);
}

TEST(RangeDispenser, the_largest_stretch_is_taken_first) {
  const auto dispenser = Planned(BlockRanges::FromMultirange("{[0,10),[20,70),[80,100)}"), 1);
  EXPECT_EQ(dispenser->Claim(0, 1000), (BlockRange{20, 70}));
  EXPECT_EQ(dispenser->Claim(0, 1000), (BlockRange{80, 100}));
  EXPECT_EQ(dispenser->Claim(0, 1000), (BlockRange{0, 10}));
}

TEST(RangeDispenser, an_idle_worker_steals_the_upper_half_and_the_owner_keeps_the_lower) {
  const auto dispenser = Planned(Whole(1000), 1);
  EXPECT_EQ(dispenser->Claim(0, 200), (BlockRange{0, 200}));
  EXPECT_EQ(dispenser->Claim(1, 50), (BlockRange{600, 650}));
  EXPECT_EQ(dispenser->Claim(0, 1000), (BlockRange{200, 600}));
  EXPECT_EQ(dispenser->Claim(1, 100), (BlockRange{650, 750}));
}

TEST(RangeDispenser, a_short_rest_is_left_to_its_owner) {
  const auto dispenser = Planned(Whole(RangeDispenser::kMinSteal), 1);
  ASSERT_TRUE(dispenser->Claim(0, 1));
  EXPECT_EQ(dispenser->Claim(1, 1), std::nullopt);
  EXPECT_FALSE(dispenser->Drained());
  EXPECT_EQ(dispenser->Remaining(), RangeDispenser::kMinSteal - 1);
}

TEST(RangeDispenser, a_claim_never_spans_a_boundary) {
  const std::array<int64_t, 5> leaves = {0, 30, 30, 100, 170};
  const auto dispenser = Planned(Whole(170), 1);
  EXPECT_EQ(dispenser->Claim(0, 64, leaves), (BlockRange{0, 30}));
  EXPECT_EQ(dispenser->Claim(0, 64, leaves), (BlockRange{30, 94}));
  EXPECT_EQ(dispenser->Claim(0, 64, leaves), (BlockRange{94, 100}));
  EXPECT_EQ(dispenser->Claim(0, 640, leaves), (BlockRange{100, 170}));
}

TEST(RangeDispenser, the_tail_of_a_short_batch_comes_again) {
  const auto dispenser = Planned(Whole(100), 1);
  ASSERT_EQ(dispenser->Claim(0, 100), (BlockRange{0, 100}));
  EXPECT_TRUE(dispenser->Drained());
  dispenser->GiveBack(0, {40, 100});
  EXPECT_EQ(dispenser->Remaining(), 60);
  EXPECT_EQ(dispenser->Claim(0, 100), (BlockRange{40, 100}));
}

TEST(RangeDispenser, the_stretch_of_a_dead_worker_is_finished_by_another) {
  const auto dispenser = Planned(Whole(20), 2);
  ASSERT_EQ(dispenser->Claim(0, 5), (BlockRange{0, 5}));
  ASSERT_EQ(dispenser->Claim(1, 50), (BlockRange{10, 20}));
  EXPECT_EQ(dispenser->Claim(1, 50), std::nullopt);
  dispenser->Abandon(0);
  EXPECT_EQ(dispenser->Claim(1, 50), (BlockRange{5, 10}));
  EXPECT_TRUE(dispenser->Drained());
}

TEST(RangeDispenser, a_restarted_worker_goes_on_with_the_stretch_it_abandoned) {
  const auto dispenser = Planned(Whole(20), 1);
  ASSERT_TRUE(dispenser->Claim(0, 5));
  dispenser->Abandon(0);
  EXPECT_EQ(dispenser->Claim(0, 5), (BlockRange{5, 10}));
  EXPECT_EQ(dispenser->Claim(1, 5), std::nullopt);
}

TEST(RangeDispenser, more_stretches_than_fit_are_left_over_smallest_first) {
  BlockRanges todo;
  constexpr int kExtra = 10;
  for (int64_t i = 0; i < RangeDispenser::kMaxPending + kExtra; ++i) {
    todo.Add({i * 10, i * 10 + (i < kExtra ? 1 : 3)});
  }
  const auto dispenser = Planned(todo, 1);
  EXPECT_EQ(dispenser->leftover(), kExtra);
  EXPECT_EQ(dispenser->Remaining(), todo.Total() - kExtra);
}

TEST(RangeDispenser, planning_again_when_drained_finishes_any_fragmentation) {
  BlockRanges todo;
  for (int64_t i = 0; i < 10'000; ++i)
    todo.Add({i * 7, i * 7 + 1 + i % 5});
  BlockRanges done;
  const auto dispenser = std::make_unique<RangeDispenser>();
  int rounds = 0;
  do {
    BlockRanges rest;
    for (const BlockRange& gap : todo.ranges()) {
      if (!done.Contains(gap.begin)) rest.Add(gap);
    }
    dispenser->Plan(rest, 3);
    while (const auto claim = dispenser->Claim(rounds % 3, 1000))
      AddFresh(done, *claim);
    ++rounds;
  } while (dispenser->leftover() > 0);
  EXPECT_EQ(done, todo);
  EXPECT_EQ(rounds, 3);
}

BlockRanges RandomTodo(Dice& dice, int64_t blocks) {
  BlockRanges done;
  const int64_t holes = dice.Between(0, 8);
  for (int64_t i = 0; i < holes; ++i) {
    const int64_t begin = dice.Between(0, blocks - 1);
    done.Add({begin, std::min(blocks, begin + dice.Between(0, blocks / 8))});
  }
  return done.Complement(blocks);
}

TEST(RangeDispenser, any_interleaving_covers_every_block_exactly_once) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    const BlockRanges todo = RandomTodo(dice, dice.Between(1, 20'000));
    const int workers = static_cast<int>(dice.Between(1, 16));
    std::vector<int64_t> boundaries(static_cast<std::size_t>(dice.Between(0, 5)));
    for (int64_t& boundary : boundaries)
      boundary = dice.Between(0, 20'000);
    std::sort(boundaries.begin(), boundaries.end());

    const auto dispenser = Planned(todo, workers);
    BlockRanges done;
    while (!dispenser->Drained()) {
      const int worker = static_cast<int>(dice.Between(0, workers - 1));
      const int64_t before = dispenser->Remaining();
      auto claim = dispenser->Claim(worker, dice.Between(1, 700), boundaries);
      if (!claim) {
        dispenser->Abandon(static_cast<int>(dice.Between(0, workers - 1)));
        continue;
      }
      for (const int64_t boundary : boundaries) {
        ASSERT_FALSE(claim->begin < boundary && boundary < claim->end);
      }
      if (dice.Between(0, 9) == 0) {
        const BlockRange tail{dice.Between(claim->begin, claim->end), claim->end};
        dispenser->GiveBack(worker, tail);
        claim->end = tail.begin;
      }
      ASSERT_EQ(dispenser->Remaining(), before - claim->Size());
      AddFresh(done, *claim);
      if (dice.Between(0, 199) == 0) dispenser->Abandon(worker);
    }
    ASSERT_EQ(done, todo);
  }
}

TEST(RangeDispenser, cursors_stay_small_however_uneven_the_workers_are) {
  constexpr int64_t kBlocks = 4'000'000;
  for (const int workers : {1, 2, 4, 8, 32, 64}) {
    SCOPED_TRACE(workers);
    Dice dice(static_cast<unsigned>(workers));
    const auto dispenser = Planned(Whole(kBlocks), workers);
    std::vector<BlockRanges> cursors(static_cast<std::size_t>(workers));
    while (!dispenser->Drained()) {
      // The first workers get most of the turns.
      const int worker = static_cast<int>(dice.Between(0, dice.Between(0, workers - 1)));
      const auto claim = dispenser->Claim(worker, dice.Between(50, 400));
      if (claim) cursors[static_cast<std::size_t>(worker)].Add(*claim);
    }
    BlockRanges all;
    std::size_t ranges = 0;
    const double per_worker = 2 * std::log2(static_cast<double>(kBlocks));
    for (const BlockRanges& cursor : cursors) {
      EXPECT_LE(static_cast<double>(cursor.ranges().size()), workers * per_worker);
      ranges += cursor.ranges().size();
      all.Add(cursor);
    }
    EXPECT_EQ(all, Whole(kBlocks));
    EXPECT_LE(static_cast<double>(ranges), workers * per_worker);
  }
}

}  // namespace
}  // namespace pg_cutover::core
