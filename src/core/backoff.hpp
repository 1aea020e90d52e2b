// Delays between attempts that failed for a reason that may pass: exponential, with full jitter, so
// that workers that collided once do not collide again in step.
#pragma once

#include <cstdint>

namespace pg_cutover::core {

class Backoff {
 public:
  // Asserts 1 <= base_ms <= cap_ms.
  Backoff(int64_t base_ms, int64_t cap_ms);

  // Counts an attempt and returns the milliseconds to wait: between 1 and min(cap, base *
  // 2^(attempts before)). `uniform` is a random number in [0, 1); the caller supplies it so that
  // tests are deterministic.
  int64_t NextDelayMs(double uniform);

  // After a success.
  void Reset() { attempts_ = 0; }

  // Failed attempts since the start or Reset().
  int attempts() const { return attempts_; }

 private:
  int64_t base_ms_;
  int64_t cap_ms_;
  int attempts_ = 0;
};

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
