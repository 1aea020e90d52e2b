// Rows of repairs; see repair_rows.hpp.
#include "catalog/repair_rows.hpp"
#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

using pg::Argument;

std::vector<ListedKey> DifferencesAfter(int64_t comparison, int64_t id, int64_t most) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT id, key::text FROM migrate.difference_row WHERE job = $1 AND id > $2 "
      "AND repaired_at IS NULL AND key IS NOT NULL ORDER BY id LIMIT $3",
      {Argument::Int8(comparison), Argument::Int8(id), Argument::Int8(most)});
  std::vector<ListedKey> keys;
  for (uint64_t i = 0; i < rows.size(); ++i)
    keys.push_back({rows.Int8(i, 1).value(), rows.Text(i, 2).value()});
  return keys;
}

void MarkRepaired(int64_t comparison, int64_t id) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.difference_row SET repaired_at = clock_timestamp() WHERE job = $1 AND id = "
      "$2",
      {Argument::Int8(comparison), Argument::Int8(id)});
}

void LogRepair(int64_t job, const RepairRow& row) {
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.repair_log (job, comparison, key, action, dry_run, before, after, "
      "error) "
      "VALUES ($1, $2, $3::jsonb, $4, $5, $6::jsonb, $7::jsonb, $8)",
      {Argument::Int8(job), Argument::Int8(row.comparison), Argument::Text(row.key),
       Argument::Text(row.action), Argument::Bool(row.dry_run), Argument::Text(row.before),
       Argument::Text(row.after), Argument::Text(row.error)});
}

RepairCounts CountRepairs(int64_t job) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT count(*) FILTER (WHERE action = 'write'), count(*) FILTER (WHERE action = 'delete'), "
      "count(*) FILTER (WHERE action = 'none'), count(*) FILTER (WHERE action = 'failed') "
      "FROM migrate.repair_log WHERE job = $1",
      {Argument::Int8(job)});
  return {rows.Int8(0, 1).value(), rows.Int8(0, 2).value(), rows.Int8(0, 3).value(),
          rows.Int8(0, 4).value()};
}

}  // namespace pg_cutover::catalog
