// The SQL of a repair; see repair_statements.hpp.
#include <fmt/format.h>

#include "compare/repair_statements.hpp"
#include "compare/statements.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr const char* kOneKey = "CAST($1 AS pg_catalog.jsonb)";

// "CAST(CAST($1 AS jsonb) ->> 'a' AS integer)"
std::string KeyValue(const Sides& sides, size_t column, const char* key) {
  const pg::OpenRelation target(sides.target, AccessShareLock);
  const Form_pg_attribute attribute = Attribute(target.get(), sides.columns[column].name);
  const Oid type = attribute->atttypid;
  // The key was listed as jsonb: such values do not come back from it as they were.
  if (type == JSONBOID || pg::Section([=] { return type_is_array(type) || type_is_rowtype(type); }))
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("rows with a key of type {} cannot be repaired", pg::TypeName(type, -1)));
  return fmt::format("CAST({} OPERATOR(pg_catalog.->>) {} AS {})", key,
                     pg::QuoteLiteral(sides.columns[column].name),
                     pg::TypeName(attribute->atttypid, attribute->atttypmod));
}

// What an index may serve: a repair looks at one row, and reads all of the source for it otherwise.
std::string KeyCondition(const Sides& sides, Side side, const char* key = kOneKey) {
  std::vector<std::string> conditions;
  for (size_t i = 0; i < sides.key_columns; ++i)
    conditions.push_back(fmt::format(
        "{} {} {}", side == Side::kSource ? sides.columns[i].probe() : sides.columns[i].target,
        sides.key_equality[i], KeyValue(sides, i, key)));
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

// One object of all columns, a row at a time; 100 arguments are too few for wide tables.
std::string RowObject(const Sides& sides, std::string Column::*side) {
  std::vector<std::string> columns;
  for (const Column& column : sides.columns)
    columns.push_back(fmt::format("{} AS {}", column.*side, pg::QuoteIdentifier(column.name)));
  return fmt::format("{}", fmt::join(columns, ", "));
}

std::string RowStatement(const Sides& sides, std::string Column::*side, const std::string& rows,
                         const std::string& key) {
  return fmt::format(
      "SELECT CASE WHEN pg_catalog.octet_length(j.t) <= {} THEN j.t END FROM (SELECT "
      "pg_catalog.to_jsonb(d)::pg_catalog.text FROM (SELECT {} {} AND {}) AS d) AS j(t)",
      kLongestRow, RowObject(sides, side), rows, key);
}

}  // namespace

RepairStatements BuildRepairStatements(const Sides& sides) {
  RepairStatements statements;
  statements.source_key = KeyCondition(sides, Side::kSource);
  statements.target_key = KeyCondition(sides, Side::kTarget);
  statements.target_row =
      RowStatement(sides, &Column::target, sides.target_rows, statements.target_key);
  statements.source_row =
      RowStatement(sides, &Column::source, sides.source_rows, statements.source_key);
  const pg::OpenRelation target_relation(sides.target, AccessShareLock);
  std::vector<std::string> key;
  std::vector<std::string> assignments;
  for (size_t i = 0; i < sides.columns.size(); ++i) {
    const std::string name = pg::QuoteIdentifier(sides.columns[i].name);
    if (i < sides.key_columns) key.push_back(name);
    // Its value can be inserted but not updated; the key's does not change.
    if (i >= sides.key_columns &&
        Attribute(target_relation.get(), sides.columns[i].name)->attidentity !=
            ATTRIBUTE_IDENTITY_ALWAYS)
      assignments.push_back(fmt::format("{0} = EXCLUDED.{0}", name));
  }
  const std::string target = pg::QualifiedName(sides.target);
  statements.write = fmt::format(
      "INSERT INTO {} AS target ({}) OVERRIDING SYSTEM VALUE SELECT {} {} AND {} FOR SHARE OF "
      "source ON CONFLICT ({}) DO {}",
      target, link::TargetColumns(*sides.link), link::SelectList(*sides.link), sides.source_rows,
      statements.source_key, fmt::join(key, ", "),
      assignments.empty() ? std::string("NOTHING")
                          : fmt::format("UPDATE SET {}", fmt::join(assignments, ", ")));
  statements.lock_source =
      fmt::format("SELECT {} AND {} FOR SHARE OF source", sides.source_rows, statements.source_key);
  statements.lock_target =
      fmt::format("SELECT {} AND {} FOR UPDATE", sides.target_rows, statements.target_key);
  statements.remove =
      fmt::format("DELETE FROM {} AS target WHERE {}{} AND NOT EXISTS (SELECT {} AND {})", target,
                  statements.target_key, sides.target_restriction, sides.source_rows,
                  statements.source_key);
  const auto count_in = [&](Oid relation, Side side, const char* alias) {
    return fmt::format(
        "SELECT pg_catalog.count(*) FROM (SELECT u.key FROM pg_catalog.unnest(CAST($1 AS "
        "pg_catalog.jsonb[])) AS u (key) WHERE NOT EXISTS (SELECT FROM "
        "pg_catalog.jsonb_each(u.key) AS e WHERE e.value = 'null') OFFSET 0) AS k, "
        "LATERAL (SELECT FROM {} AS {} WHERE {}) AS found",
        pg::QualifiedName(relation), alias, KeyCondition(sides, side, "k.key"));
  };
  statements.count_in_source = count_in(sides.source, Side::kSource, "source");
  statements.count_in_target = count_in(sides.target, Side::kTarget, "target");
  return statements;
}

}  // namespace pg_cutover::compare
