// migrate_explain: how a backfill would be done, and what its swap would take along. Changes
// nothing.
#include <fmt/format.h>

#include "copy/explain.hpp"
#include "entry/arguments.hpp"
#include "entry/swap_outlook.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

// What the swap would take along, and what stands in its way.
std::vector<copy::Step> ExplainSwap(const catalog::LinkRow& link) {
  std::vector<copy::Step> steps;
  if (link.id == 0 || link.dormant || !link.owner || link.sync_refusal) return steps;
  try {
    const Outlook outlook = LookAhead(link);
    for (const std::string& object : outlook.carried)
      steps.push_back({"swap: carried over", object});
    for (const swap::Refusal& refusal : outlook.refusals)
      steps.push_back({"swap: refused", fmt::format("{}: {}", refusal.object, refusal.reason)});
  } catch (const pg::Error& error) {
    steps.push_back({"swap: refused", error.info().message});
  }
  return steps;
}

void PutRow(FunctionCallInfo call, const copy::Step& step) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  Datum values[2] = {pg::MakeText(step.step), pg::MakeText(step.detail)};
  pg::Section([&] {
    bool nulls[2] = {false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_explain) {
  namespace entry = pg_cutover::entry;
  const entry::Arguments arguments(fcinfo);
  const Oid source = arguments.Relation(0, "source");
  const Oid target = arguments.Relation(1, "target");
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  const pg_cutover::catalog::LinkRow link = entry::LinkOrDraft(source, target);
  for (const pg_cutover::copy::Step& step : pg_cutover::copy::Explain(link))
    entry::PutRow(fcinfo, step);
  for (const pg_cutover::copy::Step& step : entry::ExplainSwap(link))
    entry::PutRow(fcinfo, step);
  return 0;
}
