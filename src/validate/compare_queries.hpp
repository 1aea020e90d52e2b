// Is a new query slower than the old one, by more than is tolerated?
//
// Times of one query vary with everything else that the machine does, so the two are run in pairs,
// in the order old, new, new, old: what drifts slowly hits both alike. Judged is the median of the
// ratios new/old of all pairs, with an interval that assumes nothing about how times are
// distributed (core/statistics.hpp). As long as the interval lies on both sides of the limit, as
// many pairs again are run, up to kRounds times; each look is taken at a confidence that makes all
// of them together 95 %. Queries that do not give as many rows do not ask the same: nothing is
// concluded from their times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/statistics.hpp"

namespace pg_cutover::validate {

inline constexpr int kRounds = 4;
inline constexpr int kLeastPairs = 8;  // fewer can never reach the confidence of one look
inline constexpr int kMostPairs = 1000;

struct QueryComparison {
  core::Verdict verdict = core::Verdict::kInconclusive;
  double ratio = 0;
  std::optional<core::Interval> interval;
  double old_ms = 0;
  double new_ms = 0;
  std::string detail;
};

// Raises what is wrong with the parameters and the queries, without running them.
void ExamineComparison(const std::string& old_query, const std::string& new_query, double tolerance,
                       int64_t pairs);

// With the caller's rights, settings and snapshot. Planning is not timed; nothing is written.
QueryComparison CompareQueries(const std::string& old_query, const std::string& new_query,
                               double tolerance, int64_t pairs);

}  // namespace pg_cutover::validate
