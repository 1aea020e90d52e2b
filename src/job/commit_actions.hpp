// What has to happen when the current transaction commits, and must not happen if it does not:
// starting a job's worker, interrupting a job's workers.
//
// Follows subtransactions: what was asked for in one that rolled back is forgotten. A transaction
// that asked for something cannot be prepared, as its commit would come from a session that knows
// nothing of it.
#pragma once

#include <cstdint>

#include "pg/pg.hpp"

namespace pg_cutover::job {

// When the library is loaded.
void RegisterTransactionCallbacks();

void LaunchAtCommit(int64_t job, Oid login_role);
// SIGINT, so that a long statement (CREATE INDEX CONCURRENTLY) ends.
void InterruptAtCommit(int64_t job);

// Whether this transaction is going to launch the job.
bool LaunchPending(int64_t job);

}  // namespace pg_cutover::job
