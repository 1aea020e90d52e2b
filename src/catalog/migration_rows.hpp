// Rows of migrate.migration: who may add to a migration is decided by who made it.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <optional>
#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

// The role that made it, which may be gone by now; nullopt: there is no such migration.
std::optional<Oid> MigrationOwner(const std::string& migration);
// Creates the migration's row when it has none yet. Gives back who made it: another role, where
// that was a moment faster.
Oid MakeMigration(const std::string& migration, Oid role);

}  // namespace pg_cutover::catalog
