// CALL migrate_wait; see wait.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "core/humanize.hpp"

#include "job/wait.hpp"
#include "job/clock.hpp"
#include "job/control.hpp"
#include "job/locks.hpp"
#include "job/nap.hpp"
#include "job/recover.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::job {

namespace {

using core::JobState;

constexpr int64_t kLookMicros = 150'000;
constexpr int64_t kNoticeMicros = 1'000'000;
// Longer than a worker takes to come up; longer than the postmaster takes to start a crashed one
// again.
constexpr int64_t kQueuedPatience = 2'000'000;
constexpr int64_t kRunningPatience = 8'000'000;

struct Look {
  catalog::JobRow job;
  catalog::JobProgress progress;
};

class Waiter {
 public:
  explicit Waiter(int64_t id) : id_(id), missed_since_us_(NowMicros()) {}

  void Run(std::optional<int64_t> timeout_ms) {
    const int64_t start = NowMicros();
    for (;;) {
      const Look look = TakeLook();
      if (Ended(look)) return;
      Show(look);
      const int64_t now = NowMicros();
      int64_t nap = kLookMicros;
      if (timeout_ms) {
        const int64_t left = start + *timeout_ms * 1000 - now;
        if (left <= 0) TimedOut(look);
        nap = std::min(nap, left);
      }
      Nap(nap, "PgCutoverWait");
    }
  }

 private:
  // One look, committed.
  Look TakeLook() {
    Look look;
    {
      const pg::ActiveSnapshot snapshot;
      look.job = FindControlled(id_);
      look.progress = catalog::FindProgress(id_).value_or(catalog::JobProgress{});
      SeeToWorker(look.job);
    }
    pg::Section([] { SPI_commit(); });
    return look;
  }

  void SeeToWorker(const catalog::JobRow& job) {
    const int64_t now = NowMicros();
    if (!core::WantsWorker(job.state) || HasLeader(id_)) {
      missed_since_us_ = now;
      return;
    }
    const int64_t patience = job.state == JobState::kQueued ? kQueuedPatience : kRunningPatience;
    if (now - missed_since_us_ < patience) return;
    missed_since_us_ = now;
    (void)RecoverJob(job);
  }

  bool Ended(const Look& look) {
    switch (look.job.state) {
      case JobState::kSucceeded:
        pg::Notice(fmt::format(
            "job {} succeeded: {} rows in {}", id_, core::HumanCount(look.progress.rows_done),
            core::HumanDuration(look.progress.elapsed_seconds.value_or(0) * 1000)));
        return true;
      case JobState::kFailed: {
        pg::ErrorInfo error = look.job.error.value_or(
            pg::ErrorInfo{ERRCODE_INTERNAL_ERROR, fmt::format("job {} failed", id_), {}, {}, {}});
        error.context += fmt::format("{}job {}", error.context.empty() ? "" : "\n", id_);
        throw pg::Error(std::move(error));
      }
      case JobState::kCancelled:
        pg::Raise(ERRCODE_QUERY_CANCELED, fmt::format("job {} was cancelled", id_));
      default:
        return false;
    }
  }

  [[noreturn]] void TimedOut(const Look& look) {
    std::string detail =
        fmt::format("It is {}, phase {}.", core::JobStateName(look.job.state), look.job.phase);
    if (look.progress.waits) detail += fmt::format(" It waits: {}.", *look.progress.waits);
    pg::Raise(ERRCODE_QUERY_CANCELED, fmt::format("timed out waiting for job {}", id_), detail,
              fmt::format("The job goes on. CALL migrate_wait({}) waits again.", id_));
  }

  // At once when state or phase changed, otherwise at most every second, and only news.
  void Show(const Look& look) {
    const bool turned = !shown_ || shown_state_ != look.job.state || shown_phase_ != look.job.phase;
    const int64_t now = NowMicros();
    if (!turned && now - shown_us_ < kNoticeMicros) return;
    const std::string line = Line(look);
    if (!turned && line == shown_line_) return;
    const bool paused_now =
        look.job.state == JobState::kPaused && (!shown_ || shown_state_ != JobState::kPaused);
    shown_ = true;
    shown_state_ = look.job.state;
    shown_phase_ = look.job.phase;
    shown_line_ = line;
    shown_us_ = now;
    pg::Notice(line, {},
               paused_now
                   ? fmt::format("SELECT migrate_resume({}) in another session lets it go on.", id_)
                   : std::string());
  }

  std::string Line(const Look& look) const {
    const catalog::JobProgress& progress = look.progress;
    std::string line =
        fmt::format("job {} {}, {}", id_, core::JobStateName(look.job.state), look.job.phase);
    if (progress.counts_rows)
      line += fmt::format(": {} {} rows", progress.bar, core::HumanCount(progress.rows_done));
    if (progress.rows_per_second)
      line += fmt::format(", {} rows/s",
                          core::HumanCount(static_cast<int64_t>(*progress.rows_per_second)));
    if (progress.eta_seconds)
      line += fmt::format(", {} left", core::HumanDuration(*progress.eta_seconds * 1000));
    if (progress.waits) line += fmt::format(" (waits: {})", *progress.waits);
    return line;
  }

  const int64_t id_;
  int64_t missed_since_us_;
  bool shown_ = false;
  JobState shown_state_ = JobState::kQueued;
  std::string shown_phase_;
  std::string shown_line_;
  int64_t shown_us_ = 0;
};

}  // namespace

void Wait(int64_t id, std::optional<int64_t> timeout_ms) {
  const pg::Spi spi(SPI_OPT_NONATOMIC);
  Waiter(id).Run(timeout_ms);
}

}  // namespace pg_cutover::job
