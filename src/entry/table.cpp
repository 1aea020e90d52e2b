// migrate_table: a table changed from start to end in one call.
//
// The shadow is made in the call, so that a mistake in an alteration is the caller's to see. The
// job then backfills and goes on with the swap: one job, whose phases are those of the two. Where
// the swap is to wait for migrate_cutover, another job compares the tables until then.
#include <fmt/format.h>

#include "capture/preconditions.hpp"
#include "catalog/cutover_rows.hpp"
#include "compare/watch.hpp"
#include "copy/backfill.hpp"
#include "entry/arguments.hpp"
#include "entry/backfill.hpp"
#include "entry/cutover_checks.hpp"
#include "entry/table.hpp"
#include "job/create.hpp"
#include "job/session.hpp"
#include "link/dropped.hpp"
#include "link/shadow.hpp"
#include "link/table_name.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"
#include "swap/cutover.hpp"
#include "swap/request.hpp"

namespace pg_cutover::entry {

namespace {

// JobRow::request of a job that leaves the swap to migrate_cutover, as jsonb prints it.
constexpr const char* kManual = R"({"cutover": "manual"})";

// The swap would find out when everything has been copied.
void RequireAlone(Oid relation) {
  const std::vector<std::string> others = catalog::OtherSyncedLinks(relation, 0);
  if (others.empty()) return;
  link::RequireCounterparts(relation);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} is kept in step with another table", pg::QualifiedName(relation)),
            fmt::format("{}.", fmt::join(others, "; ")),
            "End that with migrate_retire or migrate_unlink, or use cutover => 'manual'.");
}

// Qualified and quoted, as migrate_shadow takes it.
std::string ShadowName(Oid relation) {
  const Oid schema = pg::Call(get_rel_namespace, relation);
  const std::string name = link::FreeTableName(schema, pg::RelationName(relation), "_new");
  const std::string qualifier =
      pg::Section([=]() -> const char* { return get_namespace_name(schema); });
  return fmt::format("{}.{}", pg::QuoteIdentifier(qualifier), pg::QuoteIdentifier(name));
}

bool WaitsForCutover(const std::string& cutover) {
  if (cutover != "auto" && cutover != "manual")
    pg::Raise(
        ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("cutover \"{}\" is not known", cutover), {},
        "Use auto (swap as soon as everything is copied and verified) or manual (keep the new "
        "table in step until migrate_cutover).");
  return cutover == "manual";
}

int64_t ChangeTable(const Arguments& arguments) {
  const Oid relation = arguments.Relation(0, "relation");
  const bool manual = WaitsForCutover(arguments.Text(4, "cutover"));
  pg::RequireOwner(relation);
  if (!manual) RequireAlone(relation);

  link::ShadowRequest shadow;
  shadow.source = relation;
  shadow.target = ShadowName(relation);
  shadow.alterations = arguments.OptionalTextArray(1).value_or(std::vector<std::string>{});
  shadow.columns = arguments.OptionalDatum(2);
  shadow.filter = arguments.OptionalText(3);
  shadow.migration = arguments.OptionalText(7);

  catalog::JobRow job;
  job.kind = kTable;
  job.source = relation;
  job.workers = arguments.OptionalInt4(5).value_or(1);
  CheckOptions(job);
  job.target = link::CreateShadow(shadow);
  if (!arguments.IsNull(6)) job.throttle = pg::OutputText(JSONBOID, arguments.OptionalDatum(6));
  job.sync = true;
  job.migration = shadow.migration;
  const catalog::LinkRow link = catalog::FindLink(job.source, job.target).value();
  job.link = link.id;
  capture::RequireCapturable(link, capture::Moment::kBeforeCopy);
  if (manual) {
    job.request = kManual;
  } else {
    // What stands in the way of the swap is said now, not when everything has been copied.
    RequireCarriedOver(link, std::nullopt, {});
    swap::Request request;
    request.reverse_columns = RequireInverse(link, 0,
                                             "Use cutover => 'manual', and then migrate_cutover "
                                             "with reverse_columns, or with reverse_sync "
                                             "=> false.");
    job.request = swap::RequestText(request);
  }
  return job::Create(std::move(job));
}

}  // namespace

void LeadTable(job::Session& session) {
  if (!swap::IsSwapPhase(session.row().phase)) copy::LeadBackfill(session);
  if (session.row().request == kManual)
    session.InStep([&] { compare::StartWatch(session.row().link.value()); });
  else
    swap::LeadSwap(session);
}

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_table) {
  return Int64GetDatum(pg_cutover::entry::ChangeTable(pg_cutover::entry::Arguments(fcinfo)));
}
