// The checks query and query_performance: what a user says in SQL of his own.
#include <fmt/format.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "validate/compare_queries.hpp"
#include "validate/read_only_query.hpp"

namespace pg_cutover::validate {

namespace {

constexpr double kDefaultTolerance = 0.10;
constexpr int kDefaultPairs = 15;

int64_t PairsOf(const Spec& spec) {
  return spec.Whole("pairs", kDefaultPairs, kLeastPairs, kMostPairs);
}

}  // namespace

void ExamineQuery(const Spec& spec) {
  RequirePermanent(PlanBoolean({"query", spec.Text("query").value()}));
}

Finding Query(const Spec& spec) {
  const PlannedQuery query = PlanBoolean({"query", spec.Text("query").value()});
  const link::OriginScope scope(query.origin);
  pg::Spi spi;
  // One row says it, a second one that there is no answer: rows are kept in memory, and a query may
  // give as many as it likes.
  const pg::Rows rows = spi.Query(query.origin.text, {}, 2);
  if (rows.size() != 1)
    return {Status::kInconclusive,
            rows.empty() ? "the query gave 0 rows, not one" : "the query gave more than one row"};
  const std::optional<bool> answer = rows.Bool(0, 1);
  if (!answer) return {Status::kInconclusive, "the query gave NULL"};
  return {*answer ? Status::kPass : Status::kFail,
          *answer ? "the query gave true" : "the query gave false"};
}

void ExamineQueryPerformance(const Spec& spec) {
  ExamineComparison(spec.Text("old_query").value(), spec.Text("new_query").value(),
                    spec.Number("tolerance").value_or(kDefaultTolerance), PairsOf(spec));
}

Finding QueryPerformance(const Spec& spec) {
  const QueryComparison found =
      CompareQueries(spec.Text("old_query").value(), spec.Text("new_query").value(),
                     spec.Number("tolerance").value_or(kDefaultTolerance), PairsOf(spec));
  const Status status = found.verdict == core::Verdict::kPass   ? Status::kPass
                        : found.verdict == core::Verdict::kFail ? Status::kFail
                                                                : Status::kInconclusive;
  const std::string interval =
      found.interval ? fmt::format(" ({:.3f} to {:.3f})", found.interval->low, found.interval->high)
                     : std::string();
  return {status, fmt::format("new/old {:.3f}{}, {:.3f} ms against {:.3f} ms; {}", found.ratio,
                              interval, found.new_ms, found.old_ms, found.detail)};
}

}  // namespace pg_cutover::validate
