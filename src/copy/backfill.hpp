// The backfill job from start to end.
//
//   start      choose the method, fix the extent, take secondary objects off an empty target
//   capture    with dual-write: turn it on (or find it on, and intact) and fix the extent, in one
//              transaction, and after the strong locks of the start are gone
//   copy       the rows, in batches
//   deferred   rows that were busy in their batch
//   objects    the deferred indexes (concurrently), constraints and triggers
//   analyze, vacuum
//   complete   with dual-write: the target equals the mapped source
//
// The phase is durable and is entered in the transaction that finishes the one before, or is safe to
// repeat: a resumed job begins with the phase that its row names.
#pragma once

#include "job/session.hpp"

namespace pg_cutover::copy {

inline constexpr const char* kBackfill = "backfill";

void LeadBackfill(job::Session& session);
void HelpBackfill(job::Session& session);

}  // namespace pg_cutover::copy
