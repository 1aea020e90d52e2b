// Whose rights a job has: chosen when it is made, looked at again whenever a worker starts.
#pragma once

#include <optional>

#include "catalog/job_rows.hpp"
#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

struct Roles {
  Oid login;      // workers connect as
  Oid effective;  // workers then SET ROLE to
};

// For a job on these tables (either may be InvalidOid) asked for by the current user; raises what
// create.hpp says.
Roles ChooseRoles(Oid source, Oid target);

// What stands in the way of a worker for this job: a role that is gone, may not log in or may not
// become the effective role, a table that is gone or no longer belongs to it. nullopt: nothing.
std::optional<pg::ErrorInfo> RightsProblem(const catalog::JobRow& job);

// A table of the job that somebody has dropped; nullopt: both are there.
std::optional<pg::ErrorInfo> DroppedTableOf(const catalog::JobRow& job);

// Superusers, and members of the role that the job acts as.
bool MayControl(const catalog::JobRow& job);
// Raises insufficient_privilege.
void RequireControl(const catalog::JobRow& job);

}  // namespace pg_cutover::job
