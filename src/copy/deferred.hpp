// Rows that were busy when their batch was copied.
//
// Their keys are in migrate.job_deferred_row, written by the batch that met them. Here they are looked
// up by key, in a new transaction with a new snapshot, and copied by the same protocol, after a probe
// of the target that waits for nobody: without the probe a retry could starve the very writer it
// collides with. A row whose writer aborted ends up copied; a row that is gone is dropped from the
// list; a row that is still busy stays on it.
#pragma once

#include "copy/plan.hpp"
#include "job/session.hpp"

namespace pg_cutover::copy {

// One round over the oldest rows of the list. Returns how many are left on it. With
// `report_duplicates`, a unique key that another row has is PostgreSQL's own unique_violation; with a
// writer that has not ended yet, it waits for that as lock_timeout allows.
int64_t RetryDeferred(job::Session& session, const Plan& plan, bool report_duplicates);

// Rounds with back-off until the list is empty.
void DrainDeferred(job::Session& session, const Plan& plan);

}  // namespace pg_cutover::copy
