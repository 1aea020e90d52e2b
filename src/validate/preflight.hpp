// What a migration of a table would meet, looked for before anything is changed.
//
// Each check is one function in a file of its area (preflight_<area>.cpp) and one row of the table
// in preflight.cpp. A check reads catalogs, statistics and file systems, takes AccessShareLock at
// most and waits for nobody but, in growth, two seconds. What it cannot find out is an answer too,
// with the reason: a check that is silent would be taken for one that has passed.
//
// What a swap would carry over or refuse is known to another feature: the caller asks it and hands
// the answer over (SwapOutlook).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "pg/error.hpp"
#include "pg/subtransaction.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// kRefused: the migration would be refused, or could not go on. kWarning: it would work, with a
// risk or a cost that somebody should have decided about.
enum class Status { kOk, kWarning, kRefused, kUnknown };

struct Answer {
  Status status = Status::kOk;
  // Facts, with numbers.
  std::string details;
  // The next command, or what to do; empty: nothing.
  std::string hint;
};

struct Finding {
  std::string check;
  Answer answer;
};

struct Subject {
  Oid source = InvalidOid;
  Oid target = InvalidOid;  // InvalidOid: not chosen yet
  // Qualified and quoted.
  std::string source_name;
  // The source and the target, without the one that is not chosen.
  std::vector<Oid> Relations() const;
};

struct Obstacle {
  std::string object;
  std::string reason;
  std::string hint;
};

struct SwapOutlook {
  // Why nobody looked: what the source or the link is. The tables may still be copied.
  std::optional<std::string> pointless;
  // Why the tables could not change places at all.
  std::optional<Obstacle> impossible;
  std::vector<std::string> carried;
  std::vector<Obstacle> refused;
  // Without a target only what holds for any target is in here.
  bool target_known = false;
};

const char* StatusName(Status status);
// An error that the migration would end with.
Answer Refusal(const pg::Error& error);
// An error that says nothing of the tables, only of the moment: a lock that somebody holds, a
// cancellation, memory, a server that is broken. It is no refusal.
bool IsOfTheMoment(const pg::Error& error);

// What the body raises against a migration; nullopt: nothing. In a subtransaction, because what the
// body has open when it raises is closed by an abort only. Errors of the moment are thrown on.
template <class Body>
std::optional<pg::Error> TryForRefusal(Body&& body) {
  std::optional<pg::Error> failure = pg::TryInSubtransaction(body);
  if (failure && IsOfTheMoment(*failure)) throw std::move(*failure);
  return failure;
}

// All checks but those of the swap, in the order in which people read them. Needs an active
// snapshot; runs each check in a subtransaction.
std::vector<Finding> Preflight(const Subject& subject);
// One finding for what is carried over and one for each object that is refused.
std::vector<Finding> PreflightSwap(const SwapOutlook& outlook);
// Whether this link, stored or only drafted, could be kept in step. `link` nullopt: there is no
// such link because of `obstacle`.
Finding PreflightLink(const std::optional<catalog::LinkRow>& link, const Obstacle& obstacle);

// The checks. Space:
Answer TableSize(const Subject& subject);
Answer DiskSpace(const Subject& subject);
Answer WalSpace(const Subject& subject);
Answer Growth(const Subject& subject);
Answer Duration(const Subject& subject);
// Activity:
Answer WorkerSlots(const Subject& subject);
Answer Connections(const Subject& subject);
Answer ReplicationLag(const Subject& subject);
Answer ReplicationSlots(const Subject& subject);
Answer LongTransactions(const Subject& subject);
Answer PreparedTransactions(const Subject& subject);
// Settings:
Answer Server(const Subject& subject);
Answer StartJobs(const Subject& subject);
Answer Launcher(const Subject& subject);
Answer LockTimeout(const Subject& subject);
Answer WalLevel(const Subject& subject);
Answer Autovacuum(const Subject& subject);
Answer JobRole(const Subject& subject);
// Relation:
Answer Source(const Subject& subject);
Answer Shadow(const Subject& subject);
Answer Cutover(const Subject& subject);
Answer SourceKey(const Subject& subject);
Answer InvalidIndexes(const Subject& subject);
Answer RowSecurity(const Subject& subject);
Answer Triggers(const Subject& subject);
Answer Publications(const Subject& subject);
Answer ForeignKeys(const Subject& subject);
Answer Wraparound(const Subject& subject);

}  // namespace pg_cutover::validate
