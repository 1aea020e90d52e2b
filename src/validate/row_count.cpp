// The check row_count: exactly as many rows in two tables, or a given number in one.
//
// Counted under one snapshot, never estimated. Equal numbers say nothing of what is in the rows:
// that is the business of checksum and of a comparison.
#include <fmt/format.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kMostRows = int64_t{1} << 53;  // what a JSON number holds exactly

int64_t CountOf(Reader& reader, const std::string& rows) {
  return reader.Query("SELECT count(*) " + rows).Int8(0, 1).value();
}

const char* Filtered(const std::optional<std::string>& filter) {
  return filter ? " that the filter lets through" : "";
}

Finding CountBoth(const Spec& spec, const Filters& filters) {
  Reader reader;
  const compare::Sides sides = SidesOf(spec, filters);
  const int64_t source = CountOf(reader, sides.source_rows);
  const int64_t target = CountOf(reader, sides.target_rows);
  return {source == target ? Status::kPass : Status::kFail,
          fmt::format("{} has {}{}, {} has {}{}{}", pg::QualifiedName(spec.source()),
                      Counted(source, "row"), Filtered(filters.source),
                      pg::QualifiedName(spec.target()), Counted(target, "row"),
                      Filtered(filters.target),
                      sides.link ? "; rows that their link leaves out are not counted" : "")};
}

}  // namespace

void ExamineRowCount(const Spec& spec) {
  if (spec.has_target() && spec.Has("rows"))
    spec.Refuse("rows", "stands beside source and target",
                "Name one relation to count its rows against a number.");
  if (!spec.has_target() && !spec.Has("rows"))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "there is nothing to count the rows against", {},
              "Add \"rows\", or name source and target.");
  (void)spec.Whole("rows", 0, 0, kMostRows);
  (void)FiltersOf(spec);
}

Finding RowCount(const Spec& spec) {
  const Filters filters = FiltersOf(spec);
  if (spec.has_target()) return CountBoth(spec, filters);
  Reader reader;
  const int64_t rows = CountOf(
      reader,
      fmt::format("FROM {} AS source{}", pg::QualifiedName(spec.source()), Where(filters.source)));
  const int64_t expected = spec.Whole("rows", 0, 0, kMostRows);
  return {rows == expected ? Status::kPass : Status::kFail,
          fmt::format("{} has {}, expected {}", pg::QualifiedName(spec.source()),
                      Counted(rows, "row"), expected)};
}

}  // namespace pg_cutover::validate
