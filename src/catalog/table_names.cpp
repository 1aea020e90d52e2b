// Names of tables that may be gone; see table_names.hpp.
#include <fmt/format.h>

#include "catalog/table_names.hpp"

#include "catalog/scope.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::catalog {

void RememberNames(const std::vector<Oid>& tables) {
  std::vector<std::string> oids;
  for (const Oid table : tables)
    if (OidIsValid(table)) oids.push_back(std::to_string(table));
  if (oids.empty()) return;
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.table_name (relation, name) "
      "SELECT c.oid, w.name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, "
      "  LATERAL (SELECT format('%I.%I', n.nspname, c.relname) AS name) w "
      " WHERE c.oid = ANY ($1::oid[]) AND w.name IS DISTINCT FROM (SELECT t.name "
      "   FROM migrate.table_name t WHERE t.relation = c.oid ORDER BY t.id DESC LIMIT 1)",
      {pg::Argument::TextArray(oids)});
}

bool IsThere(Oid table) {
  return pg::Call(get_rel_relkind, table) != '\0';
}

std::optional<std::string> RememberedName(Oid table) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT t.name FROM migrate.table_name t WHERE t.relation = $1 ORDER BY t.id DESC LIMIT 1",
      {pg::Argument::RegClass(table)});
  if (rows.empty()) return std::nullopt;
  return rows.Text(0, 1);
}

std::string TableName(Oid table) {
  if (IsThere(table)) return pg::QualifiedName(table);
  return RememberedName(table).value_or(fmt::format("a table that was dropped (OID {})", table));
}

std::string TableLiteral(Oid table) {
  return pg::QuoteLiteral(IsThere(table) ? pg::QualifiedName(table) : std::to_string(table));
}

}  // namespace pg_cutover::catalog
