// The SQL of a comparison; see statements.hpp.
//
// A table may have 1,600 columns and a statement's result 1,664, so that rows are handed on whole.
// Inside the statements a side's columns are c0, c1, ..., its row hash is h and, where a key may be
// there twice, o counts the rows of a key: no name of a user's column can clash with these.
#include <algorithm>

#include <fmt/format.h>

#include "compare/statements.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

// A function takes no more than 100 arguments: the rest goes in as rows of this many columns.
constexpr size_t kMostArguments = 90;
constexpr size_t kPairsAnObject = 40;

const std::string& Expression(const Column& column, Side side) {
  return side == Side::kSource ? column.source : column.target;
}

std::vector<std::string> Expressions(const Sides& sides, Side side) {
  std::vector<std::string> all;
  for (const Column& column : sides.columns)
    all.push_back(Expression(column, side));
  return all;
}

// The key's columns as they are, then the others. Both sides are grouped alike, so that equal rows
// have equal hashes.
std::string HashArguments(const std::vector<std::string>& values, size_t key_columns) {
  if (values.size() <= kMostArguments) return fmt::format("{}", fmt::join(values, ", "));
  std::vector<std::string> arguments(values.begin(),
                                     values.begin() + static_cast<std::ptrdiff_t>(key_columns));
  for (size_t first = key_columns; first < values.size(); first += kMostArguments) {
    const size_t end = std::min(first + kMostArguments, values.size());
    arguments.push_back(
        fmt::format("ROW({})", fmt::join(values.begin() + static_cast<std::ptrdiff_t>(first),
                                         values.begin() + static_cast<std::ptrdiff_t>(end), ", ")));
  }
  return fmt::format("{}", fmt::join(arguments, ", "));
}

std::string Rows(const Sides& sides, Side side, const std::string& restriction) {
  const std::string& rows = side == Side::kSource ? sides.source_rows : sides.target_rows;
  return restriction.empty() ? rows : fmt::format("{} AND ({})", rows, restriction);
}

int64_t Signed(uint64_t value) {
  return static_cast<int64_t>(value);
}

std::string KeyArguments(const Sides& sides, Side side) {
  std::vector<std::string> key;
  for (size_t i = 0; i < sides.key_columns; ++i)
    key.push_back(Expression(sides.columns[i], side));
  return fmt::format("{}", fmt::join(key, ", "));
}

// "s.c0, s.c1, ..."
std::vector<std::string> Names(const Sides& sides, const char* alias) {
  std::vector<std::string> names;
  for (size_t i = 0; i < sides.columns.size(); ++i)
    names.push_back(fmt::format("{}.c{}", alias, i));
  return names;
}

// A jsonb object of the first `count` columns.
std::string Object(const Sides& sides, const std::vector<std::string>& values, size_t count) {
  std::string object;
  for (size_t first = 0; first < count; first += kPairsAnObject) {
    std::vector<std::string> pairs;
    for (size_t i = first; i < std::min(first + kPairsAnObject, count); ++i)
      pairs.push_back(fmt::format("{}, {}", pg::QuoteLiteral(sides.columns[i].name), values[i]));
    object += fmt::format("{}pg_catalog.jsonb_build_object({})", object.empty() ? "" : " || ",
                          fmt::join(pairs, ", "));
  }
  return object;
}

// NULL in place of what is too long to be shown.
std::string Shown(const std::string& object) {
  return fmt::format(
      "(SELECT CASE WHEN pg_catalog.octet_length(j.t) <= {} THEN j.t END FROM (SELECT ({})::text) "
      "AS j(t))",
      kLongestRow, object);
}

