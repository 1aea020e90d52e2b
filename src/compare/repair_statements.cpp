// The SQL of a repair; see repair_statements.hpp.
#include <fmt/format.h>

#include "compare/repair_key.hpp"
#include "compare/repair_statements.hpp"
#include "compare/statements.hpp"
#include "link/mapping.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr const char* kOneKey = "CAST($1 AS pg_catalog.jsonb)";

}  // namespace

RepairStatements BuildRepairStatements(const Sides& sides) {
  RepairStatements statements;
  const RepairKey by_key(sides);
  statements.source_key = by_key.Condition(Side::kSource, kOneKey);
  statements.target_key = by_key.Condition(Side::kTarget, kOneKey);
  statements.led_back = by_key.led_back();
  statements.target_row = RowStatement(sides, Side::kTarget, statements.target_key);
  statements.source_row = RowStatement(sides, Side::kSource, statements.source_key);
  const pg::OpenRelation target_relation(sides.target, AccessShareLock);
  std::vector<std::string> key;
  std::vector<std::string> assignments;
  for (size_t i = 0; i < sides.columns.size(); ++i) {
    const std::string name = pg::QuoteIdentifier(sides.columns[i].name);
    if (i < sides.key_columns) key.push_back(name);
    // The key, too: a value that is equal may be written differently (1.0 and 1.00).
    if (Attribute(target_relation.get(), sides.columns[i].name)->attidentity !=
        ATTRIBUTE_IDENTITY_ALWAYS)
      assignments.push_back(fmt::format("{0} = EXCLUDED.{0}", name));
    else
      statements.insert_only.push_back(sides.columns[i].name);
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
  statements.remove = fmt::format(
      "DELETE FROM {} AS target WHERE {}{} AND NOT EXISTS (SELECT {} AND {})", target,
      statements.target_key, sides.target_restriction, sides.source_rows, statements.source_key);
  const auto count_in = [&](Oid relation, Side side, const char* alias) {
    return fmt::format(
        "SELECT pg_catalog.count(*) FROM (SELECT u.key FROM pg_catalog.unnest(CAST($1 AS "
        "pg_catalog.jsonb[])) AS u (key) WHERE NOT EXISTS (SELECT FROM "
        "pg_catalog.jsonb_each(u.key) AS e WHERE e.value = 'null') OFFSET 0) AS k, "
        "LATERAL (SELECT FROM {} AS {} WHERE {}) AS found",
        pg::QualifiedName(relation), alias, by_key.Condition(side, "k.key"));
  };
  statements.count_in_source = count_in(sides.source, Side::kSource, "source");
  statements.count_in_target = count_in(sides.target, Side::kTarget, "target");
  return statements;
}

}  // namespace pg_cutover::compare
