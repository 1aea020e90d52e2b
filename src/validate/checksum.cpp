// The check checksum: the same rows in two tables, or one table's rows as they were.
//
// Two tables are compared by sketches, as comparisons do it, under a seed that is drawn anew each
// time, so that no two different sets of rows go on being taken for equal. Rows of linked tables
// are mapped as a copy maps them and hashed as the target's types; other tables, and named columns,
// are compared as they are. One table is compared with what migrate_checksum gave. All are sums
// over rows: duplicates count, order does not.
#include <algorithm>

#include <fmt/format.h>

#include "core/sketch.hpp"

#include "validate/check.hpp"

#include "catalog/link_rows.hpp"
#include "compare/checksum.hpp"
#include "compare/part.hpp"
#include "compare/shape.hpp"
#include "compare/sketch_state.hpp"
#include "compare/statements.hpp"
#include "pg/error.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

bool IsLinked(const Spec& spec) {
  return catalog::FindLink(spec.source(), spec.target()).has_value();
}

struct NamedColumn {
  std::string name;
  Oid type = InvalidOid;
};

NamedColumn ColumnOf(Form_pg_attribute attribute) {
  return {pg::FromName(attribute->attname), attribute->atttypid};
}

// The columns that are named, or all in the order of their names, as migrate_checksum has them.
std::vector<NamedColumn> ColumnsOf(Oid relation,
                                   const std::optional<std::vector<std::string>>& names) {
  const pg::OpenRelation open(relation, AccessShareLock);
  std::vector<NamedColumn> columns;
  if (names) {
    for (const std::string& name : *names) {
      const Form_pg_attribute attribute = compare::Attribute(open.get(), name);
      if (attribute == nullptr)
        pg::Raise(ERRCODE_UNDEFINED_COLUMN,
                  fmt::format("column \"{}\" of {} is gone", name, pg::QualifiedName(relation)));
      columns.push_back(ColumnOf(attribute));
    }
    return columns;
  }
  for (int i = 0; i < open.descriptor()->natts; ++i)
    if (const Form_pg_attribute attribute = TupleDescAttr(open.descriptor(), i);
        !attribute->attisdropped)
      columns.push_back(ColumnOf(attribute));
  std::sort(columns.begin(), columns.end(),
            [](const NamedColumn& a, const NamedColumn& b) { return a.name < b.name; });
  return columns;
}

// Columns that are compared as they are. Types are looked at when the check is added and again when
// it runs: values of other types may be equal as bytes.
std::vector<compare::Column> NamedColumns(const Spec& spec) {
  const std::optional<std::vector<std::string>> names = spec.List("columns");
  const std::optional<std::vector<std::string>> target_names = spec.List("target_columns");
  const std::vector<NamedColumn> sources = ColumnsOf(spec.source(), names);
  const std::vector<NamedColumn> targets =
      ColumnsOf(spec.target(), target_names ? target_names : names);
  const std::string source = pg::QualifiedName(spec.source());
  const std::string target = pg::QualifiedName(spec.target());
  if (sources.size() != targets.size() || sources.empty())
    pg::Raise(ERRCODE_DATATYPE_MISMATCH,
              fmt::format("{} and {} do not have the same columns to compare", source, target),
              fmt::format("{} has {}, {} has {}.", source,
                          Counted(static_cast<int64_t>(sources.size()), "column"), target,
                          Counted(static_cast<int64_t>(targets.size()), "column")),
              "Name \"columns\" in the spec, and \"target_columns\" where they are called "
              "otherwise, or link the tables with migrate_link first.");
  std::vector<compare::Column> columns;
  for (size_t i = 0; i < sources.size(); ++i) {
    const NamedColumn& from = sources[i];
    const NamedColumn& to = targets[i];
    if (!pg::Call(compare::OfOneShape, from.type, to.type))
      pg::Raise(ERRCODE_DATATYPE_MISMATCH,
                "columns of different types cannot be compared by checksum",
                fmt::format("Column \"{}\" of {} has type {}, column \"{}\" of {} has type {}.",
                            from.name, source, pg::TypeName(from.type, -1), to.name, target,
                            pg::TypeName(to.type, -1)),
                "Link the tables with migrate_link and leave \"columns\" out, so that values are "
                "converted as a copy converts them, or compare a view that casts the column.");
    compare::Column column;
    column.name = to.name;
    column.source = "source." + pg::QuoteIdentifier(from.name);
    column.target = "target." + pg::QuoteIdentifier(to.name);
    column.type = to.type;
    columns.push_back(std::move(column));
  }
  return columns;
}

