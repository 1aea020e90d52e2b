// Transactions and retries of a job's body; see session.hpp. Its pauses are in session_pace.cpp.
#include <algorithm>

#include <fmt/format.h>

#include "job/session.hpp"
#include "job/clock.hpp"
#include "job/launch.hpp"
#include "job/nap.hpp"
#include "job/settings.hpp"
#include "job/throttle_spec.hpp"
#include "pg/call.hpp"

namespace pg_cutover::job {

namespace {

constexpr int64_t kFirstDelayMs = 20;
constexpr int64_t kLongestDelayMs = 5'000;
constexpr int kMostConflicts = 100;
// How often a sleeping worker looks whether the job still runs.
constexpr int64_t kPollMicros = 1'000'000;

double Uniform() {
  return pg_prng_double(&pg_global_prng_state);
}

}  // namespace

Session::Session(catalog::JobRow row, int worker, pg_tz* zone)
    : row_(std::move(row)),
      worker_(worker),
      pacer_({}, NowMicros()),
      backoff_(kFirstDelayMs, kLongestDelayMs),
      zone_(zone) {
  throttle_ = pg::InTransaction([&] { return ReadThrottle(row_.throttle); });
  RetunePacer();
}

bool Session::MayGoOn() {
  if (team_.LeaderGone() && worker_ != 0) return false;
  const std::optional<catalog::JobControl> control = catalog::FindControl(id());
  return control && control->state == core::JobState::kRunning;
}

bool Session::IsTransient(const pg::Error& error) const {
  switch (error.sqlstate()) {
    case ERRCODE_T_R_DEADLOCK_DETECTED:
    case ERRCODE_T_R_SERIALIZATION_FAILURE:
    case ERRCODE_LOCK_NOT_AVAILABLE:
    case ERRCODE_QUERY_CANCELED:
      return true;
    default:
      return false;
  }
}

void Session::BackOff(const pg::Error& error) {
  if (!IsTransient(error)) throw error;
  const bool conflict = error.sqlstate() == ERRCODE_T_R_DEADLOCK_DETECTED ||
                        error.sqlstate() == ERRCODE_T_R_SERIALIZATION_FAILURE;
  if (conflict && backoff_.attempts() >= kMostConflicts) throw error;
  const int64_t delay_ms = backoff_.NextDelayMs(Uniform());
  Poll();
  // The first failures pass unnoticed: most are over at the next attempt.
  if (backoff_.attempts() > 2) {
    shown_waiting_ = true;
    Try([&] {
      catalog::SetWaitingFor(
          id(), fmt::format("attempt {} after: {}", backoff_.attempts() + 1, error.info().message));
      catalog::SetAttempts(id(), backoff_.attempts());
    });
  }
  Sleep(delay_ms * 1000, "PgCutoverRetry");
}

void Session::Succeeded() {
  if (backoff_.attempts() == 0) return;
  backoff_.Reset();
  if (!shown_waiting_) return;
  shown_waiting_ = false;
  Try([&] {
    catalog::SetWaitingFor(id(), std::nullopt);
    catalog::SetAttempts(id(), 0);
  });
}

void Session::RunTopLevelOnce(const std::string& sql) {
  Poll();
  pg::Call(pgstat_report_activity, STATE_RUNNING, sql.c_str());
  UseLockTimeout(false);
  try {
    pg::RunTopLevel(sql);
  } catch (const pg::Error&) {
    UseLockTimeout(true);
    throw;
  }
  UseLockTimeout(true);
  ShowActivity();
}

void Session::SetPhase(const std::string& phase) {
  InStep([&] { catalog::SetPhase(id(), phase); });
  row_.phase = phase;
  ShowActivity();
}

void Session::ShowActivity() {
  const std::string activity = fmt::format("pg_cutover job {}: {}", id(), row_.phase);
  const std::string name = fmt::format("pg_cutover: job {} {}", id(), row_.phase);
  const char* const activity_text = activity.c_str();
  const char* const name_text = name.c_str();
  pg::Section([=] {
    pgstat_report_activity(STATE_RUNNING, activity_text);
    SetConfigOption("application_name", name_text, PGC_USERSET, PGC_S_SESSION);
  });
}

void Session::Poll() {
  assert(!IsTransactionState());
  polled_us_ = NowMicros();
  if (team_.LeaderGone() && worker_ != 0) throw Stopped{};
  std::optional<catalog::JobControl> control;
  bool known = false;
  Try([&] {
    control = catalog::FindControl(id());
    known = true;
  });
  if (!known) return;
  if (!control || control->state != core::JobState::kRunning) throw Stopped{};
  row_.phase = control->phase;
  if (control->throttle != row_.throttle) ApplyThrottle(control->throttle);
}

void Session::Sleep(int64_t microseconds, const char* why) {
  assert(!IsTransactionState());
  if (microseconds <= 0) return;
  const int64_t until = NowMicros() + microseconds;
  const int changes = throttle_changes_;
  pg::Call(pgstat_report_activity, STATE_IDLE, static_cast<const char*>(nullptr));
  for (;;) {
    const int64_t now = NowMicros();
    if (now >= until || throttle_changes_ != changes) break;
    const bool interrupted = Nap(std::min(until - now, kPollMicros), why);
    if (interrupted || NowMicros() - polled_us_ >= kPollMicros) Poll();
  }
  ShowActivity();
}

void* Session::StartTeam(size_t size) {
  assert(worker_ == 0 && !team_.HelpersRemain());
  return team_.Start(size, row_.workers > 1);
}

int Session::LaunchHelpers(int n) {
  assert(worker_ == 0);
  int launched = 0;
  while (launched < n && team_.Launch(id(), launched + 1, row_.login_role))
    ++launched;
  if (launched < n) {
    shown_waiting_ = true;
    Try([&] {
      catalog::SetWaitingFor(
          id(), fmt::format("{} of {} workers: {}", launched + 1, n + 1, NoSlotReason()));
    });
  }
  return launched;
}

void Session::AwaitHelpers() {
  assert(worker_ == 0);
  while (team_.HelpersRemain())
    Sleep(100'000, "PgCutoverHelpers");
  if (shown_waiting_ && backoff_.attempts() == 0) {
    shown_waiting_ = false;
    Try([&] { catalog::SetWaitingFor(id(), std::nullopt); });
  }
}

}  // namespace pg_cutover::job
