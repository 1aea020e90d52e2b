// Locks and attempts of a swap; see lock_pair.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "swap/lock_pair.hpp"
#include "catalog/event_rows.hpp"
#include "job/clock.hpp"
#include "job/lock_holders.hpp"
#include "link/dropped.hpp"
#include "pg/text.hpp"
#include "swap/blockers.hpp"

namespace pg_cutover::swap {

namespace {

constexpr int64_t kFirstDelayMs = 100;
constexpr int64_t kLongestDelayMs = 5'000;
// For locks that statements take beside the ones we hold already.
constexpr int64_t kLeastLockTimeoutMs = 10;

void LimitLockWaits(int64_t milliseconds) {
  const std::string value = std::to_string(milliseconds);
  const char* const text = value.c_str();
  pg::Section([=] {
    (void)set_config_option("lock_timeout", text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
                            true, 0, false);
  });
}

int64_t LeftMs(int64_t deadline_us) {
  return std::max<int64_t>(1, (deadline_us - job::NowMicros()) / 1000);
}

// A lock on an OID is granted for a table that is gone as well.
void RequirePresent(Oid table) {
  link::RequireThere(table);
}

// Every partition below `relation`, by OID, unlocked. Under AccessExclusiveLock on `relation` none
// can come or go.
std::vector<Oid> Below(Oid relation) {
  struct List {
    const Oid* oids;
    int length;
  };
  const List list = pg::Section([=]() -> List {
    ::List* const found = find_all_inheritors(relation, NoLock, nullptr);
    const int length = list_length(found);
    Oid* const oids = static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<size_t>(length)));
    for (int i = 0; i < length; ++i)
      oids[i] = list_nth_oid(found, i);
    return {oids, length};
  });
  std::vector<Oid> below;
  for (int i = 0; i < list.length; ++i)
    if (list.oids[i] != relation) below.push_back(list.oids[i]);
  std::sort(below.begin(), below.end());
  return below;
}

void AddNew(std::vector<Oid>* order, const std::vector<Oid>& more) {
  for (const Oid relation : more)
    if (std::find(order->begin(), order->end(), relation) == order->end())
      order->push_back(relation);
}

bool IsMatterOfLocks(const pg::Error& error) {
  switch (error.sqlstate()) {
    case ERRCODE_LOCK_NOT_AVAILABLE:
    case ERRCODE_T_R_DEADLOCK_DETECTED:
    // A cancellation that does not stop the job.
    case ERRCODE_QUERY_CANCELED:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<Oid> LockOrder(Oid live, Oid mirror, std::vector<Oid> dependents) {
  std::sort(dependents.begin(), dependents.end());
  std::vector<Oid> order;
  for (const Oid table : {live, mirror}) {
    AddNew(&order, {table});
    AddNew(&order, Below(table));
  }
  AddNew(&order, dependents);
  return order;
}

HeldLocks LockPair(Oid live, Oid mirror, const std::vector<Oid>& dependents,
                   int64_t lock_timeout_ms) {
  const int64_t start_us = job::NowMicros();
  const int64_t deadline_us = start_us + lock_timeout_ms * 1000;
  HeldLocks held;
  const auto lock = [&](Oid relation) {
    LimitLockWaits(LeftMs(deadline_us));
    pg::Call(LockRelationOid, relation, static_cast<LOCKMODE>(AccessExclusiveLock));
    if (held.since_us == 0) held.since_us = job::NowMicros();
    held.relations.push_back(relation);
  };
  // What is below a table is known for certain only once the table is locked.
  for (const Oid table : {live, mirror}) {
    lock(table);
    RequirePresent(table);
    for (const Oid part : Below(table))
      lock(part);
  }
  for (const Oid relation : LockOrder(live, mirror, dependents))
    if (std::find(held.relations.begin(), held.relations.end(), relation) == held.relations.end())
      lock(relation);
  held.waited_us = job::NowMicros() - start_us;
  LimitLockWaits(std::max(kLeastLockTimeoutMs, LeftMs(deadline_us)));
  return held;
}

Attempts::Attempts(job::Session& session, const Request& request)
    : session_(session), request_(request), backoff_(kFirstDelayMs, kLongestDelayMs) {}

void Attempts::Begin() {
  ++made_;
  if (first_us_ == 0) first_us_ = job::NowMicros();
}

void Attempts::Failed(const pg::Error& error, const std::vector<Oid>& relations) {
  if (!IsMatterOfLocks(error)) throw error;
  const std::string blockers = session_.InStep([&] {
    const std::string found = job::Describe(job::LockHolders(relations, AccessExclusiveLock));
    const std::string reason = found.empty() ? error.info().message : found;
    catalog::SetWaitingFor(session_.id(),
                           fmt::format("attempt {} of {}: {}", made_, request_.attempts, reason));
    catalog::SetAttempts(session_.id(), made_);
    return reason;
  });
  if (made_ >= request_.attempts) GiveUp(blockers);
  const int64_t trying_ms = (job::NowMicros() - first_us_) / 1000;
  if (request_.terminate_after_ms && trying_ms >= *request_.terminate_after_ms)
    TerminateBlockers(session_, relations);
  const double uniform = pg_prng_double(&pg_global_prng_state);
  session_.Sleep(backoff_.NextDelayMs(uniform) * 1000, "PgCutoverSwapRetry");
}

void Attempts::GiveUp(const std::string& blockers) {
  const catalog::JobRow& job = session_.row();
  const std::string names = session_.InStep([&] {
    catalog::RecordEvent(catalog::EventOf(
        job, "cutover", fmt::format("gave up after {} attempts: {}", made_, blockers)));
    return fmt::format("{} and {}", pg::QualifiedName(job.source), pg::QualifiedName(job.target));
  });
  pg::Raise(
      ERRCODE_LOCK_NOT_AVAILABLE, fmt::format("could not lock {} in {} attempts", names, made_),
      fmt::format("Each waited at most {} ms. In the way: {}.", request_.lock_timeout_ms, blockers),
      fmt::format("Nothing was changed. SELECT migrate_resume({}) begins with new attempts.",
                  job.id));
}

}  // namespace pg_cutover::swap
