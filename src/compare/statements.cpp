// The SQL of a comparison; see statements.hpp.
//
// A table may have 1,600 columns and a statement's result 1,664, so that rows are handed on whole.
// Inside the statements a side's columns are c0, c1, ..., its row hash is h and, where a key may be
// there twice, o counts equal rows and p what is left of a key: no name of a user's column can
// clash with these.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "compare/statements.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

// A function takes no more than 100 arguments: the rest goes in as rows of this many columns.
constexpr size_t kMostArguments = 90;
constexpr size_t kPairsAnObject = 40;
// A longer row is longer than kLongestRow as jsonb as well, and may be too long to be one at all.
constexpr int kLongestStoredRow = 65'536;

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
  // Rows of tables without columns are all alike, and counted.
  if (values.empty()) return "true";
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

// A column's value as a pair of a jsonb object shows it; `other` is the other side's, empty: there
// is none.
std::string ShownValue(const Column& column, const std::string& value, const std::string& other) {
  if (column.shown == Shown::kAsText) return fmt::format("({})::pg_catalog.text", value);
  if (column.shown == Shown::kAsJson || other.empty()) return value;
  const auto as_json = [](const std::string& shown) {
    return fmt::format("pg_catalog.to_jsonb({})::pg_catalog.text", shown);
  };
  return fmt::format(
      "CASE WHEN CASE WHEN pg_catalog.pg_column_size({1}) <= {2} THEN migrate.row_hash(0, {0}) <> "
      "migrate.row_hash(0, {1}) AND {3} = {4} END THEN pg_catalog.to_jsonb(({0})::pg_catalog.text) "
      "ELSE pg_catalog.to_jsonb({0}) END",
      value, other, kLongestStoredRow, as_json(value), as_json(other));
}

std::vector<std::string> ShownValues(const Sides& sides, const std::vector<std::string>& values,
                                     const std::vector<std::string>& others = {}) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < values.size(); ++i)
    shown.push_back(
        ShownValue(sides.columns[i], values[i], others.empty() ? std::string() : others[i]));
  return shown;
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
  return object.empty() ? "'{}'::pg_catalog.jsonb" : object;
}

// NULL in place of what is too long to be shown. By its size first: a value may be too long for a
// jsonb, and ten thousand that are not take their time.
std::string ShortEnough(const std::string& row, const std::string& object) {
  return fmt::format(
      "CASE WHEN pg_catalog.pg_column_size({}) <= {} THEN (SELECT CASE WHEN "
      "pg_catalog.octet_length(j.t) <= {} THEN j.t END FROM (SELECT ({})::text) AS j(t)) END",
      row, kLongestStoredRow, kLongestRow, object);
}

// A side's columns as c0, c1, ...
std::string Named(const Sides& sides, Side side, const std::string& restriction) {
  std::vector<std::string> named;
  for (size_t i = 0; i < sides.columns.size(); ++i)
    named.push_back(fmt::format("{} AS c{}", Expression(sides.columns[i], side), i));
  return fmt::format("(SELECT {} {})", fmt::join(named, ", "), Rows(sides, side, restriction));
}

// A side as a subquery with c0, ... and h.
std::string Hashed(const Sides& sides, Side side, uint64_t seed, const std::string& restriction) {
  return fmt::format("SELECT d.*, migrate.row_hash({}, {}) AS h FROM {} AS d", Signed(seed),
                     HashArguments(Names(sides, "d"), sides.key_columns),
                     Named(sides, side, restriction));
}

