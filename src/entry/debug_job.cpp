// migrate.debug_job: a job that does nothing but count, for tests of the runtime (test builds
// only).
//
// Each step is a "block": it commits with its mark in the cursor, and counts a row written. Steps
// that are done are not done again, so at the end rows_written is the number of steps, whatever
// happened in between.
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "entry/debug_job.hpp"
#include "entry/arguments.hpp"
#include "job/create.hpp"
#include "job/kinds.hpp"
#include "job/session.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

struct Shared {
  int64_t next;
};

// What the job does travels in a place that a job of this kind has no other use for.
struct Task {
  int64_t steps = 0;
  int64_t step_ms = 0;
  int64_t fail_at = -1;
  std::string sql;
};

Task TaskOf(const catalog::JobRow& job) {
  Task task;
  const std::vector<std::string> parts = [&] {
    std::vector<std::string> fields;
    size_t from = 0;
    for (int i = 0; i < 3; ++i) {
      const size_t to = job.method.find(':', from);
      fields.push_back(job.method.substr(from, to - from));
      from = to + 1;
    }
    fields.push_back(job.method.substr(from));
    return fields;
  }();
  task.steps = std::stoll(parts[0]);
  task.step_ms = std::stoll(parts[1]);
  task.fail_at = std::stoll(parts[2]);
  task.sql = parts[3];
  return task;
}

void DoStep(job::Session& session, const Task& task, int64_t step) {
  session.InStep([&] {
    if (step == task.fail_at)
      pg::Raise(ERRCODE_CHECK_VIOLATION, fmt::format("step {} is not wanted", step),
                "Detail of the step.", "Hint of the step.");
    catalog::BatchCounters counters;
    counters.rows_read = 1;
    counters.rows_written = 1;
    counters.busy_ms = static_cast<double>(task.step_ms);
    catalog::SaveBatch(session.id(), session.worker(), core::BlockRange{step, step + 1}, counters);
    pg::DebugPoint("job_step");
  });
  core::BatchCost cost;
  cost.rows = 1;
  cost.duration_us = task.step_ms * 1000;
  session.Sleep(task.step_ms * 1000, "PgCutoverDebugStep");
  session.Pace(cost);
}

void Count(job::Session& session, const Task& task, const core::BlockRanges& done) {
  session.InStep([&] { catalog::OpenCursor(session.id(), session.worker()); });
  auto* const shared = static_cast<Shared*>(session.shared());
  for (;;) {
    int64_t step = 0;
    {
      const job::TeamLock lock(session);
      step = shared->next++;
    }
    if (step >= task.steps) return;
    if (!done.Contains(step)) DoStep(session, task, step);
  }
}

core::BlockRanges Done(job::Session& session) {
  return session.InStep([&] { return catalog::DoneBlocks(session.id()); });
}

void Lead(job::Session& session) {
  const Task task = TaskOf(session.row());
  session.InStep([&] {
    catalog::SetExtent(session.id(), ReadNextFullTransactionId().value, 0, task.steps, task.steps);
  });
  session.SetPhase("count");
  const core::BlockRanges done = Done(session);
  session.StartTeam(sizeof(Shared));
  session.LaunchHelpers(session.row().workers - 1);
  Count(session, task, done);
  session.AwaitHelpers();
  if (task.sql.empty()) return;
  session.SetPhase("sql");
  session.RunTopLevel(task.sql);
}

void Help(job::Session& session) {
  Count(session, TaskOf(session.row()), Done(session));
}

}  // namespace

void RegisterDebugKinds() {
  job::RegisterKind({"debug", Lead, Help, false});
}

}  // namespace pg_cutover::entry

// migrate.debug_job(steps, step_ms, fail_at, workers, throttle, target, sql, source)
PG_CUTOVER_FUNCTION(pg_cutover_debug_job) {
  namespace pg = pg_cutover::pg;
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::catalog::JobRow job;
  job.kind = "debug";
  job.method = fmt::format(
      "{}:{}:{}:{}", arguments.OptionalInt4(0).value_or(0), arguments.OptionalInt4(1).value_or(0),
      arguments.OptionalInt4(2).value_or(-1), arguments.OptionalText(6).value_or(""));
  job.workers = arguments.OptionalInt4(3).value_or(1);
  if (!arguments.IsNull(4)) job.throttle = pg::OutputText(JSONBOID, arguments.OptionalDatum(4));
  if (!arguments.IsNull(5)) job.source = job.target = arguments.Relation(5, "target");
  if (!arguments.IsNull(7)) job.source = arguments.Relation(7, "source");
  return Int64GetDatum(pg_cutover::job::Create(std::move(job)));
}

#endif
