// Finding jobs that should have a worker and have none: after a restart, when no slot was free,
// when a role was dropped. Whoever passes by does it: migrate_recover, migrate_wait, a worker that
// has ended, the launcher's scouts.
#pragma once

#include <vector>

#include "catalog/job_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

enum class Recovery { kNotNeeded, kLaunched, kNoSlot };

// In the caller's transaction. Gives the job a worker, or says in its row why it cannot have one:
// fails it where its rights are gone, pauses it where it belongs to another database. A worker that
// was launched before and has not come up yet makes no difference: the second one leaves.
Recovery RecoverJob(const catalog::JobRow& job);

// Whether the job belongs to another database: only there may it go on by itself. Pauses one that was
// restored from a dump or is in a copy of the database; leaves one alone that a subscription has
// brought.
bool PausedAsStranger(const catalog::JobRow& job);

// The same for all queued and running jobs, each in a transaction of its own. For workers. Returns
// those for which there was no slot, oldest first.
std::vector<catalog::JobRow> RecoverJobs();

}  // namespace pg_cutover::job
