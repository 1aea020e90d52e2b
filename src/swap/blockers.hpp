// Ending who holds the tables that a swap needs, where the operator asked for it.
#pragma once

#include <vector>

#include "job/session.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// Terminates the expendable ones (job::LockHolder) among those who hold a lock on one of these
// relations, with the job's own rights; each becomes an event. Call it outside any transaction.
void TerminateBlockers(job::Session& session, const std::vector<Oid>& relations);

}  // namespace pg_cutover::swap
