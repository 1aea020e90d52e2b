// The check row_count: exactly as many rows in two tables, or a given number in one.
//
// Counted under one snapshot, never estimated. Equal numbers say nothing of what is in the rows:
// that is the business of checksum and of a comparison.
#include <fmt/format.h>

#include "validate/check.hpp"

#include "catalog/link_rows.hpp"
#include "pg/error.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

constexpr int64_t kMostRows = int64_t{1} << 53;  // what a JSON number holds exactly

int64_t CountOf(Reader& reader, Oid relation, const std::optional<std::string>& condition) {
  return reader
      .Query(fmt::format("SELECT count(*) FROM {} AS source{}", FromClause(relation),
                         Where(condition)))
      .Int8(0, 1)
      .value();
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
  (void)SourceCondition(spec);
  (void)TargetCondition(spec);
}

Finding RowCount(const Spec& spec) {
  const std::optional<std::string> source_condition = SourceCondition(spec);
  const std::optional<std::string> target_condition = TargetCondition(spec);
  Reader reader;
  const int64_t source = CountOf(reader, spec.source(), source_condition);
  if (!spec.has_target()) {
    const int64_t expected = spec.Whole("rows", 0, 0, kMostRows);
    return {source == expected ? Status::kPass : Status::kFail,
            fmt::format("{} has {}, expected {}", pg::QualifiedName(spec.source()),
                        Counted(source, "row"), expected)};
  }
  const int64_t target = CountOf(reader, spec.target(), target_condition);
  return {
      source == target ? Status::kPass : Status::kFail,
      fmt::format("{} has {}{}, {} has {}{}", pg::QualifiedName(spec.source()),
                  Counted(source, "row"), source_condition ? " that the filter lets through" : "",
                  pg::QualifiedName(spec.target()), Counted(target, "row"),
                  target_condition ? " that the filter lets through" : "")};
}

}  // namespace pg_cutover::validate
