// What bytes are a sketch, where they may lie, and what comes of bytes that no rows have made.
#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/sketch.hpp"

#include "sketch_bytes.hpp"

namespace pg_cutover::core {
namespace {

TEST(SketchBytes, other_bytes_are_not_one) {
  const std::vector<std::byte> sketch = Sketch().Add(1, {2, 3}).bytes();
  EXPECT_TRUE(IsSketch(sketch));
  EXPECT_FALSE(IsSketch({}));
  EXPECT_FALSE(IsSketch(std::vector<std::byte>(SketchSize())));
  EXPECT_FALSE(IsSketch(std::span(sketch).first(SketchSize() - 1)));
  EXPECT_FALSE(IsSketch(std::span(sketch).first(8)));
  std::vector<std::byte> longer = sketch;
  longer.resize(longer.size() + 1);
  EXPECT_FALSE(IsSketch(longer));
  // The mark in the other byte order, another version, an unknown kind of keys, another size.
  std::vector<std::byte> foreign = sketch;
  std::reverse(foreign.begin(), foreign.begin() + 8);
  EXPECT_FALSE(IsSketch(foreign));
  for (const size_t at : {0, 7, 16, 19, 20, 23}) {
    std::vector<std::byte> changed = sketch;
    changed[at] ^= std::byte{0x40};
    EXPECT_FALSE(IsSketch(changed)) << at;
  }
  std::vector<std::byte> no_kind = sketch;
  no_kind[16] = std::byte{0};
  EXPECT_FALSE(IsSketch(no_kind));
}

TEST(SketchBytes, seeds_and_kinds_have_to_match) {
  const Sketch a(SketchKeys::kInteger, 1);
  EXPECT_EQ(SketchSeed(a.state()), 1U);
  EXPECT_EQ(KeysOfSketch(a.state()), SketchKeys::kInteger);
  EXPECT_TRUE(SketchesMatch(a.state(), Sketch(SketchKeys::kInteger, 1).Add(1, {2, 3}).state()));
  EXPECT_FALSE(SketchesMatch(a.state(), Sketch(SketchKeys::kInteger, 2).state()));
  EXPECT_FALSE(SketchesMatch(a.state(), Sketch(SketchKeys::kHashed, 1).state()));
}

TEST(SketchBytes, another_seed_moves_keys_to_other_classes) {
  int moved = 0;
  std::set<uint32_t> seen;
  for (uint64_t key = 0; key < 20'000; key++) {
    seen.insert(BucketOf(1, key));
    moved += BucketOf(1, key) != BucketOf(2, key) ? 1 : 0;
  }
  EXPECT_GT(moved, 19'900);
  EXPECT_EQ(seen.size(), kSketchBuckets);
  EXPECT_EQ(*seen.rbegin(), kSketchBuckets - 1);
}

// Where the data of a bytea begin, four bytes after a multiple of eight; and as a value that is
// copied somewhere else.
TEST(SketchBytes, works_in_place_in_a_bytea_and_as_a_copy) {
  alignas(8) static std::byte bytea[4 + 512 * 1024];
  ASSERT_LE(SketchSize() + 4, sizeof(bytea));
  std::byte* state = bytea + 4;
  InitSketch(state, kSeed, SketchKeys::kInteger);
  AddRow(state, 3, {4, 5});
  EXPECT_TRUE(IsSketch({state, SketchSize()}));
  Sketch copy;
  std::memcpy(copy.state(), state, SketchSize());
  EXPECT_TRUE(copy == Sketch().Add(3, {4, 5}));
  AddSketch(state, copy.state());
  EXPECT_EQ(TotalsOf(state).rows, 2U);
  EXPECT_EQ(Subtract(state, copy.state()).keys, (Keys{3}));
}

// The sums of one row, in the first `copies` of its three cells, and as many cells further on as
// `shift` says.
Sketch Forged(int copies, size_t shift) {
  constexpr size_t kCellBytes = 32;
  const size_t cells = SketchSize() - kCellBytes * kSketchCells;
  const std::vector<std::byte> genuine = Sketch().Add(1, {2, 3}).bytes();
  const std::vector<std::byte> nothing(kCellBytes);
  Sketch forged;
  for (size_t at = cells; at < SketchSize() && copies > 0; at += kCellBytes) {
    if (std::memcmp(&genuine[at], nothing.data(), kCellBytes) == 0) continue;
    std::memcpy(&forged.bytes()[at + shift * kCellBytes], &genuine[at], kCellBytes);
    copies--;
  }
  EXPECT_EQ(copies, 0);
  return forged;
}

TEST(SketchBytes, sums_in_cells_that_are_not_those_of_their_key_name_none) {
  const SketchDifference difference = Compare(Forged(2, 1), Sketch());
  EXPECT_FALSE(difference.equal);
  EXPECT_FALSE(difference.complete);
  EXPECT_TRUE(difference.keys.empty());
}

// A row's sums in one of its three cells alone: taking the row out puts it into the others, and so
// on for ever.
TEST(SketchBytes, sums_that_no_rows_have_end_the_decoding) {
  EXPECT_FALSE(Compare(Forged(1, 0), Sketch()).complete);
  Sketch noise;
  std::mt19937_64 random(18);
  std::generate(noise.bytes().begin() + 24, noise.bytes().end(),
                [&] { return static_cast<std::byte>(random()); });
  Sketch ones;
  std::fill(ones.bytes().begin() + 24, ones.bytes().end(), std::byte{0xFF});
  ASSERT_TRUE(IsSketch(noise.bytes()) && IsSketch(ones.bytes()));
  ones.Add(noise).Add(1, {2, 3});
  EXPECT_FALSE(Compare(noise, ones).equal);
}

}  // namespace
}  // namespace pg_cutover::core
