// Medians, and intervals for them: as in the tables, and right as often as they claim.
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double MedianOf(const std::vector<double>& values) {
  return Median(values);
}

TEST(Median, is_the_middle_value_or_the_mean_of_two) {
  EXPECT_EQ(MedianOf({3}), 3);
  EXPECT_EQ(MedianOf({9, 1, 5}), 5);
  EXPECT_EQ(MedianOf({4, 1, 100, 2}), 3);
  EXPECT_EQ(MedianOf({2, 2, 2, 1, 9}), 2);
}

TEST(Median, survives_values_at_the_edge_of_the_range) {
  constexpr double kMax = std::numeric_limits<double>::max();
  EXPECT_EQ(MedianOf({kMax, kMax}), kMax);
  EXPECT_EQ(MedianOf({1, kInfinity, 2}), 2);
  EXPECT_EQ(MedianOf({-kMax, kMax}), 0);
}

TEST(Median, leaves_the_values_in_their_order) {
  std::vector<double> values{3, 1, 2};
  EXPECT_EQ(Median(values), 2);
  EXPECT_EQ(values, (std::vector<double>{3, 1, 2}));
}

// 1..n, shuffled: an interval's ends are the ranks taken.
std::optional<Interval> Ranks(size_t n, double confidence) {
  std::vector<double> values(n);
  std::iota(values.begin(), values.end(), 1);
  std::mt19937_64 random(n);
  std::shuffle(values.begin(), values.end(), random);
  return MedianInterval(values, confidence);
}

// The smallest and largest rank that tables of the sign test give.
TEST(MedianInterval, has_the_ranks_of_the_tables) {
  EXPECT_EQ(Ranks(6, 0.95), (Interval{1, 6}));
  EXPECT_EQ(Ranks(8, 0.95), (Interval{1, 8}));
  EXPECT_EQ(Ranks(9, 0.95), (Interval{2, 8}));
  EXPECT_EQ(Ranks(10, 0.95), (Interval{2, 9}));
  EXPECT_EQ(Ranks(15, 0.95), (Interval{4, 12}));
  EXPECT_EQ(Ranks(20, 0.95), (Interval{6, 15}));
  EXPECT_EQ(Ranks(25, 0.95), (Interval{8, 18}));
  EXPECT_EQ(Ranks(50, 0.95), (Interval{18, 33}));
  EXPECT_EQ(Ranks(100, 0.95), (Interval{40, 61}));
  EXPECT_EQ(Ranks(15, 0.99), (Interval{3, 13}));
  EXPECT_EQ(Ranks(8, 0.99), (Interval{1, 8}));
}

TEST(MedianInterval, is_none_where_the_values_do_not_suffice) {
  EXPECT_EQ(Ranks(0, 0.95), std::nullopt);
  EXPECT_EQ(Ranks(5, 0.95), std::nullopt);
  EXPECT_EQ(Ranks(5, 0.5), std::nullopt);
  EXPECT_EQ(Ranks(7, 0.99), std::nullopt);
  EXPECT_EQ(Ranks(6, 0.99), std::nullopt);
}

// Both ends of six hold the median with exactly 1 - 2/64.
TEST(MedianInterval, reaches_a_confidence_exactly) {
  EXPECT_EQ(Ranks(6, 0.96875), (Interval{1, 6}));
  EXPECT_EQ(Ranks(6, std::nextafter(0.96875, 1.0)), std::nullopt);
}

// Where 2^-n is no double any more: close to the normal approximation, n/2 - 0.98 sqrt(n).
TEST(MedianInterval, of_thousands_is_that_of_the_normal_distribution) {
  for (const size_t n : {1000, 1075, 5000, 100'000}) {
    const std::optional<Interval> ranks = Ranks(n, 0.95);
    ASSERT_TRUE(ranks.has_value());
    const double count = static_cast<double>(n);
    const double approximate = (count + 1) / 2 - 1.959964 * std::sqrt(count) / 2;
    EXPECT_NEAR(ranks->low, approximate, 1.0) << n;
    EXPECT_EQ(ranks->low + ranks->high, count + 1) << n;
  }
}

TEST(MedianInterval, of_a_low_confidence_is_not_turned_inside_out) {
  for (size_t n = kMinMedianValues; n < 40; n++) {
    const std::optional<Interval> ranks = Ranks(n, 1e-9);
    ASSERT_TRUE(ranks.has_value());
    EXPECT_LE(ranks->low, ranks->high) << n;
  }
}

TEST(MedianInterval, takes_ties_and_infinite_ratios) {
  EXPECT_EQ(MedianInterval(std::vector<double>(7, 1.5), 0.95), (Interval{1.5, 1.5}));
  EXPECT_EQ(MedianInterval(std::vector<double>{1, kInfinity, 1, 1, 1, 1}, 0.95),
            (Interval{1, kInfinity}));
}

// How often the interval holds the true median of a skewed distribution, as times have; and that
// ranks one further in would not do.
TEST(MedianInterval, holds_the_median_as_often_as_it_claims) {
  std::mt19937_64 random(20240531);
  std::lognormal_distribution<double> ratio(0.1, 0.8);
  const double median = std::exp(0.1);
  for (const size_t n : {6, 15, 31}) {
    constexpr int kTrials = 20'000;
    const std::optional<Interval> ranks = Ranks(n, 0.95);
    ASSERT_TRUE(ranks.has_value());
    const auto rank = static_cast<size_t>(ranks->low);
    int covered = 0;
    int covered_by_next = 0;
    for (int trial = 0; trial < kTrials; trial++) {
      std::vector<double> values(n);
      std::generate(values.begin(), values.end(), [&] { return ratio(random); });
      const std::optional<Interval> interval = MedianInterval(values, 0.95);
      covered += interval->low <= median && median <= interval->high ? 1 : 0;
      std::sort(values.begin(), values.end());
      covered_by_next += values[rank] <= median && median <= values[n - 1 - rank] ? 1 : 0;
    }
    EXPECT_GE(covered, 0.95 * kTrials) << n;
    EXPECT_LT(covered_by_next, 0.95 * kTrials) << n;
  }
}

TEST(JudgeRatio, fails_only_above_and_passes_only_below_the_limit) {
  EXPECT_EQ(JudgeRatio({0.9, 1.05}, 1.1), Verdict::kPass);
  EXPECT_EQ(JudgeRatio({1.15, 1.3}, 1.1), Verdict::kFail);
  EXPECT_EQ(JudgeRatio({1.05, 1.2}, 1.1), Verdict::kInconclusive);
}

TEST(JudgeRatio, takes_the_limit_itself_for_kept) {
  EXPECT_EQ(JudgeRatio({1.0, 1.1}, 1.1), Verdict::kPass);
  EXPECT_EQ(JudgeRatio({1.1, 1.1}, 1.1), Verdict::kPass);
  EXPECT_EQ(JudgeRatio({1.1, 1.2}, 1.1), Verdict::kInconclusive);
}

}  // namespace
}  // namespace pg_cutover::core