// One condition for each of the first `count` columns; `format` has the places of the column's
// number and of the key's operator.
std::string ForColumns(const Sides& sides, size_t count, const char* format) {
  std::vector<std::string> conditions;
  for (size_t i = 0; i < count; ++i)
    conditions.push_back(
        fmt::format(fmt::runtime(format), i, i < sides.key_columns ? sides.key_equality[i] : ""));
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

// `rows` is SELECT kind, s, t (kept apart by OFFSET 0: pulled up, the columns of both sides are too
// many for one row), and `with` goes in front of the whole statement: a WITH inside a subquery is
// not found again when the fields of its rows are asked for.
struct Pairs {
  std::string with;
  std::string rows;
};

// Rows of both sides that belong together and are not equal; NULL: there is
// none. Keys are unique: each row has one partner at most.
Pairs PairsByKey(const Sides& sides, const std::string& source, const std::string& target) {
  Pairs pairs;
  pairs.rows = fmt::format(
      "SELECT CASE WHEN t.h IS NULL THEN 'missing' WHEN s.h IS NULL THEN 'extra' WHEN {} THEN "
      "'representation' ELSE 'changed' END AS kind, s, t FROM ({}) AS s FULL JOIN ({}) AS t ON {} "
      "WHERE s.h IS DISTINCT FROM t.h",
      ForColumns(sides, sides.columns.size(), "migrate.equal_values(s.c{0}, t.c{0})"), source,
      target, ForColumns(sides, sides.key_columns, "s.c{0} {1} t.c{0}"));
  return pairs;
}

// The same where a key may be there several times: equal rows are taken off first, as multisets,
// and what is left of a key is paired in any order. A pair by the order of all rows of a key would
// call rows different that have an equal on the other side.
Pairs PairsOfMultisets(const Sides& sides, const std::string& source, const std::string& target) {
  std::vector<std::string> key;
  for (size_t i = 0; i < sides.key_columns; ++i)
    key.push_back(fmt::format("(a.r).c{}", i));
  const auto numbered = [](const std::string& rows) {
    return fmt::format(
        "(SELECT n.*, pg_catalog.row_number() OVER (PARTITION BY n.h) AS o FROM ({}) AS n)", rows);
  };
  const auto left = [&](const char* side) {
    return fmt::format(
        "(SELECT a.r, pg_catalog.row_number() OVER (PARTITION BY {} ORDER BY (a.r).h) AS p "
        "FROM (SELECT {} AS r FROM alone) AS a WHERE (a.r).h IS NOT NULL)",
        fmt::join(key, ", "), side);
  };
  Pairs pairs;
  pairs.with = fmt::format(
      "WITH alone AS MATERIALIZED (SELECT s, t FROM {} AS s FULL JOIN {} AS t ON s.h = t.h AND "
      "s.o = t.o WHERE s.h IS NULL OR t.h IS NULL) ",
      numbered(source), numbered(target));
  pairs.rows = fmt::format(
      "SELECT CASE WHEN t.p IS NULL THEN 'missing' WHEN s.p IS NULL THEN 'extra' WHEN {} THEN "
      "'representation' ELSE 'changed' END AS kind, s.r AS s, t.r AS t FROM {} AS s "
      "FULL JOIN {} AS t ON {} AND s.p = t.p",
      ForColumns(sides, sides.columns.size(), "migrate.equal_values((s.r).c{0}, (t.r).c{0})"),
      left("s"), left("t"), ForColumns(sides, sides.key_columns, "(s.r).c{0} {1} (t.r).c{0}"));
  return pairs;
}

constexpr const char* kKinds[] = {"missing", "extra", "changed", "representation"};

// Every differing row goes by once and is counted; only the first `most` are kept, as texts. With
// all of them kept, a comparison with an empty table would write the other one to temporary files.
std::string KeyedStatement(const Sides& sides, uint64_t seed, const Conditions& conditions,
                           int64_t most) {
  std::vector<std::string> differing;
  std::vector<std::string> key;
  std::vector<std::string> of_source;
  std::vector<std::string> of_target;
  for (size_t i = 0; i < sides.columns.size(); ++i) {
    differing.push_back(
        fmt::format("CASE WHEN migrate.row_hash({0}, (d.s).c{1}) <> migrate.row_hash({0}, "
                    "(d.t).c{1}) THEN {2} END",
                    Signed(seed), i, pg::QuoteLiteral(sides.columns[i].name)));
    if (i < sides.key_columns) key.push_back(fmt::format("coalesce((d.s).c{0}, (d.t).c{0})", i));
    of_source.push_back(fmt::format("(d.s).c{}", i));
    of_target.push_back(fmt::format("(d.t).c{}", i));
  }
  std::vector<std::string> columns;
  for (const char* const kind : kKinds)
    columns.push_back(
        fmt::format("pg_catalog.count(*) FILTER (WHERE d.kind = '{0}') AS {0}", kind));
  const auto keep = [&](const char* name, const std::string& value) {
    columns.push_back(
        fmt::format("pg_catalog.array_agg({}) FILTER (WHERE d.n <= {}) AS {}", value, most, name));
  };
  keep("kinds", "d.kind");
  keep("keys", fmt::format("({})::text", Object(sides, key, sides.key_columns)));
  keep("names", fmt::format("(CASE WHEN d.kind IN ('changed', 'representation') THEN "
                            "pg_catalog.array_remove(ARRAY[{}], NULL) ELSE '{{}}' END)::text",
                            fmt::join(differing, ", ")));
  const auto shown = [&](const char* row, const std::vector<std::string>& values,
                         const std::vector<std::string>& others) {
    return ShortEnough(row,
                       Object(sides, ShownValues(sides, values, others), sides.columns.size()));
  };
  keep("sources",
       fmt::format("CASE WHEN d.kind <> 'extra' THEN {} END", shown("d.s", of_source, of_target)));
  keep("targets", fmt::format("CASE WHEN d.kind <> 'missing' THEN {} END",
                              shown("d.t", of_target, of_source)));
  const std::string source = Hashed(sides, Side::kSource, seed, conditions.source);
  const std::string target = Hashed(sides, Side::kTarget, seed, conditions.target);
  const Pairs pairs =
      sides.unique ? PairsByKey(sides, source, target) : PairsOfMultisets(sides, source, target);
  return fmt::format(
      "{}SELECT u.kind, u.key, u.names::text[], u.source, u.target, 1::bigint, l.missing, l.extra, "
      "l.changed, l.representation FROM (SELECT {} FROM (SELECT p.kind, p.s, p.t, "
      "pg_catalog.row_number() OVER () AS n FROM ({} OFFSET 0) AS p) AS d) AS l CROSS JOIN LATERAL "
      "ROWS "
      "FROM "
      "(pg_catalog.unnest(l.kinds), pg_catalog.unnest(l.keys), pg_catalog.unnest(l.names), "
      "pg_catalog.unnest(l.sources), pg_catalog.unnest(l.targets)) AS u (kind, key, names, source, "
      "target)",
      pairs.with, fmt::join(columns, ", "), pairs.rows);
}

// How many rows of each kind, over the list of all differences.
std::string Totals() {
  std::vector<std::string> totals;
  for (const char* const kind : kKinds)
    totals.push_back(fmt::format(
        "(SELECT coalesce(pg_catalog.sum(times), 0)::bigint FROM differing WHERE kind = '{}')",
        kind));
  return fmt::format("{}", fmt::join(totals, ", "));
}

// Rows of a table without a key are counted by their hashes; one row stands for all that are alike.
std::string MultisetStatement(const Sides& sides, uint64_t seed, int64_t most) {
  const std::string source = Hashed(sides, Side::kSource, seed, {});
  const std::string target = Hashed(sides, Side::kTarget, seed, {});
  const std::string row = ShortEnough(
      "x.*", Object(sides, ShownValues(sides, Names(sides, "x")), sides.columns.size()));
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
      source, target, most, Totals(), row);
}

}  // namespace

