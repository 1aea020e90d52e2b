// Locks of jobs, in the space of advisory locks but out of reach of pg_advisory_lock().
//
//   job lock     session lock, exclusive: held by the job's leader, so that no job has two
//   team lock    session lock: helpers share it, the next leader takes it alone once (see team.hpp)
//   target lock  transaction lock, exclusive: held while a job on that table is created
#pragma once

#include <cstdint>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::job {

// False when another process has it.
bool TryLockJob(int64_t job);
void UnlockJob(int64_t job);

void JoinTeamLock(int64_t job);
// Leader: true once no helper of a former leader is left.
bool TryPassTeamLock(int64_t job);

void LockTarget(Oid target);

// Processes that work on the job, the leader first. This process is left out.
std::vector<int> WorkersOf(int64_t job);
// Whether some process, this one included, holds the job's lock.
bool HasLeader(int64_t job);

}  // namespace pg_cutover::job