// A side as a subquery with c0, ..., h and perhaps o.
std::string Hashed(const Sides& sides, Side side, uint64_t seed, const std::string& restriction,
                   bool numbered) {
  std::vector<std::string> named;
  std::vector<std::string> plain = Names(sides, "d");
  for (size_t i = 0; i < sides.columns.size(); ++i)
    named.push_back(fmt::format("{} AS c{}", Expression(sides.columns[i], side), i));
  const std::string hash = fmt::format("migrate.row_hash({}, {})", Signed(seed),
                                       HashArguments(plain, sides.key_columns));
  const std::string hashed = fmt::format("SELECT d.*, {} AS h FROM (SELECT {} {}) AS d", hash,
                                         fmt::join(named, ", "), Rows(sides, side, restriction));
  if (!numbered) return hashed;
  std::vector<std::string> key;
  for (size_t i = 0; i < sides.key_columns; ++i)
    key.push_back(fmt::format("n.c{}", i));
  return fmt::format(
      "SELECT n.*, pg_catalog.row_number() OVER (PARTITION BY {} ORDER BY n.h) AS o FROM ({}) AS n",
      fmt::join(key, ", "), hashed);
}

// How many of each kind, over the list of all differences.
std::string Counts(const char* weight) {
  std::vector<std::string> counts;
  for (const char* const kind : {"missing", "extra", "changed", "representation"})
    counts.push_back(fmt::format(
        "(SELECT coalesce(pg_catalog.sum({}), 0)::bigint FROM differing WHERE kind = '{}')", weight,
        kind));
  return fmt::format("{}", fmt::join(counts, ", "));
}

std::string KeyedStatement(const Sides& sides, uint64_t seed, const std::string& source_restriction,
                           const std::string& target_restriction, int64_t most) {
  std::vector<std::string> same_key;
  for (size_t i = 0; i < sides.key_columns; ++i)
    same_key.push_back(fmt::format("s.c{0} {1} t.c{0}", i, sides.key_equality[i]));
  if (!sides.unique) same_key.emplace_back("s.o = t.o");
  std::vector<std::string> differing;
  std::vector<std::string> equal;
  std::vector<std::string> key;
  for (size_t i = 0; i < sides.columns.size(); ++i) {
    differing.push_back(
        fmt::format("CASE WHEN migrate.row_hash({0}, (d.s).c{1}) <> migrate.row_hash({0}, "
                    "(d.t).c{1}) THEN {2} END",
                    Signed(seed), i, pg::QuoteLiteral(sides.columns[i].name)));
    equal.push_back(fmt::format("migrate.equal_values(s.c{0}, t.c{0})", i));
    if (i < sides.key_columns) key.push_back(fmt::format("coalesce((d.s).c{0}, (d.t).c{0})", i));
  }
  std::vector<std::string> of_source;
  std::vector<std::string> of_target;
  for (size_t i = 0; i < sides.columns.size(); ++i) {
    of_source.push_back(fmt::format("(d.s).c{}", i));
    of_target.push_back(fmt::format("(d.t).c{}", i));
  }
  return fmt::format(
      "WITH differing AS MATERIALIZED (SELECT CASE WHEN t.h IS NULL THEN 'missing' WHEN s.h IS "
      "NULL THEN 'extra' WHEN {0} THEN 'representation' ELSE 'changed' END AS kind, s, t "
      "FROM ({1}) AS s FULL JOIN ({2}) AS t ON {3} WHERE s.h IS DISTINCT FROM t.h) "
      "SELECT d.kind, ({4})::text, CASE WHEN d.kind IN ('changed', 'representation') THEN "
      "pg_catalog.array_remove(ARRAY[{5}], NULL) ELSE '{{}}' END, "
      "CASE WHEN d.kind <> 'extra' THEN {6} END, CASE WHEN d.kind <> 'missing' THEN {7} END, "
      "1::bigint, {8} FROM (SELECT * FROM differing LIMIT {9}) AS d",
      fmt::join(equal, " AND "),
      Hashed(sides, Side::kSource, seed, source_restriction, !sides.unique),
      Hashed(sides, Side::kTarget, seed, target_restriction, !sides.unique),
      fmt::join(same_key, " AND "), Object(sides, key, sides.key_columns),
      fmt::join(differing, ", "), Shown(Object(sides, of_source, sides.columns.size())),
      Shown(Object(sides, of_target, sides.columns.size())), Counts("1"), most);
}

