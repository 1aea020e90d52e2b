// The copy phase of the direct method; see direct_copy.hpp.
#include <fmt/format.h>

#include <chrono>

#include "core/batch_size.hpp"
#include "core/progress.hpp"
#include "core/range_dispenser.hpp"

#include "copy/deferred.hpp"
#include "copy/diagnose.hpp"
#include "copy/direct_batch.hpp"
#include "copy/direct_copy.hpp"
#include "copy/settings.hpp"
#include "pg/debug_point.hpp"

namespace pg_cutover::copy {

namespace {

using Clock = std::chrono::steady_clock;

// Conflicts are looked at again while the copy runs, so that a duplicate key in the target is reported
// after seconds and not at the end.
constexpr std::chrono::milliseconds kRetryEvery{500};

struct Outcome {
  catalog::BatchCounters counters;
  int64_t deferred = 0;
  int64_t heap_bytes = 0;
};

class Copier {
 public:
  Copier(job::Session& session, const Plan& plan, core::RangeDispenser* dispenser)
      : session_(session),
        plan_(plan),
        dispenser_(dispenser),
        boundaries_(plan.Boundaries()),
        sizer_(Limits(session), RowsPerBlock(session, plan)) {}

  void Run() {
    session_.InStep([&] { catalog::OpenCursor(plan_.job, session_.worker()); });
    Clock::time_point retried = Clock::now();
    while (const std::optional<core::BlockRange> range = Claim()) {
      const Outcome outcome = CopyRange(*range);
      deferred_ += outcome.deferred;
      blocks_read_ += range->Size();
      heap_bytes_ += outcome.heap_bytes;
      sizer_.Observe(range->Size(), outcome.counters.rows_read, outcome.counters.bytes_written,
                     outcome.counters.busy_ms);
      core::BatchCost cost;
      cost.rows = outcome.counters.rows_written;
      cost.wal_bytes = outcome.counters.wal_bytes;
      cost.duration_us = static_cast<int64_t>(outcome.counters.busy_ms * 1000);
      session_.Pace(cost);
      sizer_.SetTargetMs(session_.target_batch_ms());
      sizer_.SetMaxRows(MaxRows(session_));
      if (deferred_ > 0 && Clock::now() - retried > kRetryEvery && session_.worker() == 0) {
        deferred_ = RetryDeferred(session_, plan_, !plan_.synced);
        retried = Clock::now();
      }
    }
  }

 private:
  static std::optional<int64_t> MaxRows(const job::Session& session) {
    std::optional<int64_t> limit = session.max_batch_rows();
    if (session.row().batch_size && (!limit || *session.row().batch_size < *limit))
      limit = *session.row().batch_size;
    return limit;
  }

  static core::BatchLimits Limits(const job::Session& session) {
    core::BatchLimits limits;
    limits.max_rows = MaxRows(session);
    if (limits.max_rows && *limits.max_rows < limits.initial_rows)
      limits.initial_rows = *limits.max_rows;
    limits.target_ms = session.target_batch_ms();
    return limits;
  }

  static double RowsPerBlock(const job::Session& session, const Plan& plan) {
    const double rows = static_cast<double>(session.row().rows_total.value_or(0));
    return plan.total_blocks > 0 ? rows / static_cast<double>(plan.total_blocks) : 0;
  }

  std::optional<core::BlockRange> Claim() {
    const job::TeamLock lock(session_);
    return dispenser_->Claim(session_.worker(), sizer_.NextBlocks(), boundaries_);
  }

  // One batch, tried until it commits. What fails for good is tried once more row by row, to name the
  // row.
  Outcome CopyRange(core::BlockRange range) {
    BatchMode mode;
    for (;;) {
      Failing failing;
      try {
        const Outcome outcome = session_.InBatch([&] { return CopyOnce(range, mode, &failing); });
        session_.Succeeded();
        return outcome;
      } catch (const pg::Error& error) {
        if (session_.IsTransient(error)) {
          session_.BackOff(error);
          continue;
        }
        if (mode.one_by_one) throw WithRow(session_, plan_, failing, error);
        mode.one_by_one = true;
      }
    }
  }

