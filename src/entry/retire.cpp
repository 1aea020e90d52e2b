// migrate_retire and migrate_purge.
#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "entry/lock_retry.hpp"
#include "link/dropped.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"
#include "swap/retire.hpp"

namespace pg_cutover::entry {

namespace {

void Retire(Oid retired, std::optional<int64_t> retain_ms) {
  pg::RequireOwner(retired);
  if (!retain_ms || *retain_ms < 0)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "retain must be an interval that is not negative");
  const std::optional<catalog::SwapRow> swap = catalog::FindSwapByMirror(retired);
  if (!swap) {
    const std::optional<catalog::SwapRow> live = catalog::FindSwapByLive(retired);
    if (live) link::RequireThere(live->mirror);
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("{} has not been replaced by another table", pg::QualifiedName(retired)), {},
        live ? fmt::format("It is in use. SELECT migrate_retire({}) archives the table that it "
                           "replaced.",
                           pg::QuoteLiteral(pg::QualifiedName(live->mirror)))
             : std::string("Only a table that migrate_cutover has replaced can be retired."));
  }
  if (swap->retired)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} is retired already", pg::QualifiedName(retired)), {},
              "SELECT * FROM migrate_purge() shows when it may be dropped.");
  link::RequireThere(swap->live);
  pg::RequireOwner(swap->live);
  WithLockRetry(swap->live, AccessExclusiveLock, [&] { swap::Retire(*swap, *retain_ms * 1000); });
}

void PutRow(FunctionCallInfo call, const swap::Purged& row) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  const std::string& text = row.safe_after;
  const char* const when = text.c_str();
  const Datum object = pg::MakeText(row.object);
  pg::Section([&] {
    Datum values[3] = {object,
                       DirectFunctionCall3(timestamptz_in, CStringGetDatum(when),
                                           ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)),
                       BoolGetDatum(row.dropped)};
    bool nulls[3] = {false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_retire) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::entry::Retire(arguments.Relation(0, "retired"), arguments.OptionalInterval(1));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_purge) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const bool dry_run = arguments.Bool(0, "dry_run");
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  for (const pg_cutover::swap::Purged& row : pg_cutover::swap::Purge(dry_run))
    pg_cutover::entry::PutRow(fcinfo, row);
  return Datum{0};
}
