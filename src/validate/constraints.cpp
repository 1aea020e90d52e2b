// The check constraints: every row satisfies what its table declares.
//
// PostgreSQL trusts a constraint once it is marked valid, and rows get past one: while it was NOT
// VALID, by a function in it that has changed, by a catalog edited by hand, in a restored file. So
// NOT NULL, CHECK, domain and partition constraints are evaluated again over all rows, one scan a
// table, as PostgreSQL does it: a CHECK whose result is unknown passes. One that raises is named,
// and what else is wrong is found all the same. Duplicates under unique indexes are looked for in
// the heap. Exclusion constraints are not looked at, and the details say so.
#include <map>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/unique.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kDefaultSamples = 5;
constexpr int64_t kMostSamples = 100;

// PostgreSQL's limit for a target list is 1664.
constexpr size_t kMostRulesAScan = 1000;

// SQL that is true for a row of the table that violates it.
struct Rule {
  std::string name;
  std::string violated;
};
using Rules = std::map<Oid, std::vector<Rule>>;  // of each table

// Of all tables of $1 at once: there may be thousands of partitions.
// num_nulls, because the planner knows better than to test a NOT NULL column with IS NULL.
constexpr const char* kNotNull =
    "SELECT attrelid, format('NOT NULL of %s', attname), format('num_nulls(%I) = 1', attname) "
    "  FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped "
    "   AND attnotnull ORDER BY attrelid, attnum";

constexpr const char* kCheck =
    "SELECT conrelid, format('CHECK %s%s', conname, CASE WHEN NOT convalidated THEN ' (NOT VALID)' "
    "END), format('(%s) IS FALSE', pg_get_expr(conbin, conrelid)) "
    "  FROM pg_constraint WHERE conrelid = ANY ($1::oid[]) AND contype = 'c' "
    " ORDER BY conrelid, conname";

constexpr const char* kPartition =
    "SELECT t.id, 'partition bounds', format('(%s) IS FALSE', d.bounds) "
    "  FROM unnest($1::oid[]) AS t(id) "
    " CROSS JOIN LATERAL (SELECT pg_get_partition_constraintdef(t.id) OFFSET 0) AS d(bounds) "
    " WHERE d.bounds IS NOT NULL";

// A domain's constraints call the value VALUE, which reads as an ordinary column name elsewhere. A
// domain over a domain has those of both.
constexpr const char* kDomain =
    "WITH RECURSIVE chain AS ("
    "  SELECT a.attrelid, a.attnum, a.attname, t.oid AS domain, t.typbasetype AS base, "
    "         t.typnotnull "
    "    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid AND t.typtype = 'd' "
    "   WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped "
    "  UNION ALL "
    "  SELECT c.attrelid, c.attnum, c.attname, t.oid, t.typbasetype, t.typnotnull "
    "    FROM chain c JOIN pg_type t ON t.oid = c.base AND t.typtype = 'd'), "
    "bases AS (SELECT c.attrelid, c.attnum, format_type(c.base, -1) AS type FROM chain c "
    "            JOIN pg_type t ON t.oid = c.base AND t.typtype <> 'd') "
    "SELECT c.attrelid, format('%s of domain %s in %s%s', coalesce(k.conname, 'NOT NULL'), "
    "format_type(c.domain, -1), "
    "              c.attname, CASE WHEN NOT k.convalidated THEN ' (NOT VALID)' END), "
    "       CASE WHEN k.conname IS NULL THEN format('num_nulls(%I) = 1', c.attname) "
    "            ELSE format('(SELECT (%s) IS FALSE FROM (SELECT CAST(%I AS %s) AS value) AS d)', "
    "                        pg_get_expr(k.conbin, 0), c.attname, b.type) END "
    "  FROM chain c JOIN bases b USING (attrelid, attnum) "
    "  JOIN LATERAL (SELECT n.conname::text, n.convalidated, n.conbin FROM pg_constraint n "
    "                 WHERE n.contypid = c.domain AND n.contype = 'c' "
    "                UNION ALL SELECT NULL, true, NULL WHERE c.typnotnull) AS k ON true "
    " ORDER BY c.attrelid, c.attnum, c.domain, k.conname";

Rules RulesOf(Reader& reader, const std::vector<Oid>& tables) {
  Rules rules;
  for (const char* const query : {kNotNull, kCheck, kDomain, kPartition}) {
    const pg::Rows rows = reader.Catalog(query, {OidArray(tables)});
    for (uint64_t i = 0; i < rows.size(); ++i)
      rules[rows.ObjectId(i, 1).value()].push_back(
          {rows.Text(i, 2).value(), rows.Text(i, 3).value()});
  }
  return rules;
}

// The tables that store rows: constraints of a partitioned table are those of its partitions too.
std::vector<Oid> StoringTables(Reader& reader, Oid relation) {
  return ObjectIds(reader.Catalog(
      "SELECT relid::oid FROM pg_partition_tree($1) WHERE isleaf "
      "UNION SELECT $1::oid FROM pg_class WHERE oid = $1 AND relkind <> 'p' ORDER BY 1",
      {pg::Argument::RegClass(relation)}));
}

