// Rows of migrate.job; see job_rows.hpp.
#include <fmt/format.h>

#include "catalog/job_rows.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/scope.hpp"
#include "catalog/table_names.hpp"

namespace pg_cutover::catalog {

namespace {

using pg::Argument;

constexpr const char* kColumns =
    "id, kind, link, source::oid, target::oid, migration, state, phase, waiting_for, "
    "(options ->> 'batch_size')::int4, (options ->> 'batch_delay_ms')::int8, options ->> 'method', "
    "(options ->> 'sync')::bool, coalesce((options -> 'request')::text, '{}'), throttle::text, "
    "workers, login_role::oid, effective_role::oid, "
    "home, "
    "boundary::text, start_xid::text, rows_total, units_total, attempts, "
    "error_sqlstate, error_message, error_detail, error_hint, error_context";

core::JobState StateFrom(const std::string& name) {
  const std::optional<core::JobState> state = core::JobStateFromName(name);
  if (!state)
    pg::Raise(ERRCODE_DATA_CORRUPTED, fmt::format("unknown state \"{}\" in migrate.job", name));
  return *state;
}

Argument State(core::JobState state) {
  return Argument::Text(std::string(core::JobStateName(state)));
}

JobRow ReadRow(const pg::Rows& rows, uint64_t row) {
  JobRow job;
  int column = 0;
  const auto text = [&] { return rows.Text(row, ++column); };
  const auto int8 = [&] { return rows.Int8(row, ++column); };
  const auto int4 = [&] { return rows.Int4(row, ++column); };
  const auto oid = [&] { return rows.ObjectId(row, ++column).value_or(InvalidOid); };
  job.id = int8().value();
  job.kind = text().value();
  job.link = int8();
  job.source = oid();
  job.target = oid();
  job.migration = text();
  job.state = StateFrom(text().value());
  job.phase = text().value();
  job.waiting_for = text();
  job.batch_size = int4();
  job.batch_delay_ms = int8().value_or(0);
  job.method = text().value_or("auto");
  job.sync = rows.Bool(row, ++column).value_or(false);
  job.request = text().value();
  job.throttle = text().value();
  job.workers = int4().value();
  job.login_role = oid();
  job.effective_role = oid();
  job.home = text().value();
  const std::optional<std::string> boundary = text();
  if (boundary) job.boundary = std::stoull(*boundary);
  const std::optional<std::string> start_xid = text();
  if (start_xid) job.start_xid = std::stoull(*start_xid);
  job.rows_total = int8();
  job.units_total = int8();
  job.attempts = int4().value();
  const std::optional<std::string> sqlstate = text();
  if (sqlstate) {
    pg::ErrorInfo error;
    error.sqlstate = pg::SqlStateFromText(*sqlstate);
    error.message = text().value_or("");
    error.detail = text().value_or("");
    error.hint = text().value_or("");
    error.context = text().value_or("");
    job.error = std::move(error);
  }
  return job;
}

std::optional<JobRow> Find(const char* sql_format, int64_t id) {
  Scope scope;
  const pg::Rows rows =
      scope.Execute(fmt::format(fmt::runtime(sql_format), kColumns), {Argument::Int8(id)});
  if (rows.empty()) return std::nullopt;
  return ReadRow(rows, 0);
}

std::optional<std::string> OrNull(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::vector<int64_t> Ids(const pg::Rows& rows) {
  std::vector<int64_t> ids;
  for (uint64_t row = 0; row < rows.size(); ++row)
    ids.push_back(rows.Int8(row, 1).value());
  return ids;
}

// The one statement that changes a state. Returns whether the job was in `from`.
bool Move(int64_t id, core::JobState from, core::JobState to, const std::string& message,
          const pg::ErrorInfo* error) {
  if (!core::CanMove(from, to))
    pg::Raise(ERRCODE_INTERNAL_ERROR,
              fmt::format("a job cannot go from {} to {}", core::JobStateName(from),
                          core::JobStateName(to)));
  Event event;
  {
    Scope scope;
    const pg::Rows rows = scope.Execute(
        "UPDATE migrate.job SET state = $3, waiting_for = NULL, "
        "error_sqlstate = $4, error_message = $5, error_detail = $6, error_hint = $7, "
        "error_context = $8, "
        "started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, clock_timestamp()) "
        "ELSE started_at END, "
        "finished_at = CASE WHEN $3 IN ('succeeded', 'failed', 'cancelled') THEN clock_timestamp() "
        "END "
        "WHERE id = $1 AND state = $2 RETURNING " +
            std::string(kColumns),
        {Argument::Int8(id), State(from), State(to),
         Argument::Text(error ? OrNull(pg::SqlStateText(error->sqlstate)) : std::nullopt),
         Argument::Text(error ? std::optional(error->message) : std::nullopt),
         Argument::Text(error ? OrNull(error->detail) : std::nullopt),
         Argument::Text(error ? OrNull(error->hint) : std::nullopt),
         Argument::Text(error ? OrNull(error->context) : std::nullopt)});
    if (rows.empty()) return false;
    event = EventOf(ReadRow(rows, 0), "job", message);
  }
  if (to == core::JobState::kPaused || to == core::JobState::kFailed)
    event.inverse = fmt::format("SELECT migrate_resume({})", id);
  RecordEvent(event);
  return true;
}

void Update(const char* sql, const std::vector<Argument>& arguments) {
  Scope scope;
  scope.Execute(sql, arguments);
}

}  // namespace

std::string Home() {
  return fmt::format("{}/{}", GetSystemIdentifier(), MyDatabaseId);
}

int64_t InsertJob(const JobRow& row) {
  RememberNames({row.source, row.target});
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "INSERT INTO migrate.job (kind, link, source, target, migration, options, throttle, workers, "
      "login_role, effective_role, home) "
      "VALUES ($1, $2, $3, $4, $5, jsonb_strip_nulls(jsonb_build_object('batch_size', $6::int4, "
      "'batch_delay_ms', $7::int8, 'method', $8::text, 'sync', $9::bool, 'request', nullif($15, "
      "'{}')::jsonb)), "
      "$10::jsonb, $11, $12, $13, $14) RETURNING id",
      {Argument::Text(row.kind), Argument::Int8(row.link),
       Argument::RegClass(OidIsValid(row.source) ? std::optional(row.source) : std::nullopt),
       Argument::RegClass(OidIsValid(row.target) ? std::optional(row.target) : std::nullopt),
       Argument::Text(row.migration), Argument::Int4(row.batch_size),
       Argument::Int8(row.batch_delay_ms), Argument::Text(row.method), Argument::Bool(row.sync),
       Argument::Text(row.throttle), Argument::Int4(row.workers),
       Argument::ObjectId(row.login_role), Argument::ObjectId(row.effective_role),
       Argument::Text(row.home), Argument::Text(row.request)});
  return rows.Int8(0, 1).value();
}

std::optional<JobRow> FindJob(int64_t id) {
  return Find("SELECT {} FROM migrate.job WHERE id = $1", id);
}

std::optional<JobRow> LockJob(int64_t id) {
  return Find("SELECT {} FROM migrate.job WHERE id = $1 FOR NO KEY UPDATE", id);
}

std::optional<int64_t> UnfinishedJobOn(Oid target) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT id FROM migrate.job WHERE target = $1 AND state IN ('queued', 'running', 'paused') "
      "ORDER BY id LIMIT 1",
      {Argument::RegClass(target)});
  if (rows.empty()) return std::nullopt;
  return rows.Int8(0, 1);
}