// Whether a value that a row has is what an error is about.
bool IsOfData(const pg::Error& error) {
  const int category = ERRCODE_TO_CATEGORY(error.sqlstate());
  return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
}

// A source row that the mapping cannot make into a target row, as its value does not fit any more
// or an expression fails, has no equal in the target, whatever is there: that is a difference. It
// is not where the rows cannot even be selected: counting them then raises that error.
Finding Unmappable(Reader& reader, const Spec& spec, const compare::Sides& sides,
                   const pg::Error& failure) {
  (void)reader.Query("SELECT count(*) " + sides.source_rows);
  return {Status::kFail,
          fmt::format("different: a row of {} cannot become one of {}: {} (SQLSTATE {})",
                      pg::QualifiedName(spec.source()), pg::QualifiedName(spec.target()),
                      failure.info().message, pg::SqlStateText(failure.sqlstate()))};
}

// nullptr: of no rows.
const bytea* Sketch(const pg::Rows& rows) {
  bool null = false;
  const Datum value = rows.Value(0, 1, &null);
  return null ? nullptr : compare::SketchFrom(value, "the sketch of a side");
}

int64_t RowsOf(const bytea* sketch) {
  return sketch == nullptr ? 0
                           : static_cast<int64_t>(core::TotalsOf(compare::StateOf(sketch)).rows);
}

Finding Verdict(const Spec& spec, const bytea* source, const bytea* target) {
  const bool equal = source == nullptr || target == nullptr
                         ? source == target
                         : core::Subtract(compare::StateOf(source), compare::StateOf(target)).equal;
  return {equal ? Status::kPass : Status::kFail,
          fmt::format("{}: {} of {}, {} of {}", equal ? "equal" : "different",
                      Counted(RowsOf(source), "row"), pg::QualifiedName(spec.source()),
                      Counted(RowsOf(target), "row"), pg::QualifiedName(spec.target()))};
}

Finding CompareRows(const Spec& spec) {
  const Filters filters = FiltersOf(spec);
  Reader reader;
  compare::Sides sides = SidesOf(spec, filters);
  const bool mapped = sides.link && !spec.Has("columns");
  if (!mapped) {
    sides.columns = NamedColumns(spec);
    sides.key_columns = 0;
  }
  const uint64_t seed = compare::RandomSeed();
  pg::Rows source;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    source = reader.Query(compare::SketchStatement(sides, compare::Side::kSource, seed, {}));
  });
  if (failure && mapped && IsOfData(*failure)) return Unmappable(reader, spec, sides, *failure);
  if (failure) throw *failure;
  const pg::Rows target =
      reader.Query(compare::SketchStatement(sides, compare::Side::kTarget, seed, {}));
  return Verdict(spec, Sketch(source), Sketch(target));
}

Finding CompareSum(const Spec& spec) {
  const std::optional<std::string> filter = FiltersOf(spec).source;
  const Reader settings;
  // Not by the function that users call: the owner of the table may have no right to that.
  const compare::RelationChecksum checksum =
      compare::ChecksumOf({spec.source(), spec.List("columns"), filter, "migrate.sketch"});
  const std::string expected = spec.Text("checksum").value();
  return {
      checksum.digits == expected ? Status::kPass : Status::kFail,
      fmt::format("{} has the checksum {} over {}, expected {}", pg::QualifiedName(spec.source()),
                  checksum.digits, Counted(static_cast<int64_t>(checksum.rows), "row"), expected)};
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
  (void)FiltersOf(spec);
  if (spec.has_target() && !(IsLinked(spec) && !columns)) (void)NamedColumns(spec);
}

Finding Checksum(const Spec& spec) {
  return spec.has_target() ? CompareRows(spec) : CompareSum(spec);
}

}  // namespace pg_cutover::validate
