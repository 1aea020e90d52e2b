// The check foreign_keys: no row refers to one that is not there.
//
// Looked for with the constraint's own operators and collations, as VALIDATE CONSTRAINT does, but
// for validated constraints too: rows get past a constraint under session_replication_role =
// replica, with triggers disabled, or as long as it is NOT VALID. MATCH SIMPLE: a row with a NULL
// in its key refers to nothing. MATCH FULL: one that is NULL in part is a violation itself.
//
// A key whose triggers are disabled keeps no orphan out any more, on either side: that is a FAIL
// while there are none yet.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kDefaultSamples = 5;
constexpr int64_t kMostSamples = 100;
constexpr size_t kMostTablesNamed = 5;

struct ForeignKey {
  Oid constraint = InvalidOid;
  std::string name;
  Oid table = InvalidOid;
  Oid referenced = InvalidOid;
  bool full = false;
  bool validated = false;
  std::vector<std::string> columns;
  std::string match;  // SQL over the aliases source and referenced
};

// A partitioned table has a row for each partition of either side besides: those say nothing more.
// What refers to a partition refers to a table that it is part of: such a row may have its match in
// any other partition.
std::vector<ForeignKey> ForeignKeysOf(Reader& reader, Oid relation, bool incoming) {
  const pg::Rows rows = reader.Catalog(
      "WITH referenced AS (SELECT $1::oid AS id WHERE $2 "
      "              UNION SELECT relid::oid FROM pg_partition_ancestors($1) WHERE $2) "
      "SELECT c.oid, c.conname::text, c.conrelid, c.confrelid, c.confmatchtype = 'f', "
      "c.convalidated, "
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
      " WHERE c.contype = 'f' AND (c.conrelid = $1 OR c.confrelid IN (SELECT id FROM referenced)) "
      "   AND NOT EXISTS (SELECT FROM pg_constraint parent WHERE parent.oid = c.conparentid "
      "                      AND (parent.conrelid = c.conrelid "
      "                           OR parent.confrelid IN (SELECT id FROM referenced))) "
      " GROUP BY c.oid, c.conname, c.conrelid, c.confrelid, c.confmatchtype, c.convalidated "
      " ORDER BY c.conrelid <> $1, c.conname",
      {pg::Argument::RegClass(relation), pg::Argument::Bool(incoming)});
  std::vector<ForeignKey> keys;
  for (uint64_t i = 0; i < rows.size(); ++i)
    keys.push_back({rows.ObjectId(i, 1).value(), rows.Text(i, 2).value(),
                    rows.ObjectId(i, 3).value(), rows.ObjectId(i, 4).value(),
                    rows.Bool(i, 5).value(), rows.Bool(i, 6).value(), rows.TextArray(i, 7),
                    rows.Text(i, 8).value()});
  return keys;
}

// Tables of the key with a trigger that does not fire in an ordinary session. A partition's key has
// the triggers on the referenced side that its parent's has. On the referencing side only tables
// that store rows have a say; on the other one a partitioned table as well, whose trigger sees rows
// that move from one partition to another.
constexpr const char* kSilenced =
    "WITH RECURSIVE up(id, parent) AS ("
    "  SELECT oid, conparentid FROM pg_constraint WHERE oid = $1 "
    "  UNION ALL SELECT c.oid, c.conparentid FROM up JOIN pg_constraint c ON c.oid = up.parent), "
    "family(id) AS ("
    "  SELECT id FROM up WHERE parent = 0 "
    "  UNION ALL SELECT c.oid FROM family f JOIN pg_constraint c ON c.conparentid = f.id) "
    "SELECT DISTINCT t.tgrelid::regclass::text, t.tgenabled = 'R' "
    "  FROM family f JOIN pg_trigger t ON t.tgconstraint = f.id JOIN pg_class c ON c.oid = "
    "t.tgrelid "
    " WHERE t.tgisinternal AND t.tgenabled IN ('D', 'R') "
    "   AND (t.tgfoid NOT IN ('\"RI_FKey_check_ins\"'::regproc, '\"RI_FKey_check_upd\"'::regproc) "
    "        OR (c.relkind <> 'p' "
    "            AND c.oid IN (SELECT $2::oid UNION SELECT relid FROM pg_partition_tree($2)))) "
    " ORDER BY 2, 1";