std::vector<int64_t> UnfinishedJobsOf(int64_t link, const std::string& kind) {
  Scope scope;
  return Ids(
      scope.Execute("SELECT id FROM migrate.job WHERE link = $1 AND kind = $2 AND state IN "
                    "('queued', 'running', 'paused') ORDER BY id",
                    {Argument::Int8(link), Argument::Text(kind)}));
}

std::vector<int64_t> FailedJobsOf(int64_t link) {
  Scope scope;
  return Ids(
      scope.Execute("SELECT id FROM migrate.job WHERE link = $1 AND state = 'failed' ORDER BY id",
                    {Argument::Int8(link)}));
}

std::vector<int64_t> JobsIn(core::JobState state) {
  Scope scope;
  return Ids(
      scope.Execute("SELECT id FROM migrate.job WHERE state = $1 ORDER BY id", {State(state)}));
}

bool MoveJob(int64_t id, core::JobState from, core::JobState to, const std::string& message) {
  return Move(id, from, to, message, nullptr);
}

bool FailJob(int64_t id, core::JobState from, const pg::ErrorInfo& error) {
  return Move(id, from, core::JobState::kFailed,
              fmt::format("job {} failed: {}", id, error.message), &error);
}

std::optional<JobControl> FindControl(int64_t id) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT state, phase, throttle::text FROM migrate.job WHERE id = $1", {Argument::Int8(id)});
  if (rows.empty()) return std::nullopt;
  return JobControl{StateFrom(rows.Text(0, 1).value()), rows.Text(0, 2).value(),
                    rows.Text(0, 3).value()};
}

