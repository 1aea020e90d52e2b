// Comparing measured times without assuming how they are distributed: the median of ratios, an
// interval for it from order statistics, and what the interval says about a limit.
//
// Source: David and Nagaraja, Order Statistics (3rd edition), section 7.1: between the r-th
// smallest of n independent values and the r-th largest lies the median of their distribution with
// a probability of 1 - 2 P(B < r), where B counts heads of n fair coins.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace pg_cutover::core {

// From fewer values nothing is concluded: not even the smallest and the largest of five hold the
// median with 95 %.
inline constexpr size_t kMinMedianValues = 6;

// The middle value, or the mean of the two in the middle. Of at least one value, none of them NaN.
double Median(std::span<const double> values);

// Closed.
struct Interval {
  double low = 0;
  double high = 0;
  bool operator==(const Interval&) const = default;
};

// Holds the median of the distribution that `ratios` come from with a probability of at least
// `confidence`, which lies between 0 and 1: the narrowest such pair of order statistics at equal
// ranks from both ends. Nothing where there are fewer than kMinMedianValues, or not enough for
// this confidence. None of the values is NaN; infinite ones are as good as others.
std::optional<Interval> MedianInterval(std::span<const double> ratios, double confidence);

enum class Verdict { kPass, kFail, kInconclusive };

// Against the claim that the median ratio is at most `limit`: failed only if the whole interval
// lies above, passed if none of it does.
Verdict JudgeRatio(const Interval& interval, double limit);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
