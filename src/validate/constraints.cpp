// The check constraints: every row satisfies what its table declares.
//
// PostgreSQL trusts a constraint once it is marked valid, and rows get past one: while it was NOT
// VALID, by a function in it that has changed, by a catalog edited by hand, in a restored file. So
// NOT NULL, CHECK, domain and partition constraints are evaluated again over all rows, one scan a
// table, as PostgreSQL does it: a CHECK whose result is unknown passes. Duplicates under unique
// indexes are looked for in the heap. Exclusion constraints are not looked at, and the details say
// so.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/unique.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kDefaultSamples = 5;
constexpr int64_t kMostSamples = 100;

// SQL that is true for a row of the table that violates it.
struct Rule {
  std::string name;
  std::string violated;
};

void Append(std::vector<Rule>* rules, const pg::Rows& rows) {
  for (uint64_t i = 0; i < rows.size(); ++i)
    rules->push_back({rows.Text(i, 1).value(), rows.Text(i, 2).value()});
}

// num_nulls, because the planner knows better than to test a NOT NULL column with IS NULL.
constexpr const char* kNotNull =
    "SELECT format('NOT NULL of %s', attname), format('num_nulls(%I) = 1', attname) "
    "  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attnotnull "
    " ORDER BY attnum";

constexpr const char* kCheck =
    "SELECT format('CHECK %s%s', conname, CASE WHEN NOT convalidated THEN ' (NOT VALID)' END), "
    "       format('(%s) IS FALSE', pg_get_expr(conbin, conrelid)) "
    "  FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' ORDER BY conname";

constexpr const char* kPartition =
    "SELECT 'partition bounds', format('(%s) IS FALSE', pg_get_partition_constraintdef($1)) "
    " WHERE pg_get_partition_constraintdef($1) IS NOT NULL";

// A domain's constraints call the value VALUE, which reads as an ordinary column name elsewhere. A
// domain over a domain has those of both.
constexpr const char* kDomain =
    "WITH RECURSIVE chain AS ("
    "  SELECT a.attnum, a.attname, t.oid AS domain, t.typbasetype AS base, t.typnotnull "
    "    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid AND t.typtype = 'd' "
    "   WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped "
    "  UNION ALL "
    "  SELECT c.attnum, c.attname, t.oid, t.typbasetype, t.typnotnull "
    "    FROM chain c JOIN pg_type t ON t.oid = c.base AND t.typtype = 'd'), "
    "bases AS (SELECT c.attnum, format_type(c.base, -1) AS type FROM chain c "
    "            JOIN pg_type t ON t.oid = c.base AND t.typtype <> 'd') "
    "SELECT format('%s of domain %s in %s%s', coalesce(k.conname, 'NOT NULL'), "
    "format_type(c.domain, -1), "
    "              c.attname, CASE WHEN NOT k.convalidated THEN ' (NOT VALID)' END), "
    "       CASE WHEN k.conname IS NULL THEN format('num_nulls(%I) = 1', c.attname) "
    "            ELSE format('(SELECT (%s) IS FALSE FROM (SELECT CAST(%I AS %s) AS value) AS d)', "
    "                        pg_get_expr(k.conbin, 0), c.attname, b.type) END "
    "  FROM chain c JOIN bases b USING (attnum) "
    "  JOIN LATERAL (SELECT n.conname::text, n.convalidated, n.conbin FROM pg_constraint n "
    "                 WHERE n.contypid = c.domain AND n.contype = 'c' "
    "                UNION ALL SELECT NULL, true, NULL WHERE c.typnotnull) AS k ON true "
    " ORDER BY c.attnum, c.domain, k.conname";

std::vector<Rule> RulesOf(Reader& reader, Oid table) {
  std::vector<Rule> rules;
  for (const char* const query : {kNotNull, kCheck, kDomain, kPartition})
    Append(&rules, reader.Query(query, {pg::Argument::RegClass(table)}));
  return rules;
}

