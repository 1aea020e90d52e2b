// Waiting until nobody can see the mirror half full.
//
// A transaction at REPEATABLE READ keeps its snapshot across the swap. If that is older than the
// end of the copy, it would afterwards read, under the live table's name, only what had been copied
// when the snapshot was taken. CREATE INDEX CONCURRENTLY has the same problem and waits in the same
// way.
#pragma once

#include <cstdint>

#include "job/session.hpp"

namespace pg_cutover::swap {

// Returns when every transaction of this database that held, when this was called, a snapshot from
// before `complete_xid` (a full transaction id) has ended or taken a younger one. Younger ones need
// not be waited for. Sleeps outside any transaction, with the pids in waiting_for; throws
// job::Stopped when the job no longer runs.
void AwaitOldSnapshots(job::Session& session, uint64_t complete_xid);

}  // namespace pg_cutover::swap
