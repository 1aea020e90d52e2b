// What two sketches say of the rows added to them, compared with the rows themselves.
#include "core/sketch.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/fingerprint.hpp"

#include "sketch_bytes.hpp"

namespace pg_cutover::core {
namespace {

using Buckets = std::vector<uint32_t>;

struct Row {
  uint64_t key;
  RowHash hash;
};

RowHash RandomHash(std::mt19937_64& random) {
  const uint64_t low = random();
  return {low, random()};
}

// Keys are distinct: first, first + step, ...
std::vector<Row> RandomRows(size_t count, uint64_t first, uint64_t step, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  for (size_t i = 0; i < count; i++)
    rows.push_back({first + i * step, RandomHash(random)});
  return rows;
}

Sketch SketchOf(const std::vector<Row>& rows, SketchKeys keys = SketchKeys::kInteger,
                uint64_t seed = kSeed) {
  Sketch sketch(keys, seed);
  for (const Row& row : rows)
    sketch.Add(row.key, row.hash);
  return sketch;
}

Buckets BucketsOf(const Keys& keys, uint64_t seed = kSeed) {
  std::set<uint32_t> buckets;
  for (const uint64_t key : keys)
    buckets.insert(BucketOf(seed, key));
  return {buckets.begin(), buckets.end()};
}

void ExpectDifference(const SketchDifference& difference, Keys keys) {
  std::sort(keys.begin(), keys.end());
  EXPECT_FALSE(difference.equal);
  EXPECT_TRUE(difference.complete);
  EXPECT_EQ(difference.keys, keys);
  EXPECT_EQ(difference.buckets, BucketsOf(keys));
}

void ExpectEqual(const SketchDifference& difference) {
  EXPECT_TRUE(difference.equal);
  EXPECT_TRUE(difference.complete);
  EXPECT_TRUE(difference.keys.empty());
  EXPECT_TRUE(difference.surplus.empty());
  EXPECT_TRUE(difference.buckets.empty());
}

// ---- equality ----

TEST(Sketch, empty_ones_are_equal) {
  const Sketch empty;
  EXPECT_EQ(TotalsOf(empty.state()), SketchTotals{});
  ExpectEqual(Compare(empty, Sketch()));
}

TEST(Sketch, the_order_of_rows_does_not_matter) {
  for (const SketchKeys keys : {SketchKeys::kInteger, SketchKeys::kHashed, SketchKeys::kWholeRow}) {
    std::vector<Row> rows = RandomRows(20'000, 1, 1, 7);
    const Sketch a = SketchOf(rows, keys);
    std::shuffle(rows.begin(), rows.end(), std::mt19937_64(8));
    const Sketch b = SketchOf(rows, keys);
    ExpectEqual(Compare(a, b));
    EXPECT_TRUE(a == b) << "equal sketches have equal bytes";
  }
}

TEST(Sketch, totals_count_and_sum_all_rows) {
  const std::vector<Row> rows = RandomRows(1000, 1, 1, 9);
  SketchTotals expected;
  for (const Row& row : rows) {
    expected.rows++;
    expected.low += row.hash.low;
    expected.high += row.hash.high;
  }
  EXPECT_EQ(TotalsOf(SketchOf(rows).state()), expected);
}

TEST(Sketch, the_sum_of_parts_is_the_sketch_of_the_whole) {
  for (const SketchKeys keys : {SketchKeys::kInteger, SketchKeys::kWholeRow}) {
    const std::vector<Row> rows = RandomRows(10'000, 5, 3, 10);
    std::vector<Sketch> parts(4, Sketch(keys));  // the last one stays empty
    for (const Row& row : rows)
      parts[row.key % 10 == 0 ? 0 : 1 + row.key % 2].Add(row.key, row.hash);
    Sketch sum(keys);
    for (const Sketch& part : parts)
      sum.Add(part);
    EXPECT_TRUE(sum == SketchOf(rows, keys));
  }
}

TEST(Sketch, one_can_be_added_to_itself) {
  const std::vector<Row> rows = RandomRows(1000, 1, 1, 11);
  Sketch twice = SketchOf(rows);
  twice.Add(twice);
  EXPECT_TRUE(twice == SketchOf(rows).Add(SketchOf(rows)));
}

// ---- differences ----

TEST(Sketch, names_a_missing_an_extra_and_a_changed_row) {
  std::vector<Row> a = RandomRows(5000, 1, 1, 12);
  std::vector<Row> b = a;
  std::mt19937_64 random(13);
  b.erase(b.begin() + 99);  // key 100
  b.push_back({70'000, RandomHash(random)});
  b[2000].hash = RandomHash(random);  // key 2002
  ExpectDifference(Compare(SketchOf(a), SketchOf(b)), {100, 2002, 70'000});
  ExpectDifference(Compare(SketchOf(b), SketchOf(a)), {100, 2002, 70'000});
}

TEST(Sketch, each_half_of_the_hash_counts) {
  const Sketch a = Sketch().Add(1, {10, 20}).Add(2, {30, 40});
  ExpectDifference(Compare(a, Sketch().Add(1, {11, 20}).Add(2, {30, 40})), {1});
  ExpectDifference(Compare(a, Sketch().Add(1, {10, 20}).Add(2, {30, uint64_t{1} << 63})), {2});
}

// Numbers at the edges of a limb, of the prime and of the integer types.
TEST(Sketch, names_any_key) {
  constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
  const Keys keys{0,
                  1,
                  0xFFFFFFFFU,
                  uint64_t{1} << 32,
                  kPrime - 1,
                  kPrime,
                  kPrime + 1,
                  static_cast<uint64_t>(-1),
                  static_cast<uint64_t>(-2),
                  static_cast<uint64_t>(std::numeric_limits<int32_t>::min()),
                  static_cast<uint64_t>(std::numeric_limits<int64_t>::min()),
                  static_cast<uint64_t>(std::numeric_limits<int64_t>::max())};
  std::mt19937_64 random(14);
  Sketch all;
  for (const uint64_t key : keys) {
    const RowHash hash = RandomHash(random);
    all.Add(key, hash);
    ExpectDifference(Compare(Sketch().Add(key, hash), Sketch()), {key});
    ExpectDifference(Compare(Sketch(), Sketch().Add(key, hash)), {key});
    ExpectDifference(Compare(Sketch().Add(key, hash), Sketch().Add(key, RandomHash(random))),
                     {key});
  }
  ExpectDifference(Compare(all, Sketch()), keys);
}

// Also those that would be 0 modulo the prime.
TEST(Sketch, sees_a_row_whatever_its_hash) {
  constexpr uint64_t kOnes = ~uint64_t{0};
  for (const RowHash hash : {RowHash{0, 0}, RowHash{kOnes, 0}, RowHash{kOnes - 7, 0},
                             RowHash{kOnes - 8, 0}, RowHash{0, kOnes}, RowHash{7, 0}}) {
    ExpectDifference(Compare(Sketch().Add(5, hash), Sketch()), {5});
  }
}

TEST(Sketch, sees_duplicates_on_both_sides) {
  const RowHash x{111, 222};
  const RowHash y{333, 444};
  const Sketch one = Sketch().Add(1, x).Add(2, y);
  const Sketch two = Sketch().Add(1, x).Add(1, x).Add(2, y);
  const Sketch three = Sketch().Add(1, x).Add(1, x).Add(1, x).Add(2, y);
  ExpectDifference(Compare(one, two), {1});
  ExpectDifference(Compare(one, three), {1});  // a pair would cancel in XOR
  ExpectDifference(Compare(two, Sketch().Add(1, x).Add(1, y).Add(2, y)), {1});
  ExpectEqual(Compare(two, Sketch().Add(1, x).Add(2, y).Add(1, x)));
}

// Even where the hash does not depend on the key, so that all sums of hashes are the same.
TEST(Sketch, sees_swapped_rows_of_two_keys) {
  std::mt19937_64 random(15);
  for (uint64_t key = 0; key < 200; key++) {
    const RowHash x = RandomHash(random);
    const RowHash y = RandomHash(random);
    const uint64_t other = key + 1 + random() % 1000;
    const SketchDifference difference =
        Compare(Sketch().Add(key, x).Add(other, y), Sketch().Add(key, y).Add(other, x));
    ASSERT_FALSE(difference.equal);
    ASSERT_TRUE(difference.complete);
    ASSERT_EQ(difference.keys, (Keys{key, other}));
  }
}

// Where the two keys are of one class as well, whose sums are the same then.
TEST(Sketch, sees_swapped_rows_within_a_class) {
  uint64_t other = 2;
  while (BucketOf(kSeed, other) != BucketOf(kSeed, 1))
    other++;
  const RowHash x{111, 222};
  const RowHash y{333, 444};
  const SketchDifference difference =
      Compare(Sketch().Add(1, x).Add(other, y), Sketch().Add(1, y).Add(other, x));
  EXPECT_FALSE(difference.equal);
  EXPECT_TRUE(difference.complete);
  EXPECT_EQ(difference.keys, (Keys{1, other}));
  EXPECT_TRUE(difference.buckets.empty());
}

// All times ten minutes later (tidb-tools#634): linear checksums under XOR take that for equal.
TEST(Sketch, sees_the_same_change_in_an_even_number_of_rows) {
  const auto hash = [](uint64_t key, uint64_t time) {
    const uint64_t image[] = {key, time};
    const std::string_view bytes(reinterpret_cast<const char*>(image), sizeof(image));
    return RowHash{Hash64(bytes), Hash64(std::string(bytes) + "high")};
  };
  for (const uint64_t changed : {2, 64, 1000}) {
    Sketch a;
    Sketch b;
    Keys keys;
    for (uint64_t key = 0; key < 3000; key++) {
      a.Add(key, hash(key, key * 1000));
      b.Add(key, hash(key, key * 1000 + (key < changed ? 600'000'000 : 0)));
      if (key < changed) keys.push_back(key);
    }
    ExpectDifference(Compare(a, b), keys);
  }
}

// Sums of h alone would be the same; those of the buckets are not.
TEST(Sketch, does_not_claim_completeness_for_rows_that_cancel_in_the_cells) {
  const uint64_t flip = 0x123456789ABCDEF0;
  const RowHash x{1, 2};
  const RowHash same_in_cells{x.low ^ (flip << 32 | flip >> 32), x.high ^ flip};
  const SketchDifference changed =
      Compare(Sketch().Add(1, x).Add(7, {8, 9}), Sketch().Add(1, same_in_cells));
  EXPECT_FALSE(changed.equal);
  EXPECT_FALSE(changed.complete);
  EXPECT_EQ(changed.keys, (Keys{7}));
  EXPECT_EQ(changed.buckets, BucketsOf({1, 7}));

  Sketch a(SketchKeys::kWholeRow);
  Sketch b(SketchKeys::kWholeRow);
  const SketchDifference whole = Compare(a.Add({5, 1}), b.Add({5, 2}));
  EXPECT_FALSE(whole.equal);
  EXPECT_FALSE(whole.complete);
  EXPECT_EQ(whole.buckets, BucketsOf({5}));
}

TEST(Sketch, counts_whole_rows_that_are_more_or_fewer) {
  std::mt19937_64 random(17);
  Sketch a(SketchKeys::kWholeRow);
  Sketch b(SketchKeys::kWholeRow);
  std::vector<std::pair<uint64_t, int64_t>> expected;
  for (int i = 0; i < 4000; i++) {
    const RowHash row = RandomHash(random);
    const int in_a = static_cast<int>(random() % 4);
    const int in_b = static_cast<int>(random() % 4);
    a.Add(row, in_a);
    b.Add(row, in_b);
    if (in_a != in_b) expected.emplace_back(WholeRowKey(row), in_a - in_b);
  }
  std::sort(expected.begin(), expected.end());
  Keys keys;
  std::vector<int64_t> surplus;
  for (const auto& [key, more] : expected) {
    keys.push_back(key);
    surplus.push_back(more);
  }
  const SketchDifference difference = Compare(a, b);
  ExpectDifference(difference, keys);
  EXPECT_EQ(difference.surplus, surplus);
}

TEST(Sketch, an_update_of_a_whole_row_is_one_fewer_and_one_more) {
  Sketch a(SketchKeys::kWholeRow);
  Sketch b(SketchKeys::kWholeRow);
  a.Add({1000, 1}, 3).Add({2000, 2}, 2);
  b.Add({1000, 1}, 3).Add({2000, 2}).Add({3000, 3});
  const SketchDifference difference = Compare(a, b);
  ExpectDifference(difference, {2000, 3000});
  EXPECT_EQ(difference.surplus, (std::vector<int64_t>{1, -1}));
}

// ---- how many differences ----

TEST(Sketch, names_nine_thousand_keys_under_any_seed) {
  for (uint64_t seed = 0; seed < 60; seed++) {
    // Missing, extra and changed rows of a sequence, spread differently each time.
    const std::vector<Row> rows = RandomRows(9000, seed * 1'000'000, 1 + seed, seed);
    Sketch a(SketchKeys::kInteger, seed);
    Sketch b(SketchKeys::kInteger, seed);
    Keys keys;
    for (const Row& row : rows) {
      keys.push_back(row.key);
      if (row.hash.low % 3 != 0) a.Add(row.key, row.hash);
      if (row.hash.low % 3 != 1) b.Add(row.key, {row.hash.high, row.hash.low});
    }
    const SketchDifference difference = Compare(a, b);
    ASSERT_TRUE(difference.complete) << seed;
    ASSERT_EQ(difference.keys, keys) << seed;
    ASSERT_EQ(difference.buckets, BucketsOf(keys, seed)) << seed;
  }
}

TEST(Sketch, says_that_there_are_too_many_differences_and_where) {
  for (const size_t count : {12'000, 100'000}) {
    // Not every class: a tenth of them.
    std::vector<Row> rows;
    for (const Row& row : RandomRows(count * 10, 1, 1, count)) {
      if (BucketOf(kSeed, row.key) % 10 == 3) rows.push_back(row);
    }
    ASSERT_GT(rows.size(), count * 9 / 10);
    Keys keys;
    for (const Row& row : rows)
      keys.push_back(row.key);
    const SketchDifference difference = Compare(SketchOf(rows), Sketch());
    EXPECT_FALSE(difference.equal);
    EXPECT_FALSE(difference.complete);
    EXPECT_EQ(difference.buckets, BucketsOf(keys));
    EXPECT_TRUE(
        std::includes(keys.begin(), keys.end(), difference.keys.begin(), difference.keys.end()));
    EXPECT_LT(difference.keys.size(), keys.size());
  }
}

// Cells full of several keys with the same hash, in which the mean of the keys looks like a key.
TEST(Sketch, never_names_a_key_that_does_not_differ) {
  for (uint64_t seed = 0; seed < 12; seed++) {
    Sketch a(SketchKeys::kInteger, seed);
    Sketch b(SketchKeys::kInteger, seed);
    for (uint64_t key = 0; key < 24'000; key++) {
      a.Add(key, {1, 1});
      if (key % 2 == 0) b.Add(key, {1, 1});
    }
    const SketchDifference difference = Compare(a, b);
    EXPECT_FALSE(difference.complete);
    for (const uint64_t key : difference.keys)
      ASSERT_EQ(key % 2, 1U) << key << ", seed " << seed;
  }
}

}  // namespace
}  // namespace pg_cutover::core
