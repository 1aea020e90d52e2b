// Rows of migrate.job and what hangs on it: cursors, parts, deferred rows.
//
// All functions run in the caller's transaction and need an active snapshot. Every change of state
// is one UPDATE with a guard on the old state, and one event.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/block_ranges.hpp"
#include "core/job_state.hpp"

#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct JobRow {
  int64_t id = 0;
  std::string kind;
  std::optional<int64_t> link;
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  std::optional<std::string> migration;
  core::JobState state = core::JobState::kQueued;
  std::string phase = "start";
  std::optional<std::string> waiting_for;
  // options
  std::optional<int32_t> batch_size;
  int64_t batch_delay_ms = 0;
  std::string method = "auto";
  bool sync = false;
  std::string request = "{}";   // jsonb text: what only this kind of job knows
  std::string throttle = "{}";  // jsonb text
  int32_t workers = 1;
  Oid login_role = InvalidOid;
  Oid effective_role = InvalidOid;
  std::string home;
  std::optional<uint64_t> boundary;   // full transaction ids
  std::optional<uint64_t> start_xid;
  std::optional<int64_t> rows_total;
  std::optional<int64_t> units_total;
  int32_t attempts = 0;
  std::optional<pg::ErrorInfo> error;
};

struct JobCursor {
  core::BlockRanges done;
  std::optional<std::vector<std::string>> position;
};

// What one batch adds to a worker's counters.
struct BatchCounters {
  int64_t rows_read = 0;
  int64_t rows_written = 0;
  int64_t rows_taken_back = 0;
  int64_t bytes_written = 0;
  int64_t wal_bytes = 0;
  double busy_ms = 0;
  std::optional<double> rows_per_second;
};

struct JobControl {
  core::JobState state = core::JobState::kQueued;
  std::string phase;
  std::string throttle;
};

struct JobProgress {
  core::JobState state = core::JobState::kQueued;
  std::string phase;
  std::string bar;
  bool counts_rows = true;  // false: a swap in a phase that is no matter of rows
  int64_t rows_done = 0;
  std::optional<double> rows_per_second;
  std::optional<double> eta_seconds;
  std::optional<double> elapsed_seconds;
  std::optional<std::string> waits;  // why it does not progress
};

struct JobPart {
  int32_t part = 0;
  Oid relation = InvalidOid;
  int64_t first_block = 0;
  int64_t blocks = 0;
  Oid filenode = InvalidOid;
  int64_t fingerprint = 0;
};

struct DeferredRow {
  int64_t id = 0;
  Oid relation = InvalidOid;
  std::vector<std::string> key;
  int32_t attempts = 0;
};

// This cluster and database, as job.home stores it.
std::string Home();

// Returns the new id; state queued.
int64_t InsertJob(const JobRow& row);
// nullopt when there is no such job.
std::optional<JobRow> FindJob(int64_t id);
// Locks the row until the end of the transaction, so that two operators cannot both act on it.
std::optional<JobRow> LockJob(int64_t id);
// The unfinished job (queued, running, paused) on this target, if any.
std::optional<int64_t> UnfinishedJobOn(Oid target);
// Unfinished jobs of a link, of one kind.
std::vector<int64_t> UnfinishedJobsOf(int64_t link, const std::string& kind);
// Failed jobs that a resume would bring back to this link.
std::vector<int64_t> FailedJobsOf(int64_t link);
// Jobs in the given state, oldest first.
std::vector<int64_t> JobsIn(core::JobState state);

// Moves the job if it is in `from`; returns whether it was. Sets started_at, finished_at; clears
// waiting_for; clears the error unless `to` is failed. Writes the event `message`.
bool MoveJob(int64_t id, core::JobState from, core::JobState to, const std::string& message);
// MoveJob to failed, with the error.
bool FailJob(int64_t id, core::JobState from, const pg::ErrorInfo& error);
// The little that a worker looks at again and again; nullopt when there is no such job.
std::optional<JobControl> FindControl(int64_t id);
// As migrate.progress shows it; nullopt when there is no such job.
std::optional<JobProgress> FindProgress(int64_t id);
void SetPhase(int64_t id, const std::string& phase);
void SetWaitingFor(int64_t id, const std::optional<std::string>& reason);
void SetThrottle(int64_t id, const std::string& throttle);
// The job belongs to this database from now on.
void SetHome(int64_t id);
// What a copy fixes when it starts.
void SetExtent(int64_t id, uint64_t boundary, uint64_t start_xid, std::optional<int64_t> rows_total,
               std::optional<int64_t> units_total);
// The estimate that progress is shown against.
void SetRowsTotal(int64_t id, int64_t rows_total);
void SetMethod(int64_t id, const std::string& method);
void SetAttempts(int64_t id, int32_t attempts);

void InsertPart(int64_t job, const JobPart& part);
std::vector<JobPart> Parts(int64_t job);

// The cursors of all workers, merged.
core::BlockRanges DoneBlocks(int64_t job);
// Worker `worker`'s own cursor; creates its row, with this process's pid, when there is none.
JobCursor OpenCursor(int64_t job, int worker);
// In the batch's transaction: the blocks it finished, or the last key it did, and what it counted.
void SaveBatch(int64_t job, int worker, core::BlockRange finished, const BatchCounters& batch);
void SaveBatch(int64_t job, int worker, const std::vector<std::string>& position,
               const BatchCounters& batch);
// The worker begins its keys from the first one again; its counters stay.
void ForgetPosition(int64_t job, int worker);
void SetThrottledBy(int64_t job, int worker, const std::optional<std::string>& reason);
// The worker is leaving: no pid, no rate.
void CloseCursor(int64_t job, int worker);
// The same for all workers of a job that has none: what crashed ones left behind.
void CloseCursors(int64_t job);

void InsertDeferredRow(int64_t job, Oid relation, const std::vector<std::string>& key);
// Those tried least, then the oldest, first.
std::vector<DeferredRow> DeferredRows(int64_t job, int limit);
int64_t CountDeferredRows(int64_t job);
void DeleteDeferredRow(int64_t job, int64_t id);
void CountDeferredAttempt(int64_t job, int64_t id);

}  // namespace pg_cutover::catalog