// The tables that store rows: constraints of a partitioned table are those of its partitions too.
std::vector<Oid> StoringTables(Reader& reader, Oid relation) {
  const pg::Rows rows = reader.Query(
      "SELECT relid::oid FROM pg_partition_tree($1) WHERE isleaf "
      "UNION SELECT $1::oid FROM pg_class WHERE oid = $1 AND relkind <> 'p' ORDER BY 1",
      {pg::Argument::RegClass(relation)});
  std::vector<Oid> tables;
  for (uint64_t i = 0; i < rows.size(); ++i)
    tables.push_back(rows.ObjectId(i, 1).value());
  return tables;
}

struct Tally {
  size_t constraints = 0;
  std::vector<std::string> problems;
};

// Rows of the table that violate each rule, from one scan.
void Count(Reader& reader, Oid table, const std::string& image, int64_t samples, Tally* tally) {
  const std::vector<Rule> rules = RulesOf(reader, table);
  tally->constraints += rules.size();
  if (rules.empty()) return;
  std::vector<std::string> counts;
  for (const Rule& rule : rules)
    counts.push_back(fmt::format("count(*) FILTER (WHERE {})", rule.violated));
  const pg::Rows rows =
      reader.Query(fmt::format("SELECT {} FROM {}", fmt::join(counts, ", "), FromClause(table)));
  for (size_t i = 0; i < rules.size(); ++i) {
    const int64_t count = rows.Int8(0, static_cast<int>(i) + 1).value();
    if (count == 0) continue;
    const std::string sample =
        Joined(reader.Query(fmt::format("SELECT {} FROM {} WHERE {} LIMIT {}", image,
                                        FromClause(table), rules[i].violated, samples)));
    tally->problems.push_back(fmt::format("{}: {} of {}{}{}", rules[i].name, Counted(count, "row"),
                                          pg::QualifiedName(table), sample.empty() ? "" : ": ",
                                          sample));
  }
}

// What a row is called by: the key of the spec, else the primary key, else its place.
std::string Image(Reader& reader, const Spec& spec) {
  if (const std::optional<std::vector<std::string>> key = spec.List("key"))
    return KeyImage(*key, "");
  const pg::Rows primary = reader.Query(
      "SELECT array_agg(a.attname::text ORDER BY k.n) "
      "  FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n), pg_attribute a "
      " WHERE i.indrelid = $1 AND i.indisprimary AND k.n <= i.indnkeyatts "
      "   AND a.attrelid = i.indrelid AND a.attnum = k.attnum",
      {pg::Argument::RegClass(spec.source())});
  const std::vector<std::string> columns = primary.TextArray(0, 1);
  return columns.empty() ? "jsonb_build_object('ctid', ctid::text)::text" : KeyImage(columns, "");
}

}  // namespace

void ExamineConstraints(const Spec& spec) {
  (void)spec.Whole("samples", kDefaultSamples, 0, kMostSamples);
  if (const std::optional<std::vector<std::string>> key = spec.List("key"))
    RequireColumns(spec.source(), *key, "key");
}

Finding Constraints(const Spec& spec) {
  const int64_t samples = spec.Whole("samples", kDefaultSamples, 0, kMostSamples);
  Reader reader;
  const std::string image = Image(reader, spec);
  Tally tally;
  const std::vector<Oid> tables = StoringTables(reader, spec.source());
  for (const Oid table : tables)
    Count(reader, table, image, samples, &tally);
  const Duplicates duplicates = FindDuplicates(reader, spec.source(), samples);
  tally.problems.insert(tally.problems.end(), duplicates.problems.begin(),
                        duplicates.problems.end());
  const std::string blind =
      duplicates.exclusions == 0
          ? std::string()
          : fmt::format("; {} not looked at",
                        Counted(duplicates.exclusions, "exclusion constraint"));
  if (!tally.problems.empty())
    return {Status::kFail, fmt::format("{}{}", fmt::join(tally.problems, "; "), blind)};
  return {Status::kPass,
          fmt::format("{} and {} hold{}",
                      Counted(static_cast<int64_t>(tally.constraints), "constraint"),
                      Counted(duplicates.indexes, "unique index", "unique indexes"), blind)};
}

}  // namespace pg_cutover::validate
