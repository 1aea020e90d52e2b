// Who may add links, jobs and checks to a migration: the role that made it, its members and
// superusers. What anybody could add would decide about the run of somebody else.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Raises insufficient_privilege unless the current role is, or may become, the one that made the
// migration.
void RequireMigrationMember(const std::string& migration, Oid owner);

// Makes the migration, for the current role, where there is none; raises what
// RequireMigrationMember does for one that is there. For a migration that a caller has named: what
// a job takes over from its link is not asked for again.
void JoinMigration(const std::string& migration);

}  // namespace pg_cutover::link
