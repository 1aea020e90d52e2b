// Pauses of a job's body; see session.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "job/clock.hpp"
#include "job/session.hpp"
#include "job/signals.hpp"
#include "job/throttle_spec.hpp"
#include "pg/call.hpp"

namespace pg_cutover::job {

namespace {

constexpr double kDefaultBatchMs = 25;
// While clear; while holding, twice that and some jitter, so that workers do not measure in step.
constexpr int64_t kMeasureMicros = 200'000;
constexpr int64_t kHoldMicros = 250'000;
// A query is given at most a twentieth of the time.
constexpr int64_t kQueryShare = 20;
// A reason that only changes its numbers is not written more often.
constexpr int64_t kShowMicros = 1'000'000;
// Shorter pauses are nothing to tell anybody about.
constexpr int64_t kNotablePauseMicros = 100'000;

}  // namespace

void Session::ApplyThrottle(const std::string& throttle) {
  row_.throttle = throttle;
  ++throttle_changes_;
  // Validated when it was stored, and read here without another look at its query.
  throttle_ = pg::InTransaction([&] { return ReadThrottle(throttle); });
  signals_ = {};
  measured_us_ = 0;
  query_due_us_ = 0;
  RetunePacer();
}

void Session::RetunePacer() {
  pacer_workers_ = active_workers();
  core::PaceLimits limits;
  limits.max_rows_per_second = throttle_.max_rows_per_second;
  limits.max_wal_bytes_per_second = throttle_.max_wal_bytes_per_second;
  limits.ratio = throttle_.ratio;
  limits.batch_delay_ms = row_.batch_delay_ms;
  limits.workers = pacer_workers_;
  pacer_.Retune(limits, NowMicros());
}

double Session::target_batch_ms() const {
  return throttle_.target_batch_ms.value_or(kDefaultBatchMs);
}

std::optional<int64_t> Session::max_batch_rows() const {
  return pacer_.MaxBatchRows();
}

void Session::Pace(const core::BatchCost& cost) {
  assert(!IsTransactionState());
  if (active_workers() != pacer_workers_) RetunePacer();
  const core::Pause pause = pacer_.AfterBatch(cost, NowMicros());
  if (pause.microseconds >= kNotablePauseMicros)
    ShowThrottle(std::string(pause.cause));
  else if (pause.microseconds == 0)
    ShowThrottle("");
  Sleep(pause.microseconds, "PgCutoverPace");
  AwaitClearance();
}

void Session::AwaitClearance() {
  bool held = false;
  for (;;) {
    const int64_t now = NowMicros();
    if (held || now - measured_us_ >= kMeasureMicros) {
      Poll();
      decision_ = Measure();
    }
    if (!decision_.hold) break;
    held = true;
    ShowThrottle(decision_.reason);
    const auto jitter = static_cast<int64_t>(pg_prng_double(&pg_global_prng_state) *
                                             static_cast<double>(kHoldMicros));
    Sleep(kHoldMicros + jitter, "PgCutoverThrottle");
  }
  if (held) ShowThrottle("");
}

core::Decision Session::Measure() {
  measured_us_ = NowMicros();
  if (!AsksForSignals(throttle_)) return {};
  const bool ask_query = measured_us_ >= query_due_us_;
  try {
    signals_ =
        pg::InTransaction([&] { return MeasureSignals(throttle_, zone_, ask_query, signals_); });
  } catch (const pg::Error& error) {
    return {true, fmt::format("the throttle cannot be measured: {}", error.info().message)};
  }
  const int64_t took = NowMicros() - measured_us_;
  if (ask_query) query_due_us_ = measured_us_ + std::max(kMeasureMicros, took * kQueryShare);
  return core::Evaluate(throttle_, signals_);
}

void Session::ShowThrottle(const std::string& reason) {
  if (reason == shown_throttle_) return;
  const int64_t now = NowMicros();
  if (!reason.empty() && !shown_throttle_.empty() && now - shown_us_ < kShowMicros) return;
  Try([&] {
    catalog::SetThrottledBy(id(), worker_, reason.empty() ? std::nullopt : std::optional(reason));
    shown_throttle_ = reason;
    shown_us_ = now;
  });
}

}  // namespace pg_cutover::job
