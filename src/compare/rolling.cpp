// Comparing range by range; see rolling.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "core/progress.hpp"

#include "catalog/comparison_rows.hpp"
#include "compare/ranges.hpp"
#include "compare/rolling.hpp"
#include "job/clock.hpp"
#include "pg/debug_point.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

// A range is longer than a batch that writes: it holds no row locks.
constexpr double kBatchesARange = 20;
constexpr int64_t kFirstRows = 1'000;
constexpr int64_t kFewestRows = 100;
constexpr int64_t kMostRows = 5'000'000;

struct Done {
  std::optional<RangeEnd> end;  // absent: the last one
  catalog::BatchCounters counters;
};

class Pass {
 public:
  Pass(job::Session& session, bool again) : session_(session), again_(again) {}

  void Run() {
    after_ = session_.InStep(
        [&] { return catalog::OpenCursor(session_.id(), session_.worker()).position; });
    int64_t rows = std::min<int64_t>(session_.row().batch_size.value_or(kFirstRows), kFirstRows);
    for (;;) {
      const Done range = session_.InStep([&] { return CompareOne(rows); });
      if (!range.end) return;
      after_ = range.end->key;
      const double wanted = session_.target_batch_ms() * kBatchesARange;
      const double factor = std::clamp(wanted / std::max(range.counters.busy_ms, 0.1), 0.2, 2.0);
      // A rate holds for each second, not on average over a range of ten.
      const int64_t most =
          std::clamp(session_.max_batch_rows().value_or(kMostRows), kFewestRows, kMostRows);
      rows =
          std::clamp(static_cast<int64_t>(static_cast<double>(rows) * factor), kFewestRows, most);
      core::BatchCost cost;
      cost.rows = range.counters.rows_read;
      cost.duration_us = static_cast<int64_t>(range.counters.busy_ms * 1000);
      // A tail that grows faster than the throttle allows would never be reached.
      if (!range.end->beyond) session_.Pace(cost);
    }
  }

 private:
  Done CompareOne(int64_t rows) {
    const int64_t start = job::NowMicros();
    const catalog::ComparisonRow comparison = catalog::FindComparison(session_.id()).value();
    const Sides sides = LoadSides(comparison.source, comparison.target);
    RequireUnchanged(comparison, sides);
    Done range;
    const KeyRanges ranges(sides);
    range.end = ranges.FindEnd(after_, rows, comparison.last_key);
    const std::optional<KeyPosition> end = range.end ? std::optional(range.end->key) : std::nullopt;
    Range part;
    part.rows = ranges.Between(after_, end);
    if (again_) part.changed = ChangedSince(comparison.horizon.value());
    pg::DebugPoint("compare_range");
    catalog::ComparedPart found = ComparePart(sides, comparison.seed, part);
    range.counters.rows_read = found.rows_source;
    const int64_t now = job::NowMicros();
    range.counters.busy_ms = static_cast<double>(now - start) / 1000;
    rows_read_ += found.rows_source;
    rate_.Observe(rows_read_, now);
    range.counters.rows_per_second = rate_.PerSecond();
    if (again_) {
      // Counted in the first pass.
      found.rows_source = 0;
      found.rows_target = 0;
    } else {
      range.counters.rows_written = range.counters.rows_read;
    }
    catalog::AddPart(session_.id(), found, kMostListed, again_);
    catalog::SaveBatch(session_.id(), session_.worker(), end.value_or(KeyPosition{}),
                       range.counters);
    if (!range.end) {
      // With what the last range counted, or a crash would count it twice; and the second pass must
      // not begin at the end of the first.
      catalog::ForgetPosition(session_.id(), session_.worker());
      if (!again_) catalog::SetPhase(session_.id(), kRecheck);
    }
    return range;
  }

  static void RequireUnchanged(const catalog::ComparisonRow& comparison, const Sides& sides) {
    std::vector<std::string> columns;
    for (const Column& column : sides.columns)
      columns.push_back(column.name);
    const bool linked = sides.link.has_value();
    if (columns == comparison.columns && linked == comparison.link.has_value() &&
        (!linked || sides.link->id == *comparison.link))
      return;
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} and {} have changed since the comparison began",
                          pg::QualifiedName(sides.source), pg::QualifiedName(sides.target)),
              "Their link or their columns are others now.", "Compare them again.");
  }

  job::Session& session_;
  const bool again_;
  std::optional<KeyPosition> after_;
  core::RateMeter rate_;
  int64_t rows_read_ = 0;
};

}  // namespace

void CompareRanges(job::Session& session) {
  if (session.row().phase != kRecheck) {
    Pass(session, false).Run();
    session.SetPhase(kRecheck);
    pg::DebugPoint("compare_recheck");
  }
  Pass(session, true).Run();
}

}  // namespace pg_cutover::compare