std::optional<JobProgress> FindProgress(int64_t id) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT state, phase, bar, rows_done, rows_per_second::float8, "
      "extract(epoch FROM eta)::float8, extract(epoch FROM elapsed)::float8, throttled_by, "
      "percent IS NOT NULL OR kind NOT IN ('cutover', 'revert') "
      "FROM migrate.progress WHERE job = $1",
      {Argument::Int8(id)});
  if (rows.empty()) return std::nullopt;
  JobProgress progress;
  progress.state = StateFrom(rows.Text(0, 1).value());
  progress.phase = rows.Text(0, 2).value();
  progress.bar = rows.Text(0, 3).value_or("");
  progress.rows_done = rows.Int8(0, 4).value_or(0);
  progress.rows_per_second = rows.Float8(0, 5);
  progress.eta_seconds = rows.Float8(0, 6);
  progress.elapsed_seconds = rows.Float8(0, 7);
  progress.waits = rows.Text(0, 8);
  progress.counts_rows = rows.Bool(0, 9).value();
  return progress;
}

void SetPhase(int64_t id, const std::string& phase) {
  Event event;
  {
    Scope scope;
    const pg::Rows rows = scope.Execute(
        "UPDATE migrate.job SET phase = $2 WHERE id = $1 RETURNING " + std::string(kColumns),
        {Argument::Int8(id), Argument::Text(phase)});
    if (rows.empty()) return;
    event = EventOf(ReadRow(rows, 0), "phase", fmt::format("job {} entered phase {}", id, phase));
  }
  RecordEvent(event);
}

void SetWaitingFor(int64_t id, const std::optional<std::string>& reason) {
  Update(
      "UPDATE migrate.job SET waiting_for = $2 WHERE id = $1 AND waiting_for IS DISTINCT FROM $2",
      {Argument::Int8(id), Argument::Text(reason)});
}

void SetThrottle(int64_t id, const std::string& throttle) {
  Update("UPDATE migrate.job SET throttle = $2::jsonb WHERE id = $1",
         {Argument::Int8(id), Argument::Text(throttle)});
}

void SetHome(int64_t id) {
  Update("UPDATE migrate.job SET home = $2 WHERE id = $1 AND home <> $2",
         {Argument::Int8(id), Argument::Text(Home())});
}

void SetExtent(int64_t id, uint64_t boundary, uint64_t start_xid, std::optional<int64_t> rows_total,
               std::optional<int64_t> units_total) {
  Update(
      "UPDATE migrate.job SET boundary = $2::xid8, start_xid = $3::xid8, rows_total = $4, "
      "units_total = $5 WHERE id = $1",
      {Argument::Int8(id), Argument::Text(std::to_string(boundary)),
       Argument::Text(std::to_string(start_xid)), Argument::Int8(rows_total),
       Argument::Int8(units_total)});
}

void SetRowsTotal(int64_t id, int64_t rows_total) {
  Update("UPDATE migrate.job SET rows_total = $2 WHERE id = $1",
         {Argument::Int8(id), Argument::Int8(rows_total)});
}

void SetMethod(int64_t id, const std::string& method) {
  Update(
      "UPDATE migrate.job SET options = options || jsonb_build_object('method', $2::text) "
      "WHERE id = $1",
      {Argument::Int8(id), Argument::Text(method)});
}

void SetAttempts(int64_t id, int32_t attempts) {
  Update("UPDATE migrate.job SET attempts = $2 WHERE id = $1 AND attempts <> $2",
         {Argument::Int8(id), Argument::Int4(attempts)});
}

}  // namespace pg_cutover::catalog