struct Tally {
  int64_t constraints = 0;
  int64_t unique = 0;
  std::vector<std::string> problems;
  std::vector<std::string> failures;  // what could not be evaluated, and why
};

// One table's rules against its rows.
struct Scan {
  Reader& reader;
  Oid table;
  const std::string& image;
  int64_t samples;
  Tally* tally;
};

// Rows of the table that violate each rule, from one scan.
void Count(const Scan& scan, std::span<const Rule> rules) {
  std::vector<std::string> counts;
  for (const Rule& rule : rules)
    counts.push_back(fmt::format("count(*) FILTER (WHERE {})", rule.violated));
  const std::string from = FromClause(scan.table);
  const pg::Rows rows =
      scan.reader.Query(fmt::format("SELECT {} FROM {}", fmt::join(counts, ", "), from));
  std::vector<std::string> problems;
  for (size_t i = 0; i < rules.size(); ++i) {
    const int64_t count = rows.Int8(0, static_cast<int>(i) + 1).value();
    if (count == 0) continue;
    const std::string sample = Joined(scan.reader.Query(fmt::format(
        "SELECT {} FROM {} WHERE {} LIMIT {}", scan.image, from, rules[i].violated, scan.samples)));
    problems.push_back(fmt::format("{}: {} of {}{}{}", rules[i].name, Counted(count, "row"),
                                   pg::QualifiedName(scan.table), sample.empty() ? "" : ": ",
                                   sample));
  }
  scan.tally->constraints += static_cast<int64_t>(rules.size());
  scan.tally->problems.insert(scan.tally->problems.end(), problems.begin(), problems.end());
}

// As above; where one of the rules raises, halves them until that one is left, so that it hides
// none of the others.
void CountEach(const Scan& scan, std::span<const Rule> rules) {
  if (rules.size() <= kMostRulesAScan) {
    const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] { Count(scan, rules); });
    if (!failure) return;
    RequireOfTheRows(scan.reader, scan.table, *failure);
    if (rules.size() == 1) {
      scan.tally->failures.push_back(fmt::format("{} of {}: {}", rules[0].name,
                                                 pg::QualifiedName(scan.table),
                                                 ErrorText(failure->info())));
      return;
    }
  }
  const size_t half = rules.size() / 2;
  CountEach(scan, rules.first(half));
  CountEach(scan, rules.subspan(half));
}

// What a row is called by: the key of the spec, else the primary key, else its place.
std::string Image(Reader& reader, const Spec& spec) {
  if (const std::optional<std::vector<std::string>> key = spec.List("key"))
    return KeyImage(*key, "");
  const pg::Rows primary = reader.Catalog(
      "SELECT array_agg(a.attname::text ORDER BY k.n) "
      "  FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n), pg_attribute a "
      " WHERE i.indrelid = $1 AND i.indisprimary AND k.n <= i.indnkeyatts "
      "   AND a.attrelid = i.indrelid AND a.attnum = k.attnum",
      {pg::Argument::RegClass(spec.source())});
  const std::vector<std::string> columns = primary.TextArray(0, 1);
  return columns.empty() ? "jsonb_build_object('ctid', ctid::text)::text" : KeyImage(columns, "");
}

Finding Judge(const Spec& spec, const Tally& tally, int64_t exclusions) {
  const std::string blind =
      exclusions == 0
          ? std::string()
          : fmt::format("; {} not looked at", Counted(exclusions, "exclusion constraint"));
  if (!tally.problems.empty())
    return {Status::kFail, fmt::format("{}{}{}{}", fmt::join(tally.problems, "; "),
                                       tally.failures.empty() ? "" : "; could not be evaluated: ",
                                       fmt::join(tally.failures, "; "), blind)};
  const std::string hold = fmt::format("{} and {} hold", Counted(tally.constraints, "constraint"),
                                       Counted(tally.unique, "unique index", "unique indexes"));
  if (!tally.failures.empty())
    return {Status::kInconclusive, fmt::format("could not be evaluated: {}; {}{}",
                                               fmt::join(tally.failures, "; "), hold, blind)};
  if (tally.constraints + tally.unique == 0)
    return {Status::kInconclusive,
            fmt::format("nothing was looked at: {} stores no rows under a constraint{}",
                        pg::QualifiedName(spec.source()), blind)};
  return {Status::kPass, hold + blind};
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
  for (const auto& [table, rules] : RulesOf(reader, StoringTables(reader, spec.source())))
    CountEach({reader, table, image, samples, &tally}, rules);
  const Duplicates duplicates = FindDuplicates(reader, spec.source(), samples);
  tally.unique = duplicates.indexes;
  tally.problems.insert(tally.problems.end(), duplicates.problems.begin(),
                        duplicates.problems.end());
  tally.failures.insert(tally.failures.end(), duplicates.failures.begin(),
                        duplicates.failures.end());
  return Judge(spec, tally, duplicates.exclusions);
}

}  // namespace pg_cutover::validate