  Outcome CopyOnce(core::BlockRange range, BatchMode mode, Failing* failing) {
    const Clock::time_point start = Clock::now();
    const uint64 wal_before = pgWalUsage.wal_bytes;
    RequirePresent(plan_);
    UseAsynchronousCommit();
    pg::DebugPoint("copy_batch_start");
    const catalog::JobPart& leaf = plan_.PartAt(range.begin);
    DirectBatch batch(plan_, leaf, mode, failing);
    if (session_.active_workers() > 1 && !mode.one_by_one && reserved_for_ != range.begin) {
      // Not again for a batch that is retried: what was reserved stays.
      reserved_for_ = range.begin;
      batch.Reserve(Expected(range));
    }
    batch.CopyBlocks(static_cast<BlockNumber>(range.begin - leaf.first_block),
                     static_cast<BlockNumber>(range.Size()));
    Outcome outcome;
    for (const std::vector<std::string>& key : batch.Settle()) {
      catalog::InsertDeferredRow(plan_.job, leaf.relation, key);
      ++outcome.deferred;
    }
    outcome.heap_bytes = batch.heap_bytes();
    catalog::BatchCounters& counters = outcome.counters;
    counters.rows_read = batch.rows_read();
    counters.rows_written = batch.rows_written();
    counters.rows_taken_back = batch.rows_taken_back();
    counters.bytes_written = batch.bytes();
    counters.wal_bytes = static_cast<int64_t>(pgWalUsage.wal_bytes - wal_before);
    const auto elapsed = Clock::now() - start;
    counters.busy_ms = std::chrono::duration<double, std::milli>(elapsed).count();
    rows_done_ += counters.rows_written;
    rate_.Observe(rows_done_, std::chrono::duration_cast<std::chrono::microseconds>(
                                  Clock::now().time_since_epoch())
                                  .count());
    counters.rows_per_second = rate_.PerSecond();
    catalog::SaveBatch(plan_.job, session_.worker(), range, counters);
    pg::DebugPoint("copy_before_commit");
    return outcome;
  }

  // Bytes of heap that a range will fill, by what the ranges before it wrote.
  int64_t Expected(core::BlockRange range) const {
    return blocks_read_ == 0 ? 0 : heap_bytes_ / blocks_read_ * range.Size();
  }

  job::Session& session_;
  const Plan& plan_;
  core::RangeDispenser* const dispenser_;
  const std::vector<int64_t> boundaries_;
  core::BatchSizer sizer_;
  core::RateMeter rate_;
  int64_t rows_done_ = 0;
  int64_t blocks_read_ = 0;
  int64_t heap_bytes_ = 0;
  int64_t reserved_for_ = -1;
  int64_t deferred_ = 0;
};

}  // namespace

void LeadDirectCopy(job::Session& session, const Plan& plan) {
  auto* const dispenser =
      static_cast<core::RangeDispenser*>(session.StartTeam(sizeof(core::RangeDispenser)));
  for (;;) {
    const core::BlockRanges done = session.InStep([&] { return catalog::DoneBlocks(plan.job); });
    const core::BlockRanges todo = done.Complement(plan.total_blocks);
    if (todo.Empty()) break;
    // Nobody else is at work yet: no lock.
    dispenser->Plan(todo, session.row().workers);
    session.LaunchHelpers(session.row().workers - 1);
    Copier(session, plan, dispenser).Run();
    session.AwaitHelpers();
  }
}

void HelpDirectCopy(job::Session& session) {
  const Plan plan = session.InStep([&] { return LoadPlan(session.row()); });
  Copier(session, plan, static_cast<core::RangeDispenser*>(session.shared())).Run();
}

}  // namespace pg_cutover::copy
