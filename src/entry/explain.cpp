// migrate_explain: how a backfill would be done. Changes nothing.
#include <fmt/format.h>

#include "copy/explain.hpp"
#include "entry/arguments.hpp"
#include "link/create.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

catalog::LinkRow LinkOrDraft(Oid source, Oid target) {
  pg::RequireOwner(source);
  pg::RequireOwner(target);
  if (std::optional<catalog::LinkRow> found = catalog::FindLink(source, target)) return *found;
  link::Request request;
  request.source = source;
  request.target = target;
  request.allow_unsyncable = true;
  return link::Draft(request);
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
  for (const pg_cutover::copy::Step& step :
       pg_cutover::copy::Explain(entry::LinkOrDraft(source, target)))
    entry::PutRow(fcinfo, step);
  return 0;
}
