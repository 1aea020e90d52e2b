// SQL-callable functions around jobs: control, waiting, and what the views need.
#include <optional>

#include <fmt/format.h>

#include "core/progress.hpp"

#include "compare/scan_progress.hpp"
#include "entry/arguments.hpp"
#include "job/control.hpp"
#include "job/locks.hpp"
#include "job/wait.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"

namespace {

namespace job = pg_cutover::job;
namespace pg = pg_cutover::pg;
using pg_cutover::entry::Arguments;

constexpr int kWidestBar = 200;

bool IsAtomic(FunctionCallInfo call) {
  return call->context == nullptr || !IsA(call->context, CallContext) ||
         reinterpret_cast<CallContext*>(call->context)->atomic;
}

}  // namespace

PG_CUTOVER_FUNCTION(pg_cutover_pause) {
  job::Pause(Arguments(fcinfo).Int8(0, "job"));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_resume) {
  job::Resume(Arguments(fcinfo).Int8(0, "job"));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_cancel) {
  job::Cancel(Arguments(fcinfo).Int8(0, "job"));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_throttle) {
  const Arguments arguments(fcinfo);
  job::Retune(arguments.Int8(0, "job"), pg::OutputText(JSONBOID, arguments.OptionalDatum(1)));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_recover) {
  PG_RETURN_INT32(job::Recover());
}

PG_CUTOVER_FUNCTION(pg_cutover_wait) {
  const Arguments arguments(fcinfo);
  const int64_t id = arguments.Int8(0, "job");
  if (IsAtomic(fcinfo))
    pg::Raise(ERRCODE_INVALID_TRANSACTION_TERMINATION,
              "migrate_wait cannot be called inside a transaction block",
              "It ends its transaction between looks, so that it holds no snapshot while it waits.",
              "CALL it as a statement of its own, outside BEGIN and COMMIT.");
  job::Wait(id, arguments.OptionalInterval(1));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_progress_bar) {
  std::optional<double> percent;
  if (!PG_ARGISNULL(0)) percent = PG_GETARG_FLOAT8(0);
  const int width = Arguments(fcinfo).OptionalInt4(1).value_or(20);
  if (width < 1 || width > kWidestBar)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("width must be between 1 and {}", kWidestBar),
              fmt::format("It is {}.", width));
  return pg::MakeText(pg_cutover::core::ProgressBar(percent, width));
}

PG_CUTOVER_FUNCTION(pg_cutover_scan_progress) {
  namespace compare = pg_cutover::compare;
  const std::optional<compare::ScanState> scan = compare::FindScan(PG_GETARG_INT32(0));
  pg::Section([=] {
    InitMaterializedSRF(fcinfo, 0);
    if (!scan) return;
    Datum values[] = {Int64GetDatum(scan->rows_source), Int64GetDatum(scan->rows_read),
                      Int64GetDatum(scan->rows_expected), Float8GetDatum(scan->seconds)};
    bool nulls[] = {false, false, false, false};
    auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
  return 0;
}

PG_CUTOVER_FUNCTION(pg_cutover_job_has_worker) {
  PG_RETURN_BOOL(job::HasLeader(Arguments(fcinfo).Int8(0, "job")));
}
