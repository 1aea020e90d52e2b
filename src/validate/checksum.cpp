// The check checksum: the same rows in two tables, or one table's rows as they were.
//
// Linked tables are compared through their mapping, with the sketch that comparisons use: source
// rows are mapped as a copy maps them and hashed as the target's types, under a seed that is drawn
// anew each time, so that no two different sets of rows go on being taken for equal. Other tables,
// and named columns, are compared by migrate_checksum. Both are sums over rows: duplicates count,
// order does not.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "catalog/link_rows.hpp"
#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

// PostgreSQL calls a function with at most 100 arguments; a row counts as one.
constexpr size_t kMostArguments = 90;

// How a column and the expression that feeds it become the same value where a copy would have made
// one of the other.
struct ColumnPair {
  std::string source;
  std::string target;
};

// An explicit cast to varchar(3) cuts off what an assignment refuses: casts of character and bit
// strings leave the length out, so that a target that was cut off differs. Blanks at the end of a
// character(n) mean nothing.
ColumnPair PairOf(const pg::OpenRelation& target, const catalog::MappedColumn& mapped) {
  const char* const name = mapped.column.c_str();
  const AttrNumber number = pg::Call(get_attnum, RelationGetRelid(target.get()), name);
  if (number == InvalidAttrNumber)
    pg::Raise(ERRCODE_UNDEFINED_COLUMN,
              fmt::format("column \"{}\" of {} is gone", mapped.column,
                          pg::QualifiedName(RelationGetRelid(target.get()))));
  const Form_pg_attribute attribute = TupleDescAttr(target.descriptor(), number - 1);
  const std::string column = "source." + pg::QuoteIdentifier(mapped.column);
  const auto both = [&](const std::string& type) {
    return ColumnPair{fmt::format("CAST(({}) AS {})", mapped.expression, type),
                      fmt::format("CAST({} AS {})", column, type)};
  };
  switch (attribute->atttypid) {
    case BPCHAROID:
      return both("pg_catalog.text");
    case VARCHAROID:
      return both("pg_catalog.varchar");
    case BITOID:
    case VARBITOID:
      return both("pg_catalog.varbit");
    default:
      return {fmt::format("CAST(({}) AS {})", mapped.expression,
                          pg::TypeName(attribute->atttypid, attribute->atttypmod)),
              column};
  }
}

std::string Arguments(const std::vector<std::string>& values) {
  const std::string list = fmt::format("{}", fmt::join(values, ", "));
  return values.size() <= kMostArguments ? list : fmt::format("ROW({})", list);
}

Finding FromVerdict(const Spec& spec, const pg::Rows& rows) {
  if (rows.empty()) return {Status::kInconclusive, "the sketches could not be compared"};
  const std::string verdict = rows.Text(0, 1).value_or("inconclusive");
  const Status status = verdict == "equal"       ? Status::kPass
                        : verdict == "different" ? Status::kFail
                                                 : Status::kInconclusive;
  return {
      status,
      fmt::format("{}: {} of {}, {} of {}", verdict, Counted(rows.Int8(0, 2).value_or(0), "row"),
                  pg::QualifiedName(spec.source()), Counted(rows.Int8(0, 3).value_or(0), "row"),
                  pg::QualifiedName(spec.target()))};
}

Finding CompareLinked(const Spec& spec, const catalog::LinkRow& link) {
  if (!link.owner)
    return {Status::kInconclusive,
            "the link fills only some columns of rows that another link owns: name the columns"};
  const std::optional<std::string> source_condition = SourceCondition(spec);
  const std::optional<std::string> target_condition = TargetCondition(spec);
  std::vector<std::string> sources;
  std::vector<std::string> targets;
  const pg::OpenRelation target(spec.target(), AccessShareLock);
  Reader reader;
  for (const catalog::MappedColumn& mapped : link.mapping) {
    const ColumnPair pair = PairOf(target, mapped);
    sources.push_back(pair.source);
    targets.push_back(pair.target);
  }
  const std::string sketch = OwnFunction(reader, "migrate_sketch");
  const std::string statement = fmt::format(
      "SELECT d.verdict, d.rows_a, d.rows_b FROM {diff}("
      "(SELECT {sketch}($1, 0, {source_values}) FROM {source} AS source{source_where}), "
      "(SELECT {sketch}($1, 0, {target_values}) FROM {target} AS source{target_where})) AS d",
      fmt::arg("diff", OwnFunction(reader, "migrate_sketch_diff")), fmt::arg("sketch", sketch),
      fmt::arg("source_values", Arguments(sources)), fmt::arg("target_values", Arguments(targets)),
      fmt::arg("source", FromClause(spec.source())), fmt::arg("target", FromClause(spec.target())),
      fmt::arg("source_where", Where(source_condition)),
      fmt::arg("target_where", Where(target_condition)));
  const auto seed = static_cast<int64_t>(pg_prng_uint64(&pg_global_prng_state) >> 1);
  return FromVerdict(spec, reader.Query(statement, {pg::Argument::Int8(seed)}));
}

