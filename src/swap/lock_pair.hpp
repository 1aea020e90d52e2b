// All locks of a swap first, within one lock_timeout, and trying again.
//
// While our request for AccessExclusiveLock waits, every new statement on the table queues behind
// it. So an attempt waits at most lock_timeout for all its locks together, then gives all of them
// up and sleeps, longer each time, with jitter: the queue drains meanwhile. No attempt ever waits
// without a timeout.
//
// Order: the live table, its partitions, the mirror, its partitions, then what depends on them by
// OID. Writers take the live table, then (through the trigger) the mirror: the other order
// deadlocks.
#pragma once

#include <cstdint>
#include <vector>

#include "core/backoff.hpp"
#include "job/session.hpp"
#include "swap/request.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct HeldLocks {
  std::vector<Oid> relations;
  int64_t waited_us = 0;  // until all were granted
  int64_t since_us = 0;   // job::NowMicros() when the first was granted: from then on others wait
};

// The tables themselves with their partitions, in the order of the protocol, then `dependents`.
std::vector<Oid> LockOrder(Oid live, Oid mirror, std::vector<Oid> dependents);

// Takes AccessExclusiveLock on all of them in the current transaction. Afterwards lock_timeout is
// what is left of the time, and at least 10 ms, until the end of the transaction. Raises
// lock_not_available or deadlock_detected.
HeldLocks LockPair(Oid live, Oid mirror, const std::vector<Oid>& dependents,
                   int64_t lock_timeout_ms);

// Counts attempts and sleeps between them.
class Attempts {
 public:
  Attempts(job::Session& session, const Request& request);

  int made() const { return made_; }
  // The next attempt begins.
  void Begin();
  // It failed with `error`, and its transaction is gone. Says who is in the way in waiting_for,
  // terminates them where that was asked for and its time has come, sleeps. Throws `error` when it
  // is no matter of locks, lock_not_available with the blockers after the last attempt, and
  // job::Stopped when the job no longer runs.
  void Failed(const pg::Error& error, const std::vector<Oid>& relations);

 private:
  [[noreturn]] void GiveUp(const std::string& blockers);

  job::Session& session_;
  const Request request_;
  core::Backoff backoff_;
  int made_ = 0;
  int64_t first_us_ = 0;
};

}  // namespace pg_cutover::swap
