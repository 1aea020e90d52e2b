// migrate_add_check, migrate_drop_check, migrate_validate, migrate_compare_queries,
// migrate_schedule and migrate_unschedule.
#include "entry/arguments.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"
#include "validate/checks.hpp"
#include "validate/compare_queries.hpp"
#include "validate/run.hpp"
#include "validate/schedule.hpp"

namespace pg_cutover::entry {

namespace {

Datum Required(FunctionCallInfo call, int index, const char* name) {
  if (call->args[index].isnull)
    pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(name) + " must not be null");
  return call->args[index].value;
}

template <size_t Columns>
void PutRow(FunctionCallInfo call, Datum (&values)[Columns], bool (&nulls)[Columns]) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  pg::Section([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
}

void PutResult(FunctionCallInfo call, const validate::CheckResult& result) {
  Datum values[] = {result.name ? pg::MakeText(*result.name) : 0,
                    pg::MakeText(validate::StatusName(result.finding.status)),
                    pg::MakeText(result.finding.details)};
  bool nulls[] = {!result.name, false, false};
  PutRow(call, values, nulls);
}

const char* VerdictName(core::Verdict verdict) {
  switch (verdict) {
    case core::Verdict::kPass:
      return "PASS";
    case core::Verdict::kFail:
      return "FAIL";
    case core::Verdict::kInconclusive:
      break;
  }
  return "INCONCLUSIVE";
}

void PutComparison(FunctionCallInfo call, const validate::QueryComparison& found) {
  const bool open = !found.interval;
  Datum values[] = {pg::MakeText(VerdictName(found.verdict)),
                    Float8GetDatum(found.ratio),
                    Float8GetDatum(open ? 0 : found.interval->low),
                    Float8GetDatum(open ? 0 : found.interval->high),
                    Float8GetDatum(found.old_ms),
                    Float8GetDatum(found.new_ms),
                    pg::MakeText(found.detail)};
  bool nulls[] = {false, false, open, open, false, false, false};
  PutRow(call, values, nulls);
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_add_check) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::validate::AddCheck(
      arguments.Text(0, "migration"), arguments.Text(1, "name"), arguments.Text(2, "kind"),
      pg_cutover::pg::OutputText(JSONBOID, pg_cutover::entry::Required(fcinfo, 3, "spec")));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_drop_check) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::validate::DropCheck(arguments.Text(0, "migration"), arguments.Text(1, "name"));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_validate) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const std::string migration = arguments.Text(0, "migration");
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  for (const pg_cutover::validate::CheckResult& result : pg_cutover::validate::Validate(migration))
    pg_cutover::entry::PutResult(fcinfo, result);
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_compare_queries) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const std::string old_query = arguments.Text(0, "old_query");
  const std::string new_query = arguments.Text(1, "new_query");
  const double tolerance = DatumGetFloat8(pg_cutover::entry::Required(fcinfo, 2, "tolerance"));
  const int32_t pairs = DatumGetInt32(pg_cutover::entry::Required(fcinfo, 3, "pairs"));
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  pg_cutover::entry::PutComparison(
      fcinfo, pg_cutover::validate::CompareQueries(old_query, new_query, tolerance, pairs));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_schedule) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  return Int64GetDatum(pg_cutover::validate::Schedule(arguments.Text(0, "migration"),
                                                      arguments.Text(1, "schedule")));
}

PG_CUTOVER_FUNCTION(pg_cutover_unschedule) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::validate::Unschedule(arguments.Text(0, "migration"));
  return Datum{0};
}
