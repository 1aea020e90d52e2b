// Rows that hang on a job: cursors, parts, deferred rows; see job_rows.hpp.
#include <fmt/format.h>

#include "catalog/job_rows.hpp"
#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

namespace {

using pg::Argument;

constexpr const char* kCount =
    "rows_read = rows_read + $3, rows_written = rows_written + $4, "
    "rows_taken_back = rows_taken_back + $5, bytes_written = bytes_written + $6, "
    "wal_bytes = wal_bytes + $7, busy_ms = busy_ms + $8, "
    "rows_per_second = coalesce($9, rows_per_second), batches = batches + 1, "
    "updated_at = clock_timestamp()";

std::vector<Argument> Counters(int64_t job, int worker, const BatchCounters& batch) {
  return {Argument::Int8(job),
          Argument::Int4(worker),
          Argument::Int8(batch.rows_read),
          Argument::Int8(batch.rows_written),
          Argument::Int8(batch.rows_taken_back),
          Argument::Int8(batch.bytes_written),
          Argument::Int8(batch.wal_bytes),
          Argument::Float8(batch.busy_ms),
          Argument::Float8(batch.rows_per_second)};
}

// A batch whose cursor is not saved would be done twice.
void RequireOneRow(const pg::Rows& rows, int64_t job, int worker) {
  if (rows.affected() == 1) return;
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("worker {} of job {} has no cursor", worker, job));
}

}  // namespace

void InsertPart(int64_t job, const JobPart& part) {
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.job_part (job, part, relation, first_block, blocks, filenode, "
      "fingerprint) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {Argument::Int8(job), Argument::Int4(part.part), Argument::RegClass(part.relation),
       Argument::Int8(part.first_block), Argument::Int8(part.blocks),
       Argument::ObjectId(part.filenode), Argument::Int8(part.fingerprint)});
}

std::vector<JobPart> Parts(int64_t job) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT part, relation::oid, first_block, blocks, filenode, fingerprint "
      "FROM migrate.job_part WHERE job = $1 ORDER BY part",
      {Argument::Int8(job)});
  std::vector<JobPart> parts;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    JobPart part;
    part.part = rows.Int4(row, 1).value();
    part.relation = rows.ObjectId(row, 2).value();
    part.first_block = rows.Int8(row, 3).value();
    part.blocks = rows.Int8(row, 4).value();
    part.filenode = rows.ObjectId(row, 5).value();
    part.fingerprint = rows.Int8(row, 6).value();
    parts.push_back(part);
  }
  return parts;
}

core::BlockRanges DoneBlocks(int64_t job) {
  Scope scope;
  const pg::Rows rows = scope.Execute("SELECT done::text FROM migrate.job_cursor WHERE job = $1",
                                      {Argument::Int8(job)});
  core::BlockRanges done;
  for (uint64_t row = 0; row < rows.size(); ++row)
    done.Add(core::BlockRanges::FromMultirange(rows.Text(row, 1).value()));
  return done;
}

JobCursor OpenCursor(int64_t job, int worker) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "INSERT INTO migrate.job_cursor AS c (job, worker, pid) VALUES ($1, $2, $3) "
      "ON CONFLICT (job, worker) DO UPDATE SET pid = excluded.pid "
      "RETURNING c.done::text, c.position",
      {Argument::Int8(job), Argument::Int4(worker), Argument::Int4(MyProcPid)});
  JobCursor cursor;
  cursor.done = core::BlockRanges::FromMultirange(rows.Text(0, 1).value());
  if (rows.Text(0, 2)) cursor.position = rows.TextArray(0, 2);
  return cursor;
}

void SaveBatch(int64_t job, int worker, core::BlockRange finished, const BatchCounters& batch) {
  std::vector<Argument> arguments = Counters(job, worker, batch);
  arguments.push_back(Argument::Int8(finished.begin));
  arguments.push_back(Argument::Int8(finished.end));
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format(
          "UPDATE migrate.job_cursor SET {}, "
          "done = done + int8multirange(int8range($10, $11)) WHERE job = $1 AND worker = $2",
          kCount),
      arguments);
  RequireOneRow(rows, job, worker);
}

void SaveBatch(int64_t job, int worker, const std::vector<std::string>& position,
               const BatchCounters& batch) {
  std::vector<Argument> arguments = Counters(job, worker, batch);
  arguments.push_back(Argument::TextArray(position));
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format("UPDATE migrate.job_cursor SET {}, position = $10 WHERE job = $1 AND worker = $2",
                  kCount),
      arguments);
  RequireOneRow(rows, job, worker);
}

void SetThrottledBy(int64_t job, int worker, const std::optional<std::string>& reason) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.job_cursor SET throttled_by = $3, updated_at = clock_timestamp() "
      "WHERE job = $1 AND worker = $2 AND throttled_by IS DISTINCT FROM $3",
      {Argument::Int8(job), Argument::Int4(worker), Argument::Text(reason)});
}

void ForgetPosition(int64_t job, int worker) {
  Scope scope;
  scope.Execute("UPDATE migrate.job_cursor SET position = NULL WHERE job = $1 AND worker = $2",
                {Argument::Int8(job), Argument::Int4(worker)});
}

void CloseCursor(int64_t job, int worker) {
  Scope scope;
  // Only one's own: a successor may have opened it meanwhile.
  scope.Execute(
      "UPDATE migrate.job_cursor SET pid = NULL, rows_per_second = NULL, throttled_by = NULL "
      "WHERE job = $1 AND worker = $2 AND pid = $3",
      {Argument::Int8(job), Argument::Int4(worker), Argument::Int4(MyProcPid)});
}

void CloseCursors(int64_t job) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.job_cursor SET pid = NULL, rows_per_second = NULL, throttled_by = NULL "
      "WHERE job = $1 AND pid IS NOT NULL",
      {Argument::Int8(job)});
}

void InsertDeferredRow(int64_t job, Oid relation, const std::vector<std::string>& key) {
  Scope scope;
  scope.Execute("INSERT INTO migrate.job_deferred_row (job, relation, key) VALUES ($1, $2, $3)",
                {Argument::Int8(job), Argument::RegClass(relation), Argument::TextArray(key)});
}

std::vector<DeferredRow> DeferredRows(int64_t job, int limit) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT id, relation::oid, key, attempts FROM migrate.job_deferred_row WHERE job = $1 "
      "ORDER BY attempts, id LIMIT $2",
      {Argument::Int8(job), Argument::Int4(limit)});
  std::vector<DeferredRow> deferred;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    DeferredRow entry;
    entry.id = rows.Int8(row, 1).value();
    entry.relation = rows.ObjectId(row, 2).value();
    entry.key = rows.TextArray(row, 3);
    entry.attempts = rows.Int4(row, 4).value();
    deferred.push_back(std::move(entry));
  }
  return deferred;
}

int64_t CountDeferredRows(int64_t job) {
  Scope scope;
  return scope
      .Execute("SELECT count(*) FROM migrate.job_deferred_row WHERE job = $1",
               {Argument::Int8(job)})
      .Int8(0, 1)
      .value();
}

void DeleteDeferredRow(int64_t job, int64_t id) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.job_deferred_row WHERE job = $1 AND id = $2",
                {Argument::Int8(job), Argument::Int8(id)});
}

void CountDeferredAttempt(int64_t job, int64_t id) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.job_deferred_row SET attempts = attempts + 1 WHERE job = $1 AND id = $2",
      {Argument::Int8(job), Argument::Int8(id)});
}

}  // namespace pg_cutover::catalog