std::optional<std::string> NotEnforced(Reader& reader, const ForeignKey& key) {
  const pg::Rows rows = reader.Catalog(
      kSilenced, {pg::Argument::ObjectId(key.constraint), pg::Argument::RegClass(key.table)});
  if (rows.empty()) return std::nullopt;
  std::vector<std::string> tables;
  for (uint64_t i = 0; i < rows.size() && i < kMostTablesNamed; ++i)
    tables.push_back(rows.Text(i, 1).value() + (rows.Bool(i, 2).value() ? " (replica only)" : ""));
  return fmt::format("{} of {}: not enforced, triggers are disabled on {}{}", key.name,
                     pg::QualifiedName(key.table), fmt::join(tables, ", "),
                     rows.size() > tables.size()
                         ? fmt::format(" and {} more", rows.size() - tables.size())
                         : std::string());
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

// The rows that violate it, said in words; nullopt: there are none.
std::optional<std::string> Orphans(Reader& reader, const ForeignKey& key,
                                   const std::optional<std::string>& condition, int64_t samples) {
  const std::vector<std::string> violations = Violations(key, condition);
  const int64_t count =
      reader
          .Query(fmt::format("SELECT count(*) FROM ({}) AS violations", Selected(violations, "1")))
          .Int8(0, 1)
          .value();
  if (count == 0) return std::nullopt;
  const std::string sample = Joined(
      reader.Query(fmt::format("SELECT value FROM ({}) AS violations LIMIT {}",
                               Selected(violations, KeyImage(key.columns, "source.")), samples)));
  return fmt::format("{}{}: {} of {} without a row in {}{}{}", key.name,
                     key.validated ? "" : " (NOT VALID)", Counted(count, "row"),
                     pg::QualifiedName(key.table), pg::QualifiedName(key.referenced),
                     sample.empty() ? "" : ": ", sample);
}

// What would let the role read both tables: a foreign key to another owner's table needs no more
// than REFERENCES.
std::string MissingGrants(Reader& reader, const ForeignKey& key) {
  const pg::Rows rows = reader.Catalog(
      "SELECT g.text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      " CROSS JOIN LATERAL ("
      "   SELECT 1 AS n, format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, current_user) AS text "
      "    WHERE NOT has_schema_privilege(n.oid, 'USAGE') "
      "   UNION ALL "
      "   SELECT 2, format('GRANT SELECT ON %I.%I TO %I', n.nspname, c.relname, current_user) "
      "    WHERE NOT has_table_privilege(c.oid, 'SELECT')) AS g "
      " WHERE c.oid IN ($1, $2) ORDER BY c.oid, g.n",
      {pg::Argument::ObjectId(key.table), pg::Argument::ObjectId(key.referenced)});
  return rows.empty() ? std::string() : fmt::format("; needs {}", Joined(rows));
}

struct Tally {
  std::vector<std::string> problems;
  std::vector<std::string> failures;
  std::vector<std::string> unproven;
};

void Look(Reader& reader, const ForeignKey& key, const std::optional<std::string>& condition,
          int64_t samples, Tally* tally) {
  if (!key.validated) tally->unproven.push_back(key.name);
  std::optional<std::string> found;
  const std::optional<pg::Error> failure =
      pg::TryInSubtransaction([&] { found = Orphans(reader, key, condition, samples); });
  if (failure) {
    const bool denied = failure->sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE;
    if (!denied) RequireOfTheRows(reader, key.table, *failure);
    tally->failures.push_back(fmt::format("{} of {}: {}{}", key.name, pg::QualifiedName(key.table),
                                          ErrorText(failure->info()),
                                          denied ? MissingGrants(reader, key) : std::string()));
  }
  if (found) tally->problems.push_back(*found);
  if (const std::optional<std::string> silent = NotEnforced(reader, key))
    tally->problems.push_back(*silent);
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
  const bool incoming = spec.Flag("incoming", false);
  Reader reader;
  const std::vector<ForeignKey> keys = ForeignKeysOf(reader, spec.source(), incoming);
  if (keys.empty())
    return {Status::kInconclusive, fmt::format("nothing was looked at: {} has no foreign key{}",
                                               pg::QualifiedName(spec.source()),
                                               incoming ? ", and none refers to it" : "")};
  Tally tally;
  for (const ForeignKey& key : keys)
    Look(reader, key, condition, samples, &tally);
  const std::string unread = tally.failures.empty() ? std::string()
                                                    : fmt::format("could not be looked at: {}",
                                                                  fmt::join(tally.failures, "; "));
  if (!tally.problems.empty())
    return {Status::kFail, fmt::format("{}{}{}", fmt::join(tally.problems, "; "),
                                       unread.empty() ? "" : "; ", unread)};
  if (!unread.empty()) return {Status::kInconclusive, unread};
  return {Status::kPass, fmt::format("{} without orphans{}{}",
                                     Counted(static_cast<int64_t>(keys.size()), "foreign key"),
                                     tally.unproven.empty() ? "" : "; NOT VALID so far: ",
                                     fmt::join(tally.unproven, ", "))};
}

}  // namespace pg_cutover::validate
