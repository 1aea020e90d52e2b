// The checks of a migration: adding them, dropping them.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// Raises insufficient_privilege unless the current role is, or may become, the one that made the
// migration. A check that anybody could add would decide about the run of somebody else, and a run
// that anybody could start would keep his from starting.
void RequireMigrationMember(const std::string& migration, Oid owner);

// Makes the migration, for the current role, where there is none. Raises what is wrong with the
// kind or the spec, what RequireMigrationMember raises, and duplicate_object for a name that the
// migration has already.
void AddCheck(const std::string& migration, const std::string& name, const std::string& kind,
              const std::string& spec);

// For the role that added the check and for the one that made the migration. Its results stay.
void DropCheck(const std::string& migration, const std::string& name);

}  // namespace pg_cutover::validate
