// Order statistics, and the exact binomial distribution behind them.
#define PG_CUTOVER_CORE 1
#include "core/statistics.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <vector>

namespace pg_cutover::core {
namespace {

std::vector<double> Sorted(std::span<const double> values) {
  assert(
      std::none_of(values.begin(), values.end(), [](double value) { return std::isnan(value); }));
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// The greatest r for which n fair coins show fewer than r heads with a probability of at most
// `tail`; 0 if there is none. Exact up to n = 50, as the sums are whole numbers times 2^-n; what
// grows beyond the range of a double is scaled, so that any n will do.
size_t GreatestRank(size_t n, double tail) {
  constexpr int kScale = 500;
  const double limit = std::ldexp(1.0, kScale);
  double ways = 1;  // n over k
  double sum = 0;
  int exponent = -static_cast<int>(n);
  for (size_t k = 0; k < n / 2; k++) {
    sum += ways;
    if (std::ldexp(sum, exponent) > tail) return k;
    ways = ways * static_cast<double>(n - k) / static_cast<double>(k + 1);
    if (ways > limit) {
      ways = std::ldexp(ways, -kScale);
      sum = std::ldexp(sum, -kScale);
      exponent += kScale;
    }
  }
  return n / 2;
}

}  // namespace

double Median(std::span<const double> values) {
  assert(!values.empty());
  const std::vector<double> sorted = Sorted(values);
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle]
                                : std::midpoint(sorted[middle - 1], sorted[middle]);
}

std::optional<Interval> MedianInterval(std::span<const double> ratios, double confidence) {
  assert(confidence > 0 && confidence < 1);
  if (ratios.size() < kMinMedianValues) return {};
  const size_t rank = GreatestRank(ratios.size(), (1 - confidence) / 2);
  if (rank == 0) return {};
  const std::vector<double> sorted = Sorted(ratios);
  return Interval{.low = sorted[rank - 1], .high = sorted[sorted.size() - rank]};
}

Verdict JudgeRatio(const Interval& interval, double limit) {
  if (interval.low > limit) return Verdict::kFail;
  return interval.high <= limit ? Verdict::kPass : Verdict::kInconclusive;
}

}  // namespace pg_cutover::core
