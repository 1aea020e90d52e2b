// Strong locks with short waits; see lock_retry.hpp.
#include <fmt/format.h>

#include "core/backoff.hpp"

#include "capture/tables.hpp"
#include "entry/lock_retry.hpp"
#include "job/lock_holders.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::entry {

namespace {

constexpr int kAttempts = 30;
constexpr int64_t kFirstPauseMs = 20;
constexpr int64_t kLongestPauseMs = 1000;

double Uniform() {
  return pg_prng_double(&pg_global_prng_state);
}

void Pause(int64_t ms) {
  pg::Section([=] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, static_cast<long>(ms),
                    pg::compat::WaitEvent("PgCutoverRetry"));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

std::optional<pg::Error> Attempt(const std::function<void()>& body) {
  return pg::TryInSubtransaction([&] {
    pg::GucScope settings;
    const char* const timeout =
        pg::Section([] { return GetConfigOption("pg_cutover.lock_timeout", false, false); });
    settings.Set("lock_timeout", timeout);
    body();
  });
}

}  // namespace

void WithLockRetry(Oid root, LOCKMODE mode, const std::function<void()>& body) {
  core::Backoff backoff(kFirstPauseMs, kLongestPauseMs);
  for (;;) {
    const std::optional<pg::Error> failure = Attempt(body);
    if (!failure) return;
    if (failure->sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE &&
        failure->sqlstate() != ERRCODE_T_R_DEADLOCK_DETECTED)
      throw *failure;
    const int64_t pause = backoff.NextDelayMs(Uniform());
    if (backoff.attempts() >= kAttempts) break;
    Pause(pause);
  }
  const std::string blockers = job::Describe(job::LockHolders(capture::TreeOf(root), mode));
  pg::Raise(
      ERRCODE_LOCK_NOT_AVAILABLE,
      fmt::format("could not lock {} in {} attempts", capture::NameOf(root), kAttempts),
      blockers.empty() ? std::string("Nobody holds a conflicting lock at the moment.")
                       : fmt::format("In the way: {}.", blockers),
      "Wait until these transactions have ended, or end them (pg_terminate_backend; ROLLBACK "
      "PREPARED or COMMIT PREPARED), then call again. pg_cutover.lock_timeout is how long each "
      "attempt waits.");
}

}  // namespace pg_cutover::entry
