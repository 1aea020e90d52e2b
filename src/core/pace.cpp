// Token buckets that allow debt, and the choice of the longest pause.
#define PG_CUTOVER_CORE 1
#include "core/pace.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace pg_cutover::core {
namespace {

constexpr double kMicrosPerSecond = 1e6;
// Keeps every pause far inside int64, whatever the limits: about 11 days.
constexpr double kLongestPause = 1e12;

int64_t Micros(double us) {
  return static_cast<int64_t>(std::clamp(std::ceil(us), 0.0, kLongestPause));
}

std::optional<double> Share(std::optional<double> per_second, int workers) {
  assert(!per_second || *per_second > 0);
  if (!per_second) return std::nullopt;
  return *per_second / workers;
}

}  // namespace

void Pacer::Bucket::SetRate(std::optional<double> per_second, int64_t now_us) {
  Refill(now_us);
  per_second_ = per_second;
  refilled_us_ = now_us;
  tokens_ = per_second ? std::clamp(tokens_, -*per_second, *per_second) : 0;
}

int64_t Pacer::Bucket::Spend(double amount, int64_t now_us) {
  if (!per_second_) return 0;
  Refill(now_us);
  tokens_ -= amount;
  return tokens_ < 0 ? Micros(-tokens_ / *per_second_ * kMicrosPerSecond) : 0;
}

void Pacer::Bucket::Refill(int64_t now_us) {
  if (!per_second_ || now_us <= refilled_us_) return;
  const double seconds = static_cast<double>(now_us - refilled_us_) / kMicrosPerSecond;
  tokens_ = std::min(tokens_ + seconds * *per_second_, *per_second_);
  refilled_us_ = now_us;
}

Pacer::Pacer(const PaceLimits& limits, int64_t now_us) {
  Retune(limits, now_us);
}

Pause Pacer::AfterBatch(const BatchCost& cost, int64_t now_us) {
  Pause longest;
  const auto consider = [&longest](int64_t microseconds, std::string_view cause) {
    if (microseconds > longest.microseconds) longest = {microseconds, cause};
  };
  consider(rows_.Spend(static_cast<double>(cost.rows), now_us), "max_rows_per_second");
  consider(wal_bytes_.Spend(static_cast<double>(cost.wal_bytes), now_us),
           "max_wal_bytes_per_second");
  if (limits_.ratio) {
    const double rest = (1 - *limits_.ratio) / *limits_.ratio;
    consider(Micros(static_cast<double>(cost.duration_us) * rest), "ratio");
  }
  consider(Micros(static_cast<double>(limits_.batch_delay_ms) * 1000), "batch_delay");
  return longest;
}

void Pacer::Retune(const PaceLimits& limits, int64_t now_us) {
  assert(limits.workers >= 1 && limits.batch_delay_ms >= 0);
  assert(!limits.ratio || (*limits.ratio > 0 && *limits.ratio <= 1));
  limits_ = limits;
  rows_.SetRate(Share(limits.max_rows_per_second, limits.workers), now_us);
  wal_bytes_.SetRate(Share(limits.max_wal_bytes_per_second, limits.workers), now_us);
}

std::optional<int64_t> Pacer::MaxBatchRows() const {
  const auto share = Share(limits_.max_rows_per_second, limits_.workers);
  if (!share) return std::nullopt;
  return static_cast<int64_t>(std::clamp(*share, 1.0, 1e15));
}

}  // namespace pg_cutover::core
