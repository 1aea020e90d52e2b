// Comparing the times of two queries; see compare_queries.hpp.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/compare_queries.hpp"

#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "validate/read_only_query.hpp"

namespace pg_cutover::validate {

namespace {

constexpr double kMostTolerance = 1e6;
constexpr int kWarmUps = 2;
constexpr double kConfidence = 1.0 - 0.05 / kRounds;
// A clock that does not advance between two readings must not make a ratio of nothing to nothing.
constexpr double kLeastMilliseconds = 1e-6;

void CheckParameters(double tolerance, int64_t pairs) {
  if (!(tolerance >= 0 && tolerance <= kMostTolerance))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("tolerance must lie between 0 and {}", kMostTolerance), {},
              "0.10 lets the new query take ten percent longer.");
  if (pairs < kLeastPairs || pairs > kMostPairs)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("pairs must lie between {} and {}", kLeastPairs, kMostPairs),
              fmt::format("With fewer than {} nothing can be concluded.", kLeastPairs));
}

struct Series {
  std::vector<double> milliseconds;
  Execution last;

  double Add(const Execution& execution) {
    last = execution;
    milliseconds.push_back(std::max(execution.milliseconds, kLeastMilliseconds));
    return milliseconds.back();
  }
};

std::map<std::string, int> PlanNodes(const std::string& query) {
  pg::Spi spi;
  const pg::Rows plan = spi.Execute("EXPLAIN (FORMAT JSON, COSTS OFF) " + query);
  const pg::Rows nodes = spi.Query(
      "SELECT n.node OPERATOR(pg_catalog.->>) 'Node Type' FROM pg_catalog.jsonb_path_query("
      "$1::pg_catalog.jsonb, 'strict $.** ? (@.\"Node Type\" != null)') AS n(node)",
      {pg::Argument::Text(plan.Text(0, 1).value())});
  std::map<std::string, int> counts;
  for (uint64_t i = 0; i < nodes.size(); ++i)
    ++counts[nodes.Text(i, 1).value()];
  return counts;
}

// What `plan` has more of than `other`: "Seq Scan, 2 Sort".
std::string Surplus(const std::map<std::string, int>& plan,
                    const std::map<std::string, int>& other) {
  std::vector<std::string> nodes;
  for (const auto& [node, count] : plan) {
    const auto found = other.find(node);
    const int more = count - (found == other.end() ? 0 : found->second);
    if (more > 0) nodes.push_back(more == 1 ? node : fmt::format("{} {}", more, node));
  }
  return nodes.empty() ? "nothing" : fmt::format("{}", fmt::join(nodes, ", "));
}

std::string PlanDifference(const std::string& old_query, const std::string& new_query) {
  const std::map<std::string, int> before = PlanNodes(old_query);
  const std::map<std::string, int> after = PlanNodes(new_query);
  if (before == after) return "the same plan nodes";
  return fmt::format("plan nodes only in the old: {}; only in the new: {}", Surplus(before, after),
                     Surplus(after, before));
}

// Of a pair whose numbers of rows differ; nullopt: there is none.
using RowsOfPair = std::optional<std::pair<uint64_t, uint64_t>>;

std::string RowsOf(const Execution& run, const RowsOfPair& differing) {
  if (!differing) return fmt::format("rows: {} each", run.rows);
  return fmt::format("rows differ: old {}, new {}, so their times prove nothing", differing->first,
                     differing->second);
}

}  // namespace

void ExamineComparison(const std::string& old_query, const std::string& new_query, double tolerance,
                       int64_t pairs) {
  CheckParameters(tolerance, pairs);
  RequirePermanent(PlanReadOnly({"old_query", old_query}));
  RequirePermanent(PlanReadOnly({"new_query", new_query}));
}

QueryComparison CompareQueries(const std::string& old_query, const std::string& new_query,
                               double tolerance, int64_t pairs) {
  CheckParameters(tolerance, pairs);
  const ReadOnlyScope read_only;
  const PlannedQuery before = PlanReadOnly({"old_query", old_query});
  const PlannedQuery after = PlanReadOnly({"new_query", new_query});
  const auto execute = [&](const PlannedQuery& query) {
    const Execution execution = Execute(query);
    read_only.RequireNothingWritten(query.origin.what);
    return execution;
  };
  for (int i = 0; i < kWarmUps; ++i) {
    (void)execute(before);
    (void)execute(after);
  }
  Series old_runs;
  Series new_runs;
  std::vector<double> ratios;
  RowsOfPair differing;
  QueryComparison result;
  for (int round = 0; round < kRounds && result.verdict == core::Verdict::kInconclusive; ++round) {
    for (int64_t pair = 0; pair < pairs; ++pair) {
      double old_ms = 0;
      double new_ms = 0;
      if (ratios.size() % 2 == 0) {
        old_ms = old_runs.Add(execute(before));
        new_ms = new_runs.Add(execute(after));
      } else {
        new_ms = new_runs.Add(execute(after));
        old_ms = old_runs.Add(execute(before));
      }
      if (old_runs.last.rows != new_runs.last.rows)
        differing.emplace(old_runs.last.rows, new_runs.last.rows);
      ratios.push_back(new_ms / old_ms);
    }
    result.interval = core::MedianInterval(ratios, kConfidence);
    if (result.interval) result.verdict = core::JudgeRatio(*result.interval, 1 + tolerance);
  }
  const bool undecided = result.verdict == core::Verdict::kInconclusive;
  if (differing) result.verdict = core::Verdict::kInconclusive;
  result.ratio = core::Median(ratios);
  result.old_ms = core::Median(old_runs.milliseconds);
  result.new_ms = core::Median(new_runs.milliseconds);
  result.detail = fmt::format(
      "{} pairs; {}; shared buffers a run: old {}, new {}; {}{}", ratios.size(),
      RowsOf(old_runs.last, differing), old_runs.last.buffers, new_runs.last.buffers,
      PlanDifference(old_query, new_query),
      undecided
          ? "; the interval still lies on both sides of the limit: run it when the machine is "
            "quieter, with more pairs, or with another tolerance"
          : "");
  read_only.RequireNothingWritten("a query");
  return result;
}

}  // namespace pg_cutover::validate
