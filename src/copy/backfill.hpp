// The backfill job from start to end.
//
//   start      choose the method, fix the extent, take secondary objects off an empty target
//   copy       the rows, in batches
//   deferred   rows that were busy in their batch
//   objects    the deferred indexes (concurrently), constraints and triggers
//   analyze, vacuum
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
