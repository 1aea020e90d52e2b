// Finding jobs that should have a worker and have none: after a restart, when no slot was free, when a
// role was dropped. Whoever passes by does it: migrate_recover, migrate_wait, a worker that has ended,
// the launcher's scouts.
#pragma once

#include <vector>

#include "catalog/job_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

// In the caller's transaction. Gives the job a worker, or says in its row why it cannot have one:
// fails it where its rights are gone, pauses it where it belongs to another database. Returns whether
// a worker was launched. One that was launched before and has not come up yet makes no difference:
// the second one leaves.
bool RecoverJob(const catalog::JobRow& job);

// Pauses a job that belongs to another database (restored from a dump, or a copy of the database): only
// in the original may it go on by itself. Returns whether it does.
bool PausedAsStranger(const catalog::JobRow& job);

// The same for all jobs in these states, each in a transaction of its own. For workers.
void RecoverJobs(const std::vector<core::JobState>& states);

}  // namespace pg_cutover::job
