// Making a job.
#pragma once

#include <cstdint>

#include "catalog/job_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

// Inserts the job and its event in the caller's transaction and launches a worker when that
// commits; nothing happens if it rolls back. Returns the id.
//
// Needs kind, link, source, target, migration, options, throttle and workers; fills the roles, the
// home and the canonical throttle. The caller's rights on the tables are the feature's to check.
//
// Who the job runs as: the caller's login role and, after SET ROLE, the role the caller acts as.
// But code attached to a table by its owner must never run as a superuser: where a superuser asks
// for a job on tables that belong to somebody else, it connects as the target's owner. Raises
//   insufficient_privilege             that owner may not read a source that is not his
//   object_not_in_prerequisite_state   the role that would connect may not log in
//   object_in_use                      an unfinished job works on the same target
//   invalid_parameter_value            the throttle is wrong (see throttle_spec.hpp)
//
// Locks: one of our own on the target until the end of the transaction, so that two sessions cannot
// both find it free.
int64_t Create(catalog::JobRow row);

}  // namespace pg_cutover::job