std::string RowStatement(const Sides& sides, Side side, const std::string& restriction) {
  return fmt::format("SELECT {} FROM {} AS d",
                     ShortEnough("d.*", Object(sides, ShownValues(sides, Names(sides, "d")),
                                               sides.columns.size())),
                     Named(sides, side, restriction));
}

std::string SketchStatement(const Sides& sides, Side side, uint64_t seed,
                            const std::string& restriction) {
  return fmt::format("SELECT migrate.sketch({}, {}, {}) {}", Signed(seed), sides.key_columns,
                     HashArguments(Expressions(sides, side), sides.key_columns),
                     Rows(sides, side, restriction));
}

namespace {

// The numbers as a constant of a side's own integer type: an index on it serves no other, nor is a
// list of another type hashed where there is no index.
std::string NumbersOf(Oid type, const std::vector<uint64_t>& keys) {
  int64_t low = std::numeric_limits<int64_t>::min();
  int64_t high = std::numeric_limits<int64_t>::max();
  const char* name = "int8";
  type = pg::Call(getBaseType, type);
  if (type == INT4OID) {
    low = std::numeric_limits<int32_t>::min();
    high = std::numeric_limits<int32_t>::max();
    name = "int4";
  } else if (type == INT2OID) {
    low = std::numeric_limits<int16_t>::min();
    high = std::numeric_limits<int16_t>::max();
    name = "int2";
  } else if (type == OIDOID) {
    low = 0;
    high = std::numeric_limits<uint32_t>::max();
    name = "oid";
  }
  std::vector<int64_t> numbers;
  for (const uint64_t key : keys)
    if (Signed(key) >= low && Signed(key) <= high) numbers.push_back(Signed(key));
  return fmt::format("'{{{}}}'::pg_catalog.{}[]", fmt::join(numbers, ","), name);
}

}  // namespace

std::string KeysRestriction(const Sides& sides, Side side, uint64_t seed,
                            const std::vector<uint64_t>& keys) {
  // By the key itself an index may find the rows.
  if (sides.keys == core::SketchKeys::kInteger) {
    const Column& column = sides.columns[0];
    const std::string& key = side == Side::kSource ? column.probe() : column.target;
    const Oid type = side == Side::kSource ? column.probe_type() : column.type;
    // A NULL is known by a hash. Where keys are unique they are not NULL.
    return fmt::format("{0} = ANY ({1}){2}", key, NumbersOf(type, keys),
                       sides.unique ? std::string() : fmt::format(" OR {} IS NULL", key));
  }
  return fmt::format("migrate.key_number({}, {}) = ANY ({})", Signed(seed),
                     KeyArguments(sides, side), NumbersOf(INT8OID, keys));
}

std::string DifferenceStatement(const Sides& sides, uint64_t seed, const Conditions& conditions,
                                int64_t most) {
  if (sides.key_columns == 0) return MultisetStatement(sides, seed, most);
  return KeyedStatement(sides, seed, conditions, most);
}

std::string RowArguments(const std::vector<std::string>& values) {
  return HashArguments(values, 0);
}

}  // namespace pg_cutover::compare
