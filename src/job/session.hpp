// What the body of a job sees: its transactions, its pauses and its team.
//
// A body is plain code that loops over InStep or InBatch and calls Pace between batches. Whether
// the job may go on is looked at inside each transaction, so nothing is committed in a transaction
// that began after a pause or cancel took effect; one that had begun still ends.
//
// Must hold: no transaction and no snapshot is open while a worker sleeps, for whatever reason.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/backoff.hpp"
#include "core/pace.hpp"
#include "core/throttle.hpp"

#include "catalog/job_rows.hpp"
#include "job/settings.hpp"
#include "job/team.hpp"
#include "pg/transaction.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

// The worker must leave quietly: the job was paused, cancelled, failed by another worker, is gone,
// or the extension was dropped, or a helper's leader is gone. Not an error; only the worker's main
// catches it.
struct Stopped {};

class Session {
 public:
  // `zone` is the one that a throttle's window is meant in.
  Session(catalog::JobRow row, int worker, pg_tz* zone);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // As loaded at the start; phase and throttle are kept fresh by Pace.
  const catalog::JobRow& row() const { return row_; }
  int64_t id() const { return row_.id; }
  int worker() const { return worker_; }  // 0 is the leader

  // Runs `body` in a transaction of its own, with an active snapshot. Throws Stopped without
  // running it unless the job is running. Deadlock, lock timeout, serialization failure and a
  // cancellation while the job is still running are retried with back-off, so `body` may run
  // several times; anything else comes out as pg::Error after the abort. Call it outside any
  // transaction.
  template <class Body>
  auto InStep(Body&& body) -> std::invoke_result_t<Body&> {
    for (;;) {
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<Body&>>) {
          InBatch(body);
          Succeeded();
          return;
        } else {
          auto result = InBatch(body);
          Succeeded();
          return result;
        }
      } catch (const pg::Error& error) {
        BackOff(error);
      }
    }
  }

  // The same without retry: every error comes out as pg::Error at once.
  template <class Body>
  auto InBatch(Body&& body) -> std::invoke_result_t<Body&> {
    using Result = std::invoke_result_t<Body&>;
    if constexpr (std::is_void_v<Result>) {
      const bool ran = pg::InTransaction([&] {
        if (!MayGoOn()) return false;
        body();
        return true;
      });
      if (!ran) throw Stopped{};
    } else {
      std::optional<Result> result = pg::InTransaction([&]() -> std::optional<Result> {
        if (!MayGoOn()) return std::nullopt;
        return body();
      });
      if (!result) throw Stopped{};
      return std::move(*result);
    }
  }

  // Deadlock, lock timeout, serialization failure, cancellation.
  bool IsTransient(const pg::Error& error) const;
  // After a failed attempt, outside any transaction: sleeps, longer each time, with the reason in
  // waiting_for; throws Stopped when the job no longer runs. Throws `error` itself when it is not
  // transient, or a deadlock or serialization failure for the hundredth time in a row; lock
  // timeouts and cancellations are retried for ever.
  void BackOff(const pg::Error& error);
  // After a successful attempt: the next failure is the first again. InStep calls it by itself.
  void Succeeded();

  // Runs CREATE INDEX CONCURRENTLY, VACUUM, ... at top level, retried as InStep; without a
  // lock_timeout, as such statements wait for transactions while blocking no reads or writes. Pause
  // and cancel interrupt it: throws Stopped then. A retried statement must cope with what the
  // attempt before it left (an invalid index): `before`, if given, runs ahead of each attempt.
  void RunTopLevel(const std::string& sql) {
    RunTopLevel(sql, [] {});
  }
  template <class Before>
  void RunTopLevel(const std::string& sql, Before&& before) {
    for (;;) {
      try {
        before();
        RunTopLevelOnce(sql);
        Succeeded();
        return;
      } catch (const pg::Error& error) {
        BackOff(error);
      }
    }
  }

  // Durable, in a transaction of its own; also shown in pg_stat_activity.
  void SetPhase(const std::string& phase);

  // Between batches, outside any transaction: pays for `cost` (rates shared by the active workers,
  // ratio, batch_delay), then holds for as long as a signal says so, with the reason in
  // job_cursor.throttled_by. Looks at the job's state and throttle a few times a second: throws
  // Stopped when the job no longer runs.
  void Pace(const core::BatchCost& cost);
  // The part of Pace that holds.
  void AwaitClearance();

  // What the throttle asks of a batch.
  double target_batch_ms() const;
  std::optional<int64_t> max_batch_rows() const;

  // Leader only: zeroed memory of `size` bytes that all workers of this job share (plain memory
  // when the job has one worker). No helper may be at work.
  void* StartTeam(size_t size);
  // The same memory, for leader and helpers.
  void* shared() const { return team_.body(); }
  // Leader only: launches up to n helpers, which run Kind::helper. Returns how many; fewer where
  // there are no free slots, which waiting_for then says: never an error.
  int LaunchHelpers(int n);
  // Leader only: waits, outside any transaction, until all helpers have ended. Throws Stopped when
  // the job no longer runs (a helper's failure fails the job).
  void AwaitHelpers();
  // Leader included.
  int active_workers() const { return team_.active(); }

  // Sleeps outside any transaction; looks at the job's state at once when interrupted and every
  // second otherwise, and throws Stopped when it no longer runs. Returns early when the throttle
  // was changed. `why` is shown in pg_stat_activity.
  void Sleep(int64_t microseconds, const char* why);

 private:
  friend class TeamLock;
  friend class Worker;

  // In a transaction.
  bool MayGoOn();
  // In a transaction of its own; throws Stopped.
  void Poll();
  void ApplyThrottle(const std::string& throttle);
  void RetunePacer();
  void RunTopLevelOnce(const std::string& sql);
  core::Decision Measure();
  void ShowThrottle(const std::string& reason);
  // Runs `body` in a transaction that does not wait for its WAL; a transient failure leaves things
  // as they are. For what is only shown.
  template <class Body>
  void Try(Body&& body) {
    try {
      pg::InTransaction([&] {
        UseAsynchronousCommit();
        body();
      });
    } catch (const pg::Error& error) {
      if (!IsTransient(error)) throw;
    }
  }
  void ShowActivity();

  catalog::JobRow row_;
  const int worker_;
  Team team_;
  core::ThrottleSpec throttle_;
  core::Pacer pacer_;
  core::Backoff backoff_;
  core::Signals signals_;
  core::Decision decision_;
  pg_tz* const zone_;
  int throttle_changes_ = 0;
  int pacer_workers_ = 1;
  int64_t polled_us_ = 0;
  int64_t measured_us_ = 0;
  int64_t query_due_us_ = 0;
  std::string shown_throttle_;
  int64_t shown_us_ = 0;
  bool shown_waiting_ = false;
};

// Exclusive access to what lies in the team's shared memory. A spinlock: hold it for a few
// instructions, with no PostgreSQL call and no allocation of consequence under it.
class TeamLock {
 public:
  explicit TeamLock(Session& session) : memory_(session.team_.memory()) {
    assert(memory_ != nullptr);
    SpinLockAcquire(&memory_->mutex);
  }
  ~TeamLock() { SpinLockRelease(&memory_->mutex); }
  TeamLock(const TeamLock&) = delete;
  TeamLock& operator=(const TeamLock&) = delete;

 private:
  TeamMemory* const memory_;
};

}  // namespace pg_cutover::job
