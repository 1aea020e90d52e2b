// Rows of migrate.validation_check and migrate.validation_result; see validation_rows.hpp.
#include <fmt/format.h>

#include "catalog/validation_rows.hpp"

#include "catalog/scope.hpp"
#include "catalog/subscription.hpp"
#include "catalog/table_names.hpp"
#include "pg/text.hpp"

namespace pg_cutover::catalog {

namespace {

using pg::Argument;

std::optional<Oid> IdOrNull(Oid relation) {
  if (!OidIsValid(relation)) return std::nullopt;
  return relation;
}

std::vector<CheckRow> Select(const char* condition, const std::vector<Argument>& arguments) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format(
          "SELECT migration, name, kind, spec::text, source::oid, target::oid, search_path, "
          "created_by::oid FROM migrate.validation_check WHERE {} ORDER BY id",
          condition),
      arguments);
  std::vector<CheckRow> checks;
  for (uint64_t i = 0; i < rows.size(); ++i) {
    CheckRow row;
    row.migration = rows.Text(i, 1).value();
    row.name = rows.Text(i, 2).value();
    row.kind = rows.Text(i, 3).value();
    row.spec = rows.Text(i, 4).value();
    row.source = rows.ObjectId(i, 5).value_or(InvalidOid);
    row.target = rows.ObjectId(i, 6).value_or(InvalidOid);
    row.search_path = rows.Text(i, 7).value();
    row.created_by = rows.ObjectId(i, 8).value();
    checks.push_back(std::move(row));
  }
  return checks;
}

}  // namespace

void InsertCheck(const CheckRow& row) {
  RequireOwnTables();
  RememberNames({row.source, row.target});
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.validation_check (migration, name, kind, spec, source, target, "
      "search_path, created_by) "
      "VALUES ($1, $2, $3, $4::pg_catalog.jsonb, $5, $6, $7, $8::pg_catalog.regrole)",
      {Argument::Text(row.migration), Argument::Text(row.name), Argument::Text(row.kind),
       Argument::Text(row.spec), Argument::RegClass(IdOrNull(row.source)),
       Argument::RegClass(IdOrNull(row.target)), Argument::Text(row.search_path),
       Argument::ObjectId(row.created_by)});
}

std::vector<CheckRow> ChecksOf(const std::string& migration) {
  return Select("migration = $1", {Argument::Text(migration)});
}

std::optional<CheckRow> FindCheck(const std::string& migration, const std::string& name) {
  std::vector<CheckRow> found =
      Select("migration = $1 AND name = $2", {Argument::Text(migration), Argument::Text(name)});
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

void DeleteCheck(const std::string& migration, const std::string& name) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.validation_check WHERE migration = $1 AND name = $2",
                {Argument::Text(migration), Argument::Text(name)});
}

int64_t NextValidationRun() {
  Scope scope;
  return scope.Execute("SELECT pg_catalog.nextval('migrate.validation_run_seq')")
      .Int8(0, 1)
      .value();
}

void InsertResult(const CheckRow& check, const ResultRow& result) {
  RequireOwnTables();
  const std::string run_by = pg::RoleName(GetUserId());
  const std::string created_by = pg::RoleName(check.created_by);
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.validation_result (run, migration, check_name, kind, status, details, "
      "started_at, duration_ms, run_by, created_by) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::pg_catalog.name, $10::pg_catalog.name)",
      {Argument::Int8(result.run), Argument::Text(check.migration), Argument::Text(check.name),
       Argument::Text(check.kind), Argument::Text(result.status), Argument::Text(result.details),
       Argument::Of(TIMESTAMPTZOID, TimestampTzGetDatum(result.started_at), false),
       Argument::Float8(result.duration_ms), Argument::Text(run_by), Argument::Text(created_by)});
}

}  // namespace pg_cutover::catalog
