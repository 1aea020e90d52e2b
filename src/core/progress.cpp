// Percent, rate, time left and the bar.
#define PG_CUTOVER_CORE 1
#include "core/progress.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

namespace pg_cutover::core {
namespace {

// Rounding down must not turn 57.3 into 57.2 because of its binary form.
constexpr double kRoundingSlack = 1e-9;
// The most that is shown before the end.
constexpr double kAlmostAll = 99.9;

}  // namespace

std::optional<double> Percent(int64_t done, std::optional<int64_t> total) {
  if (!total) return std::nullopt;
  if (done >= *total) return 100.0;
  if (done <= 0) return 0.0;
  return 100.0 * static_cast<double>(done) / static_cast<double>(*total);
}

RateMeter::RateMeter(double half_life_s) : half_life_s_(half_life_s) {
  assert(half_life_s > 0);
}

void RateMeter::Observe(int64_t done, int64_t now_us) {
  if (!started_ || done < last_done_) {
    started_ = true;
    last_done_ = done;
    last_us_ = now_us;
    return;
  }
  if (now_us <= last_us_) return;
  const double seconds = static_cast<double>(now_us - last_us_) / 1e6;
  const double recent = static_cast<double>(done - last_done_) / seconds;
  const double old_weight = std::exp2(-seconds / half_life_s_);
  rate_ = rate_ ? *rate_ * old_weight + recent * (1 - old_weight) : recent;
  last_done_ = done;
  last_us_ = now_us;
}

std::optional<double> EtaSeconds(int64_t done, std::optional<int64_t> total,
                                 std::optional<double> per_second) {
  if (!total) return std::nullopt;
  if (done >= *total) return 0.0;
  if (!per_second || !(*per_second > 0)) return std::nullopt;
  return static_cast<double>(*total - done) / *per_second;
}

std::string ProgressBar(std::optional<double> percent, int width) {
  assert(width >= 1);
  if (!percent || std::isnan(*percent)) return fmt::format("[{:.>{}}] {:>5} %", "", width, "?");
  const double rounded = std::floor(std::max(*percent, 0.0) * 10 * (1 + kRoundingSlack)) / 10;
  const double shown = *percent < 100 ? std::min(rounded, kAlmostAll) : 100.0;
  const int filled = std::min(width, static_cast<int>(shown / 100 * width * (1 + kRoundingSlack)));
  return fmt::format("[{:#>{}}{:.>{}}] {:5.1f} %", "", filled, "", width - filled, shown);
}

}  // namespace pg_cutover::core
