// Rows of migrate.migration; see migration_rows.hpp.
#include "catalog/migration_rows.hpp"

#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

using pg::Argument;

std::optional<Oid> MigrationOwner(const std::string& migration) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT created_by::oid FROM migrate.migration WHERE name = $1", {Argument::Text(migration)});
  if (rows.empty()) return std::nullopt;
  return rows.ObjectId(0, 1);
}

Oid MakeMigration(const std::string& migration, Oid role) {
  {
    Scope scope;
    scope.Execute(
        "INSERT INTO migrate.migration (name, created_by) VALUES ($1, $2::pg_catalog.regrole) "
        "ON CONFLICT (name) DO NOTHING",
        {Argument::Text(migration), Argument::ObjectId(role)});
  }
  return MigrationOwner(migration).value();
}

}  // namespace pg_cutover::catalog
