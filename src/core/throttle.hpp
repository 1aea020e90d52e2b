// Whether a job may work now, and if not, the reason in words that a DBA understands.
//
// Must hold: fail closed. A signal that was asked for and could not be measured holds the job, and
// the reason says so. Every violated limit is named, not only the first one. Measuring is done
// above; pacing (rates, ratio, batch duration) is pace.hpp and batch_size.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/window.hpp"

namespace pg_cutover::core {

// The keys of a throttle document, as users write them.
inline constexpr std::array<std::string_view, 11> kThrottleKeys = {"max_replication_lag",
                                                                   "max_slot_lag",
                                                                   "max_archive_backlog",
                                                                   "max_active_backends",
                                                                   "max_lock_waiters",
                                                                   "max_rows_per_second",
                                                                   "max_wal_bytes_per_second",
                                                                   "target_batch_ms",
                                                                   "query",
                                                                   "window",
                                                                   "ratio"};

// What the user asked for; an absent member means that nobody asked.
struct ThrottleSpec {
  // max_replication_lag is given as an interval (milliseconds here) or as bytes.
  std::optional<int64_t> max_replication_lag_ms = {};
  std::optional<int64_t> max_replication_lag_bytes = {};
  std::optional<int64_t> max_slot_lag_bytes = {};
  // WAL files waiting for the archiver.
  std::optional<int64_t> max_archive_backlog = {};
  std::optional<int64_t> max_active_backends = {};
  std::optional<int64_t> max_lock_waiters = {};
  // Shared by all workers of the job.
  std::optional<double> max_rows_per_second = {};
  std::optional<double> max_wal_bytes_per_second = {};
  std::optional<double> target_batch_ms = {};
  // SQL that yields a boolean; true holds.
  std::optional<std::string> query = {};
  std::optional<Window> window = {};
  // Share of time spent working, in (0, 1].
  std::optional<double> ratio = {};

  friend bool operator==(const ThrottleSpec&, const ThrottleSpec&) = default;
};

// One measurement, or the reason why there is none.
struct Reading {
  double value = 0;
  // Who it was measured on (a standby, a slot); empty where that says nothing.
  std::string where = {};
  // Present: not measurable, because of this; value means nothing then.
  std::optional<std::string> unmeasurable = {};

  static Reading Of(double value, std::string where = {}) {
    return {value, std::move(where), std::nullopt};
  }
  static Reading NotMeasurable(std::string because) { return {0, {}, std::move(because)}; }
};

// One reading a signal, in the unit of the limit it is held against; nullopt where it was not asked
// for.
struct Signals {
  std::optional<Reading> replication_lag_ms = {};
  std::optional<Reading> replication_lag_bytes = {};
  std::optional<Reading> slot_lag_bytes = {};
  std::optional<Reading> archive_backlog = {};
  std::optional<Reading> active_backends = {};
  std::optional<Reading> lock_waiters = {};
  // Not 0: the query returned true.
  std::optional<Reading> query = {};
  // 0..1439, for the window.
  std::optional<Reading> minute_of_day = {};
};

struct Decision {
  bool hold = false;
  // Empty unless hold; violated limits joined by "; ".
  std::string reason = {};
};

// A limit is violated by a value above it. A limit in `spec` without a reading in `signals` is a
// signal that could not be measured. Never throws but std::bad_alloc.
Decision Evaluate(const ThrottleSpec& spec, const Signals& signals);

// Range checks for one value of `key`; each returns the value or throws InvalidInput that names the
// key.
double CheckPositive(std::string_view key, double value);
int64_t CheckPositive(std::string_view key, int64_t value);
int64_t CheckNotNegative(std::string_view key, int64_t value);
// A share in (0, 1].
double CheckRatio(std::string_view key, double value);
// A batch duration in 1..60000 milliseconds.
double CheckBatchMs(std::string_view key, double value);

// Throws InvalidInput unless every member present is in its range.
void Validate(const ThrottleSpec& spec);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
