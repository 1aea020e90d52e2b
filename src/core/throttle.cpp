// Holding each reading against its limit, and wording what is violated.
#define PG_CUTOVER_CORE 1
#include "core/throttle.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/humanize.hpp"
#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

// A reading as a whole number, saturated: signals are counted in double.
int64_t Whole(double value) {
  constexpr double kLargest = 9.0e18;
  return static_cast<int64_t>(std::clamp(value, -kLargest, kLargest));
}

std::string Bytes(double value) {
  return HumanBytes(Whole(value));
}
std::string Count(double value) {
  return HumanCount(Whole(value));
}

std::string Named(std::string_view text, std::string_view preposition, std::string_view where) {
  return where.empty() ? std::string(text) : fmt::format("{} {} {}", text, preposition, where);
}

std::string_view WhyNot(const std::optional<Reading>& reading) {
  if (!reading) return "no reading was taken";
  if (reading->unmeasurable) return *reading->unmeasurable;
  return "the reading is not a number";
}

class Evaluation {
 public:
  // The reading, or nullptr after noting why there is none.
  const Reading* Measured(std::string_view key, const std::optional<Reading>& reading) {
    if (reading && !reading->unmeasurable && std::isfinite(reading->value)) return &*reading;
    Violated(fmt::format("{}: cannot be measured: {}", key, WhyNot(reading)));
    return nullptr;
  }

  // `what` words the reading ("7.2 s behind on standby1"), `unit` a number in the unit of the
  // limit.
  template <typename What, typename Unit>
  void Limit(std::string_view key, const std::optional<int64_t>& limit,
             const std::optional<Reading>& reading, const What& what, const Unit& unit) {
    if (!limit) return;
    const Reading* const measured = Measured(key, reading);
    if (measured == nullptr || measured->value <= static_cast<double>(*limit)) return;
    Violated(
        fmt::format("{}: {}, limit {}", key, what(*measured), unit(static_cast<double>(*limit))));
  }

  void Violated(const std::string& reason) {
    decision_.hold = true;
    if (!decision_.reason.empty()) decision_.reason += "; ";
    decision_.reason += reason;
  }

  Decision Take() { return std::move(decision_); }

 private:
  Decision decision_;
};

[[noreturn]] void OutOfRange(std::string_view key, const std::string& value,
                             std::string_view must) {
  throw InvalidInput(fmt::format("throttle key \"{}\" must be {}, not {}", key, must, value));
}

}  // namespace

Decision Evaluate(const ThrottleSpec& spec, const Signals& signals) {
  Evaluation evaluation;
  evaluation.Limit(
      "max_replication_lag", spec.max_replication_lag_ms, signals.replication_lag_ms,
      [](const Reading& r) { return Named(HumanDuration(r.value) + " behind", "on", r.where); },
      HumanDuration);
  evaluation.Limit(
      "max_replication_lag", spec.max_replication_lag_bytes, signals.replication_lag_bytes,
      [](const Reading& r) { return Named(Bytes(r.value) + " behind", "on", r.where); }, Bytes);
  evaluation.Limit(
      "max_slot_lag", spec.max_slot_lag_bytes, signals.slot_lag_bytes,
      [](const Reading& r) { return Named(Bytes(r.value) + " retained", "by", r.where); }, Bytes);
  evaluation.Limit(
      "max_archive_backlog", spec.max_archive_backlog, signals.archive_backlog,
      [](const Reading& r) { return Count(r.value) + " waiting for the archiver"; }, Count);
  evaluation.Limit(
      "max_active_backends", spec.max_active_backends, signals.active_backends,
      [](const Reading& r) { return Count(r.value) + " active"; }, Count);
  evaluation.Limit(
      "max_lock_waiters", spec.max_lock_waiters, signals.lock_waiters,
      [](const Reading& r) { return Count(r.value) + " waiting for a lock"; }, Count);
  if (spec.query) {
    const Reading* const answer = evaluation.Measured("query", signals.query);
    if (answer != nullptr && answer->value != 0) evaluation.Violated("query: it returned true");
  }
  if (spec.window) {
    const Reading* const clock = evaluation.Measured("window", signals.minute_of_day);
    if (clock != nullptr) {
      const auto minute = static_cast<int>(std::clamp<int64_t>(Whole(clock->value), 0, 1439));
      if (!spec.window->Contains(minute)) {
        evaluation.Violated(
            fmt::format("window: {} is outside {}", ClockText(minute), spec.window->ToText()));
      }
    }
  }
  return evaluation.Take();
}

double CheckPositive(std::string_view key, double value) {
  if (!std::isfinite(value) || value <= 0) OutOfRange(key, fmt::format("{}", value), "above 0");
  return value;
}

int64_t CheckPositive(std::string_view key, int64_t value) {
  if (value <= 0) OutOfRange(key, fmt::format("{}", value), "above 0");
  return value;
}

int64_t CheckNotNegative(std::string_view key, int64_t value) {
  if (value < 0) OutOfRange(key, fmt::format("{}", value), "0 or above");
  return value;
}

double CheckRatio(std::string_view key, double value) {
  if (!(value > 0 && value <= 1)) {
    OutOfRange(key, fmt::format("{}", value), "above 0 and at most 1");
  }
  return value;
}

double CheckBatchMs(std::string_view key, double value) {
  if (!(value >= 1 && value <= 60'000)) {
    OutOfRange(key, fmt::format("{}", value), "between 1 and 60000 milliseconds");
  }
  return value;
}

void Validate(const ThrottleSpec& spec) {
  if (spec.max_replication_lag_ms) {
    CheckPositive("max_replication_lag", *spec.max_replication_lag_ms);
  }
  if (spec.max_replication_lag_bytes) {
    CheckPositive("max_replication_lag", *spec.max_replication_lag_bytes);
  }
  if (spec.max_slot_lag_bytes) CheckPositive("max_slot_lag", *spec.max_slot_lag_bytes);
  if (spec.max_archive_backlog) CheckNotNegative("max_archive_backlog", *spec.max_archive_backlog);
  if (spec.max_active_backends) CheckNotNegative("max_active_backends", *spec.max_active_backends);
  if (spec.max_lock_waiters) CheckNotNegative("max_lock_waiters", *spec.max_lock_waiters);
  if (spec.max_rows_per_second) CheckPositive("max_rows_per_second", *spec.max_rows_per_second);
  if (spec.max_wal_bytes_per_second) {
    CheckPositive("max_wal_bytes_per_second", *spec.max_wal_bytes_per_second);
  }
  if (spec.target_batch_ms) CheckBatchMs("target_batch_ms", *spec.target_batch_ms);
  if (spec.query && spec.query->find_first_not_of(" \t\r\n") == std::string::npos) {
    throw InvalidInput("throttle key \"query\" must not be empty");
  }
  if (spec.ratio) CheckRatio("ratio", *spec.ratio);
}

}  // namespace pg_cutover::core
