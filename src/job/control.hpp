// What an operator does to a job: pause, resume, cancel, throttle, recover.
//
// Each locks the job's row, checks that the caller may control the job, and changes its state in
// the caller's transaction. Raises undefined_object for an unknown job, insufficient_privilege, and
// object_not_in_prerequisite_state where the job's state does not allow it.
#pragma once

#include <cstdint>
#include <string>

#include "catalog/job_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

// Takes effect between two batches; a long statement is interrupted when the transaction commits.
void Pause(int64_t id);
// Paused and failed jobs; launches a worker when the transaction commits.
void Resume(int64_t id);
void Cancel(int64_t id);
// The same for a caller whose right has been checked by the tables: whoever made the job. One that
// has ended meanwhile is left alone.
void CancelForOwner(int64_t id);
void Retune(int64_t id, const std::string& throttle);
// Returns how many workers were launched, for the jobs that the caller may control.
int Recover();

// Raises undefined_object, insufficient_privilege.
catalog::JobRow FindControlled(int64_t id);

}  // namespace pg_cutover::job
