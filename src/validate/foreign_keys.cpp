// The check foreign_keys: no row refers to one that is not there.
//
// Looked for with the constraint's own operators and collations, as VALIDATE CONSTRAINT does, but
// for validated constraints too: rows get past a constraint under session_replication_role =
// replica, with triggers disabled, or as long as it is NOT VALID. MATCH SIMPLE: a row with a NULL
// in its key refers to nothing. MATCH FULL: one that is NULL in part is a violation itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kDefaultSamples = 5;
constexpr int64_t kMostSamples = 100;

struct ForeignKey {
  std::string name;
  Oid table = InvalidOid;
  Oid referenced = InvalidOid;
  bool full = false;
  bool validated = false;
  std::vector<std::string> columns;
  std::string match;  // SQL over the aliases source and referenced
};

// A partitioned table has a row for each partition of either side besides: those say nothing more.
std::vector<ForeignKey> ForeignKeysOf(Reader& reader, Oid relation, bool incoming) {
  const pg::Rows rows = reader.Query(
      "SELECT c.conname::text, c.conrelid, c.confrelid, c.confmatchtype = 'f', c.convalidated, "
      "       array_agg(f.attname::text ORDER BY k.n), "
      "       string_agg(format('referenced.%I%s OPERATOR(%I.%s) source.%I%s%s', p.attname, "
      "           CASE WHEN o.oprleft <> p.atttypid AND l.typtype <> 'p' "
      "                THEN '::' || format_type(o.oprleft, -1) END, n.nspname, o.oprname, "
      "f.attname, "
      "           CASE WHEN o.oprright <> f.atttypid AND r.typtype <> 'p' "
      "                THEN '::' || format_type(o.oprright, -1) END, "
      "           CASE WHEN p.attcollation <> f.attcollation AND p.attcollation <> 0 "
      "                THEN format(' COLLATE %I.%I', m.nspname, q.collname) END), "
      "           ' AND ' ORDER BY k.n) "
      "  FROM pg_constraint c "
      " CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS k(f, p, o, "
      "n) "
      "  JOIN pg_attribute f ON f.attrelid = c.conrelid AND f.attnum = k.f "
      "  JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.p "
      "  JOIN pg_operator o ON o.oid = k.o "
      "  JOIN pg_namespace n ON n.oid = o.oprnamespace "
      "  JOIN pg_type l ON l.oid = o.oprleft "
      "  JOIN pg_type r ON r.oid = o.oprright "
      "  LEFT JOIN pg_collation q ON q.oid = p.attcollation "
      "  LEFT JOIN pg_namespace m ON m.oid = q.collnamespace "
      " WHERE c.contype = 'f' AND (c.conrelid = $1 OR ($2 AND c.confrelid = $1)) "
      "   AND NOT EXISTS (SELECT FROM pg_constraint parent WHERE parent.oid = c.conparentid "
      "                      AND (parent.conrelid = c.conrelid OR ($2 AND parent.confrelid = $1))) "
      " GROUP BY c.oid, c.conname, c.conrelid, c.confrelid, c.confmatchtype, c.convalidated "
      " ORDER BY c.conrelid <> $1, c.conname",
      {pg::Argument::RegClass(relation), pg::Argument::Bool(incoming)});
  std::vector<ForeignKey> keys;
  for (uint64_t i = 0; i < rows.size(); ++i)
    keys.push_back({rows.Text(i, 1).value(), rows.ObjectId(i, 2).value(),
                    rows.ObjectId(i, 3).value(), rows.Bool(i, 4).value(), rows.Bool(i, 5).value(),
                    rows.TextArray(i, 6), rows.Text(i, 7).value()});
  return keys;
}

// FROM and WHERE of the rows that violate it: those without a referenced row and, under MATCH FULL,
// those that are NULL in part. One condition with OR would keep PostgreSQL from a join: it would
// look through the referenced table again for each row.
std::vector<std::string> Violations(const ForeignKey& key,
                                    const std::optional<std::string>& condition) {
  std::vector<std::string> columns;
  std::vector<std::string> known;
  for (const std::string& column : key.columns) {
    columns.push_back("source." + pg::QuoteIdentifier(column));
    // Unlike num_nulls PostgreSQL knows how many rows this leaves; unlike IS NOT NULL it is true of
    // a composite value with a NULL inside.
    known.push_back(columns.back() + " IS DISTINCT FROM NULL");
  }
  std::vector<std::string> violations = {
      fmt::format("{} AND NOT EXISTS (SELECT FROM {} AS referenced WHERE {})",
                  fmt::join(known, " AND "), FromClause(key.referenced), key.match)};
  if (key.full && columns.size() > 1)
    violations.push_back(fmt::format("num_nulls({}) BETWEEN 1 AND {}", fmt::join(columns, ", "),
                                     columns.size() - 1));
  for (std::string& violated : violations)
    violated = fmt::format("FROM {} AS source WHERE {}{}", FromClause(key.table), violated,
                           condition ? fmt::format(" AND ({})", *condition) : std::string());
  return violations;
}

// `value` of each of them, in any order.
std::string Selected(const std::vector<std::string>& violations, const std::string& value) {
  std::vector<std::string> parts;
  for (const std::string& rows : violations)
    parts.push_back(fmt::format("SELECT {} AS value {}", value, rows));
  return fmt::format("{}", fmt::join(parts, " UNION ALL "));
}

}  // namespace

void ExamineForeignKeys(const Spec& spec) {
  (void)spec.Whole("samples", kDefaultSamples, 0, kMostSamples);
  if (spec.Has("filter") && spec.Flag("incoming", false))
    spec.Refuse("filter", "is over the rows of one table, \"incoming\" looks at those of others",
                "Add two checks.");
  (void)FiltersOf(spec);
}

Finding ForeignKeys(const Spec& spec) {
  const std::optional<std::string> condition = FiltersOf(spec).source;
  const int64_t samples = spec.Whole("samples", kDefaultSamples, 0, kMostSamples);
  Reader reader;
  const std::vector<ForeignKey> keys =
      ForeignKeysOf(reader, spec.source(), spec.Flag("incoming", false));
  std::vector<std::string> problems;
  std::vector<std::string> unproven;
  for (const ForeignKey& key : keys) {
    const std::vector<std::string> violations = Violations(key, condition);
    const int64_t count = reader
                              .Query(fmt::format("SELECT count(*) FROM ({}) AS violations",
                                                 Selected(violations, "1")))
                              .Int8(0, 1)
                              .value();
    const std::string name = fmt::format("{}{}", key.name, key.validated ? "" : " (NOT VALID)");
    if (!key.validated) unproven.push_back(key.name);
    if (count == 0) continue;
    const std::string sample = Joined(
        reader.Query(fmt::format("SELECT value FROM ({}) AS violations LIMIT {}",
                                 Selected(violations, KeyImage(key.columns, "source.")), samples)));
    problems.push_back(fmt::format("{}: {} of {} without a row in {}{}{}", name,
                                   Counted(count, "row"), pg::QualifiedName(key.table),
                                   pg::QualifiedName(key.referenced), sample.empty() ? "" : ": ",
                                   sample));
  }
  if (!problems.empty()) return {Status::kFail, fmt::format("{}", fmt::join(problems, "; "))};
  return {Status::kPass,
          fmt::format("{} without orphans{}{}",
                      Counted(static_cast<int64_t>(keys.size()), "foreign key"),
                      unproven.empty() ? "" : "; NOT VALID so far: ", fmt::join(unproven, ", "))};
}

}  // namespace pg_cutover::validate