struct Sum {
  int64_t rows = 0;
  std::string checksum;
};

Sum SumOf(Reader& reader, Oid relation, const std::optional<std::vector<std::string>>& columns,
          const std::optional<std::string>& condition) {
  const pg::Rows rows =
      reader.Query(fmt::format("SELECT c.rows, c.checksum FROM {}($1, $2, $3) AS c",
                               OwnFunction(reader, "migrate_checksum")),
                   {pg::Argument::RegClass(relation), pg::Argument::TextArray(columns),
                    pg::Argument::Text(condition)});
  return {rows.Int8(0, 1).value(), rows.Text(0, 2).value()};
}

Finding CompareSums(const Spec& spec) {
  const std::optional<std::string> source_condition = SourceCondition(spec);
  const std::optional<std::string> target_condition = TargetCondition(spec);
  const std::optional<std::vector<std::string>> columns = spec.List("columns");
  const std::optional<std::vector<std::string>> named = spec.List("target_columns");
  Reader reader;
  const Sum source = SumOf(reader, spec.source(), columns, source_condition);
  if (!spec.has_target()) {
    const std::string expected = spec.Text("checksum").value();
    return {
        source.checksum == expected ? Status::kPass : Status::kFail,
        fmt::format("{} has the checksum {} over {}, expected {}", pg::QualifiedName(spec.source()),
                    source.checksum, Counted(source.rows, "row"), expected)};
  }
  const Sum target = SumOf(reader, spec.target(), named ? named : columns, target_condition);
  return {
      source.checksum == target.checksum ? Status::kPass : Status::kFail,
      fmt::format("{} has the checksum {} over {}, {} has {} over {}",
                  pg::QualifiedName(spec.source()), source.checksum, Counted(source.rows, "row"),
                  pg::QualifiedName(spec.target()), target.checksum, Counted(target.rows, "row"))};
}

}  // namespace

void ExamineChecksum(const Spec& spec) {
  if (spec.has_target() && spec.Has("checksum"))
    spec.Refuse("checksum", "stands beside source and target",
                "Name one relation to compare it with a checksum.");
  if (!spec.has_target() && !spec.Has("checksum"))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "there is nothing to compare the checksum with", {},
              "Add \"checksum\", as migrate_checksum gives it, or name source and target.");
  const std::optional<std::vector<std::string>> columns = spec.List("columns");
  const std::optional<std::vector<std::string>> named = spec.List("target_columns");
  if (columns) RequireColumns(spec.source(), *columns, "columns");
  if (named && !columns)
    spec.Refuse("target_columns", "needs \"columns\" beside it",
                "Name the source's columns, and the target's in the same order.");
  if (named && !spec.has_target())
    spec.Refuse("target_columns", "needs a target", "For one relation, write \"columns\".");
  if (named && named->size() != columns->size())
    spec.Refuse(
        "target_columns",
        fmt::format("names {} columns, \"columns\" names {}", named->size(), columns->size()),
        "Name the target's columns in the order of the source's.");
  if (spec.has_target() && columns)
    RequireColumns(spec.target(), named ? *named : *columns, named ? "target_columns" : "columns");
  (void)SourceCondition(spec);
  (void)TargetCondition(spec);
}

Finding Checksum(const Spec& spec) {
  if (spec.has_target() && !spec.Has("columns"))
    if (const std::optional<catalog::LinkRow> link =
            catalog::FindLink(spec.source(), spec.target()))
      return CompareLinked(spec, *link);
  return CompareSums(spec);
}

}  // namespace pg_cutover::validate
