// The kinds of checks there are, with the keys of their specs; see check.hpp.
#include <fmt/format.h>

#include "validate/check.hpp"

#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

namespace {

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"row_count",
       Relations::kOneOrTwo,
       Allowed::kReadable,
       {{"filter", ValueKind::kText},
        {"target_filter", ValueKind::kText},
        {"rows", ValueKind::kNumber}},
       ExamineRowCount,
       RowCount},
      {"checksum",
       Relations::kOneOrTwo,
       Allowed::kReadable,
       {{"columns", ValueKind::kList},
        {"target_columns", ValueKind::kList},
        {"filter", ValueKind::kText},
        {"target_filter", ValueKind::kText},
        {"checksum", ValueKind::kText}},
       ExamineChecksum,
       Checksum},
      {"foreign_keys",
       Relations::kOne,
       Allowed::kTables,
       {{"filter", ValueKind::kText},
        {"incoming", ValueKind::kBoolean},
        {"samples", ValueKind::kNumber}},
       ExamineForeignKeys,
       ForeignKeys},
      {"constraints",
       Relations::kOne,
       Allowed::kTables,
       {{"key", ValueKind::kList}, {"samples", ValueKind::kNumber}},
       ExamineConstraints,
       Constraints},
      {"indexes",
       Relations::kOneOrTwo,
       Allowed::kIndexed,
       {{"heapallindexed", ValueKind::kBoolean}},
       nullptr,
       Indexes},
      {"sequences", Relations::kOne, Allowed::kTables, {}, nullptr, Sequences},
      {"query",
       Relations::kNone,
       Allowed::kReadable,
       {{"query", ValueKind::kText, true}},
       ExamineQuery,
       Query},
      {"query_performance",
       Relations::kNone,
       Allowed::kReadable,
       {{"old_query", ValueKind::kText, true},
        {"new_query", ValueKind::kText, true},
        {"tolerance", ValueKind::kNumber},
        {"pairs", ValueKind::kNumber}},
       ExamineQueryPerformance,
       QueryPerformance},
      {"schema",
       Relations::kNoneOrTwo,
       Allowed::kTables,
       {{"old", ValueKind::kText}, {"new", ValueKind::kText}},
       ExamineSchema,
       Schema},
  };
  return kinds;
}

}  // namespace

std::string StatusName(Status status) {
  switch (status) {
    case Status::kPass:
      return "PASS";
    case Status::kFail:
      return "FAIL";
    case Status::kInconclusive:
      break;
  }
  return "INCONCLUSIVE";
}

const Kind& FindKind(const std::string& name) {
  std::string names;
  for (const Kind& kind : Kinds()) {
    if (name == kind.name) return kind;
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("unknown kind of check \"{}\"", name), {},
            fmt::format("Kinds: {}.", names));
}

}  // namespace pg_cutover::validate