// Rows of a table without a key are counted by their hashes; one row stands for all that are alike.
std::string MultisetStatement(const Sides& sides, uint64_t seed, int64_t most) {
  const std::string source = Hashed(sides, Side::kSource, seed, {}, false);
  const std::string target = Hashed(sides, Side::kTarget, seed, {}, false);
  const std::string row = Shown(Object(sides, Names(sides, "x"), sides.columns.size()));
  return fmt::format(
      "WITH differing AS MATERIALIZED (SELECT h, CASE WHEN coalesce(s.n, 0) > coalesce(t.n, 0) "
      "THEN 'missing' ELSE 'extra' END AS kind, pg_catalog.abs(coalesce(s.n, 0) - coalesce(t.n, "
      "0)) AS times FROM (SELECT x.h, pg_catalog.count(*) AS n FROM ({0}) AS x GROUP BY x.h) AS s "
      "FULL JOIN (SELECT x.h, pg_catalog.count(*) AS n FROM ({1}) AS x GROUP BY x.h) AS t "
      "USING (h) WHERE s.n IS DISTINCT FROM t.n), "
      "shown AS MATERIALIZED (SELECT * FROM differing LIMIT {2}) "
      "SELECT d.kind, NULL::text, '{{}}'::text[], s.r, t.r, d.times, {3} FROM shown AS d "
      "LEFT JOIN (SELECT DISTINCT ON (x.h) x.h, {4} AS r FROM ({0}) AS x WHERE x.h IN "
      "(SELECT h FROM shown)) AS s ON s.h = d.h AND d.kind = 'missing' "
      "LEFT JOIN (SELECT DISTINCT ON (x.h) x.h, {4} AS r FROM ({1}) AS x WHERE x.h IN "
      "(SELECT h FROM shown)) AS t ON t.h = d.h AND d.kind = 'extra'",
      source, target, most, Counts("times"), row);
}

}  // namespace

std::string SketchStatement(const Sides& sides, Side side, uint64_t seed,
                            const std::string& restriction) {
  return fmt::format("SELECT migrate.sketch({}, {}, {}) {}", Signed(seed), sides.key_columns,
                     HashArguments(Expressions(sides, side), sides.key_columns),
                     Rows(sides, side, restriction));
}

std::string CountStatement(const Sides& sides, Side side, uint64_t seed,
                           const std::string& restriction) {
  return fmt::format(
      "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(migrate.key_number({}, {})), 0)::text "
      "{}",
      Signed(seed), KeyArguments(sides, side), Rows(sides, side, restriction));
}

std::string KeysRestriction(const Sides& sides, Side side, uint64_t seed,
                            const std::vector<uint64_t>& keys) {
  std::vector<int64_t> numbers;
  for (const uint64_t key : keys)
    numbers.push_back(Signed(key));
  const std::string list = fmt::format("'{{{}}}'::bigint[]", fmt::join(numbers, ","));
  // By the key itself an index may find the rows.
  if (sides.keys == core::SketchKeys::kInteger)
    // A NULL is known by a hash. Where keys are unique they are not NULL.
    return fmt::format("{0} = ANY ({1}){2}", Expression(sides.columns[0], side), list,
                       sides.unique
                           ? std::string()
                           : fmt::format(" OR {} IS NULL", Expression(sides.columns[0], side)));
  return fmt::format("migrate.key_number({}, {}) = ANY ({})", Signed(seed),
                     KeyArguments(sides, side), list);
}

std::string BucketsRestriction(const Sides& sides, Side side, uint64_t seed,
                               const std::vector<uint32_t>& buckets) {
  if (buckets.size() > core::kSketchBuckets / 2) return {};
  return fmt::format("migrate.key_bucket({}, {}) = ANY ('{{{}}}'::integer[])", Signed(seed),
                     KeyArguments(sides, side), fmt::join(buckets, ","));
}

std::string DifferenceStatement(const Sides& sides, uint64_t seed,
                                const std::string& source_restriction,
                                const std::string& target_restriction, int64_t most) {
  if (sides.key_columns == 0) return MultisetStatement(sides, seed, most);
  return KeyedStatement(sides, seed, source_restriction, target_restriction, most);
}

}  // namespace pg_cutover::compare
