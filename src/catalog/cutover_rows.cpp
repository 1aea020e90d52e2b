// What cutover jobs keep; see cutover_rows.hpp.
#include "catalog/cutover_rows.hpp"
#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

using pg::Argument;

void SaveLaterStatements(int64_t job, const std::vector<std::string>& statements) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.job SET options = options || jsonb_build_object('later', "
      "to_jsonb($2::text[])) "
      "WHERE id = $1",
      {Argument::Int8(job), Argument::TextArray(statements)});
}

std::vector<std::string> LaterStatements(int64_t job) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT ARRAY(SELECT s.text FROM jsonb_array_elements_text(coalesce(options -> 'later', "
      "'[]')) "
      "WITH ORDINALITY AS s (text, position) ORDER BY s.position) FROM migrate.job WHERE id = $1",
      {Argument::Int8(job)});
  if (rows.empty()) return {};
  return rows.TextArray(0, 1);
}

void DropFirstLaterStatement(int64_t job) {
  Scope scope;
  scope.Execute("UPDATE migrate.job SET options = options #- '{later,0}' WHERE id = $1",
                {Argument::Int8(job)});
}

std::vector<std::string> LeftStatements(Oid relation) {
  Scope scope;
  return scope
      .Execute(
          "SELECT ARRAY(SELECT s.text FROM migrate.job j, jsonb_array_elements_text(options -> "
          "'later') AS s (text) WHERE j.state = 'failed' AND $1 IN (j.source, j.target))",
          {Argument::RegClass(relation)})
      .TextArray(0, 1);
}

int64_t CountDeferredRowsOf(int64_t link) {
  Scope scope;
  return scope
      .Execute(
          "SELECT count(*) FROM migrate.job_deferred_row d JOIN migrate.job j ON j.id = d.job "
          "WHERE j.link = $1 AND j.state <> 'cancelled'",
          {Argument::Int8(link)})
      .Int8(0, 1)
      .value();
}

void ForgetDeferredForeignKey(int64_t link, const std::string& name) {
  Scope scope;
  scope.Execute(
      "DELETE FROM migrate.deferred_object WHERE link = $1 AND kind = 'foreign_key' AND name = $2",
      {Argument::Int8(link), Argument::Text(name)});
}

std::vector<std::string> OtherSyncedLinks(Oid relation, int64_t except) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT (SELECT k.name FROM migrate.known_table k WHERE k.relation = l.source) || ' -> ' || "
      "  (SELECT k.name FROM migrate.known_table k WHERE k.relation = l.target) FROM migrate.link "
      "l "
      "JOIN migrate.capture c ON c.link = l.id "
      "WHERE $1 IN (l.source, l.target) AND l.id <> $2 ORDER BY l.id",
      {Argument::RegClass(relation), Argument::Int8(except)});
  std::vector<std::string> links;
  for (uint64_t row = 0; row < rows.size(); ++row)
    links.push_back(rows.Text(row, 1).value());
  return links;
}

}  // namespace pg_cutover::catalog
