// Adapting the size of copy batches to what the last ones cost.
#define PG_CUTOVER_CORE 1
#include "core/batch_size.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace pg_cutover::core {
namespace {

// The share that a new observation has when an estimate falls.
constexpr double kFallWeight = 0.25;

double RiseAtOnceFallSlowly(double estimate, double observed) {
  return std::max(observed, estimate + kFallWeight * (observed - estimate));
}

}  // namespace

BatchSizer::BatchSizer(const BatchLimits& limits, double rows_per_block)
    : limits_(limits),
      rows_per_block_(rows_per_block > 0 ? rows_per_block : kDefaultRowsPerBlock),
      bytes_per_block_(kBlockBytes) {
  assert(limits.initial_rows > 0 && limits.target_ms > 0 && limits.max_bytes > 0);
  assert(!limits.max_rows || *limits.max_rows > 0);
  const double wanted = static_cast<double>(limits.initial_rows) / rows_per_block_;
  blocks_ = static_cast<int64_t>(std::clamp(wanted, 1.0, static_cast<double>(Bound())));
}

void BatchSizer::Observe(int64_t blocks, int64_t rows, int64_t bytes, double ms) {
  if (blocks <= 0) return;
  const auto scanned = static_cast<double>(blocks);
  rows_per_block_ = RiseAtOnceFallSlowly(rows_per_block_,
                                         static_cast<double>(std::max<int64_t>(rows, 0)) / scanned);
  bytes_per_block_ = RiseAtOnceFallSlowly(
      bytes_per_block_, static_cast<double>(std::max<int64_t>(bytes, 0)) / scanned);

  const auto now = static_cast<double>(blocks_);
  const double fitting =
      ms > 0 ? scanned * limits_.target_ms / ms : std::numeric_limits<double>::infinity();
  const double wanted =
      ms > limits_.target_ms ? std::min(fitting, now) : std::clamp(fitting, now, 2 * now);
  blocks_ = static_cast<int64_t>(std::clamp(wanted, 1.0, static_cast<double>(Bound())));
}

void BatchSizer::SetTargetMs(double target_ms) {
  assert(target_ms > 0);
  if (target_ms < limits_.target_ms) {
    const double wanted = static_cast<double>(blocks_) * target_ms / limits_.target_ms;
    blocks_ = std::max<int64_t>(1, static_cast<int64_t>(wanted));
  }
  limits_.target_ms = target_ms;
}

void BatchSizer::SetMaxRows(std::optional<int64_t> max_rows) {
  assert(!max_rows || *max_rows > 0);
  limits_.max_rows = max_rows;
  blocks_ = std::min(blocks_, Bound());
}

int64_t BatchSizer::Bound() const {
  // A block holds at least its own bytes, however empty the last ones were.
  double bound = static_cast<double>(limits_.max_bytes) /
                 std::max(bytes_per_block_, static_cast<double>(kBlockBytes));
  if (limits_.max_rows && rows_per_block_ > 0) {
    bound = std::min(bound, static_cast<double>(*limits_.max_rows) / rows_per_block_);
  }
  return std::max<int64_t>(1, static_cast<int64_t>(bound));
}

}  // namespace pg_cutover::core
