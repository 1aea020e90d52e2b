// How long a worker sleeps after a batch, and which setting makes it sleep.
//
// Rate limits are token buckets with debt: a batch may overdraw, the sleep pays it back. Must hold:
// over any time since the start a worker's work is at most its share of the limit plus one second's
// worth; a bucket starts empty and keeps at most one second's worth while the worker is idle or
// slow. The clock is passed in: monotonic, microseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pg_cutover::core {

struct PaceLimits {
  // Limits of the whole job; each of `workers` gets an equal share.
  std::optional<double> max_rows_per_second = {};
  std::optional<double> max_wal_bytes_per_second = {};
  // Share of its time that each worker may work, in (0, 1].
  std::optional<double> ratio = {};
  int64_t batch_delay_ms = 0;
  int workers = 1;
};

struct BatchCost {
  int64_t rows = 0;
  int64_t wal_bytes = 0;
  int64_t duration_us = 0;
};

struct Pause {
  int64_t microseconds = 0;
  // The setting behind the pause ("max_rows_per_second", "batch_delay", ...), of static lifetime;
  // empty when there is no pause.
  std::string_view cause = {};
};

class Pacer {
 public:
  // Asserts positive limits and workers >= 1.
  Pacer(const PaceLimits& limits, int64_t now_us);

  // Call when a batch has ended. The settings do not add up: the longest pause wins.
  Pause AfterBatch(const BatchCost& cost, int64_t now_us);

  // New limits or another number of workers. Debt above one second at the new rate is forgiven, so
  // that a lowered limit does not stop the job for minutes.
  void Retune(const PaceLimits& limits, int64_t now_us);

  // One second's worth of rows for this worker (>= 1): a larger batch could only be paid for by a
  // long sleep. nullopt without a row limit.
  std::optional<int64_t> MaxBatchRows() const;

 private:
  class Bucket {
   public:
    void SetRate(std::optional<double> per_second, int64_t now_us);
    // Returns microseconds until the bucket is out of debt.
    int64_t Spend(double amount, int64_t now_us);

   private:
    void Refill(int64_t now_us);

    std::optional<double> per_second_ = {};
    // Negative: debt.
    double tokens_ = 0;
    int64_t refilled_us_ = 0;
  };

  PaceLimits limits_;
  Bucket rows_;
  Bucket wal_bytes_;
};

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
