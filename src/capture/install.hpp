// Turning dual-write on and off, and noticing that somebody else did.
//
// T0 of the protocol is one transaction:
//   1. lock the source and every leaf SHARE ROW EXCLUSIVE: no writer is in the middle of anything
//   2. create the triggers: one for rows (on a partitioned source PostgreSQL clones it to every
//      leaf), one for TRUNCATE on every table that stores rows; all ENABLE ALWAYS
//   3. now, with the lock held, read the next transaction id, X0: whoever has this id or a later
//      one writes with the trigger in place
//
// X0 read before the lock would let a writer slip in between that the trigger never saw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/capture_rows.hpp"
#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// The sorting of the names does not matter to us: the trigger looks at states, not at events.
std::string TriggerName(int64_t link);
std::string TruncateTriggerName(int64_t link);
inline constexpr const char* kGuardName = "!pg_cutover_guard";

// Installs T0 in the current transaction; the caller commits soon. Returns X0. Where dual-write is
// on already and intact, changes nothing, its policy least of all, and returns its X0.
//
// Locks: ShareRowExclusiveLock on the source and all its leaves, waited for as lock_timeout allows;
// on the target ShareUpdateExclusiveLock, or ShareRowExclusiveLock where it gets a guard or the
// link fills columns of another link's rows (whose writers must not be in the middle of anything
// either).
//
// Raises
//   wrong_object_type                link.sync_refusal says why this pair cannot be kept in step
//   feature_not_supported            keys that may collide, subqueries in the mapping, an exclusion
//                                    constraint, foreign key or user trigger on the target
//   object_not_in_prerequisite_state the target has rows that no other link into it accounts for;
//                                    the link is dormant; an earlier dual-write is broken (its
//                                    HINT says how to begin again)
uint64_t Install(const catalog::LinkRow& link, catalog::RejectPolicy policy);

// The same for a mirror that is complete from the first moment: both tables are locked
// AccessExclusive by the caller, a swap. Checks nothing about the target's rows.
void InstallComplete(const catalog::LinkRow& link, catalog::RejectPolicy policy);

// Drops the triggers and forgets the capture; nothing where there is none. Works when the source or
// the target is gone or the triggers were dropped by hand.
// Locks: AccessExclusiveLock on the source and all its leaves.
void Remove(const catalog::LinkRow& link);

// Rejects direct writes to a mirror. Our own heap-level writes do not fire it. Both take
// ShareRowExclusiveLock and AccessExclusiveLock on the table; both may be repeated.
void InstallGuard(Oid mirror);
void RemoveGuard(Oid mirror);
bool HasGuard(Oid mirror);

// Everything that has happened since T0 that makes the target doubtful: a trigger dropped, disabled
// or switched off for a while, a definition altered, a partition attached or detached, a child
// table, a row rejected, a table dropped. Empty: intact. Cheap enough for every batch. Call it
// under at least AccessShareLock on both tables for an answer that stays true.
std::vector<std::string> Problems(const catalog::LinkRow& link);

// Problems(), remembered durably in capture.broken, and raised as object_not_in_prerequisite_state.
// The caller's transaction aborts, so remembering is the job of whoever catches it: see MarkBroken.
void RequireIntact(const catalog::LinkRow& link);
void MarkBroken(const catalog::LinkRow& link);

}  // namespace pg_cutover::capture
