// migrate_link, migrate_unlink, migrate_shadow.
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "capture/install.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/job_rows.hpp"
#include "catalog/swap_rows.hpp"
#include "catalog/table_names.hpp"
#include "compare/watch.hpp"
#include "entry/arguments.hpp"
#include "entry/lock_retry.hpp"
#include "job/control.hpp"
#include "link/create.hpp"
#include "link/shadow.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"
#include "swap/retire.hpp"

namespace pg_cutover::entry {

namespace {

// Whichever of the two is called the source.
std::optional<catalog::SwapRow> FindSwap(Oid source, Oid target) {
  for (const auto& [live, mirror] : {std::pair(source, target), std::pair(target, source)})
    if (std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(live);
        swap && swap->mirror == mirror)
      return swap;
  return std::nullopt;
}

// Nothing is left to do for a job on a table that was dropped by hand, and nobody should have to
// look for its number first.
void CancelJobsOnDropped(Oid source, Oid target) {
  if (catalog::IsThere(source) && catalog::IsThere(target)) return;
  for (const Oid table : {source, target})
    if (const std::optional<int64_t> job = catalog::UnfinishedJobOn(table)) job::Cancel(*job);
}

void UnlinkSwapped(const catalog::SwapRow& swap) {
  for (const Oid relation : {swap.live, swap.mirror})
    if (catalog::IsThere(relation)) pg::RequireOwner(relation);
  const std::string live = catalog::TableName(swap.live);
  const std::string mirror = catalog::TableName(swap.mirror);
  WithLockRetry(swap.live, AccessExclusiveLock, [&] {
    swap::Dissolve(swap);
    if (catalog::IsThere(swap.mirror)) capture::RemoveGuard(swap.mirror);
    catalog::EndSwap(swap.id);
  });
  catalog::Event event;
  event.kind = "unlink";
  event.message = fmt::format(
      "{} {}; {} {}", live, catalog::IsThere(swap.live) ? "stays in use" : "was dropped", mirror,
      catalog::IsThere(swap.mirror) ? "is not kept in step any more" : "was dropped");
  event.source = swap.live;
  event.target = swap.mirror;
  catalog::RecordEvent(event);
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_link) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::link::Request request;
  request.source = arguments.Relation(0, "source");
  request.target = arguments.Relation(1, "target");
  request.columns = arguments.OptionalDatum(2);
  request.filter = arguments.OptionalText(3);
  request.key = arguments.OptionalTextArray(4);
  request.owner = arguments.Bool(5, "owner");
  request.migration = arguments.OptionalText(6);
  return Int64GetDatum(pg_cutover::link::Create(request));
}

PG_CUTOVER_FUNCTION(pg_cutover_unlink) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const Oid source = arguments.RelationOrDropped(0, "source");
  const Oid target = arguments.RelationOrDropped(1, "target");
  pg_cutover::entry::CancelJobsOnDropped(source, target);
  if (const auto swap = pg_cutover::entry::FindSwap(source, target)) {
    pg_cutover::entry::UnlinkSwapped(*swap);
    return Datum{0};
  }
  const pg_cutover::catalog::LinkRow link = pg_cutover::link::RequireUnlinkable(source, target);
  pg_cutover::compare::EndWatch(link.id);
  if (pg_cutover::catalog::FindCapture(link.id))
    pg_cutover::entry::WithLockRetry(source, AccessExclusiveLock,
                                     [&] { pg_cutover::capture::Remove(link); });
  pg_cutover::link::Unlink(source, target);
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_shadow) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::link::ShadowRequest request;
  request.source = arguments.Relation(0, "source");
  request.target = arguments.Text(1, "target");
  request.alterations = arguments.OptionalTextArray(2).value_or(std::vector<std::string>{});
  request.columns = arguments.OptionalDatum(3);
  request.filter = arguments.OptionalText(4);
  request.migration = arguments.OptionalText(5);
  return ObjectIdGetDatum(pg_cutover::link::CreateShadow(request));
}
