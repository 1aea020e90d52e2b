// The checks of a migration: adding them, dropping them.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// Makes the migration, for the current role, where there is none. Raises what is wrong with the
// kind or the spec, what link::JoinMigration raises, and duplicate_object for a name that the
// migration has already.
void AddCheck(const std::string& migration, const std::string& name, const std::string& kind,
              const std::string& spec);

// For the role that added the check and for the one that made the migration. Its results stay.
void DropCheck(const std::string& migration, const std::string& name);

}  // namespace pg_cutover::validate
