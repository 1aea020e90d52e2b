// Making a target's rows what its source's rows say, key by key, while both are written to.
//
// Each key is one short transaction:
//
//   write    INSERT ... SELECT ... FROM source FOR SHARE ON CONFLICT DO UPDATE. The lock on the
//            source's row keeps a writer from changing it between the read and the write: without
//            it (or with FOR KEY SHARE) an older image overwrites a newer one
//   delete   first the target's row is locked, then, under a new snapshot, deleted where the source
//            has no such row. In one statement the DELETE would wait for a writer's upsert and then
//            delete the row that writer has just made: its NOT EXISTS keeps the old snapshot
//   look     the key is compared again, in the same transaction
//
// Source before target, as dual-write locks them. A row that another constraint refuses is left as
// it is and reported.
#pragma once

#include <cstdint>

#include "catalog/link_rows.hpp"
#include "job/session.hpp"

namespace pg_cutover::compare {

inline constexpr const char* kRepair = "repair";

// Raises what would make a repair unsafe: object_not_in_prerequisite_state or feature_not_supported
// where the direction is not known (no link, a partial one, a dormant one), there is no key, or
// writes to the target would do more than that (its own triggers and rules, foreign keys
// that cascade), keys do not come back from jsonb as they were, or the source's rows cannot be
// locked.
catalog::LinkRow RequireRepairable(int64_t comparison);

// The body of the job; JobRow::request has the comparison and whether it is a dry run.
void LeadRepair(job::Session& session);

}  // namespace pg_cutover::compare
