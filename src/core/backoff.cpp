// Exponential back-off with full jitter.
#define PG_CUTOVER_CORE 1
#include "core/backoff.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace pg_cutover::core {

Backoff::Backoff(int64_t base_ms, int64_t cap_ms) : base_ms_(base_ms), cap_ms_(cap_ms) {
  assert(1 <= base_ms && base_ms <= cap_ms);
}

int64_t Backoff::NextDelayMs(double uniform) {
  assert(0 <= uniform && uniform < 1);
  int64_t bound = base_ms_;
  for (int i = 0; i < attempts_ && bound < cap_ms_; ++i) {
    bound = bound > cap_ms_ / 2 ? cap_ms_ : bound * 2;
  }
  if (attempts_ < std::numeric_limits<int>::max()) ++attempts_;
  const auto jitter = static_cast<int64_t>(uniform * static_cast<double>(bound));
  return std::min(1 + jitter, bound);
}

}  // namespace pg_cutover::core
