// What becomes of a table that was replaced; see retire.hpp.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/job_rows.hpp"
#include "catalog/table_names.hpp"
#include "link/create.hpp"
#include "link/table_name.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "swap/retire.hpp"

namespace pg_cutover::swap {

namespace {

void Run(const std::string& statement) {
  pg::Spi spi;
  spi.Execute(statement);
}

void RequireIdle(const catalog::SwapRow& swap) {
  for (const Oid relation : {swap.mirror, swap.live})
    if (const std::optional<int64_t> job = catalog::UnfinishedJobOn(relation))
      pg::Raise(ERRCODE_OBJECT_IN_USE,
                fmt::format("job {} is working on {}", *job, catalog::TableName(relation)), {},
                fmt::format("SELECT migrate_cancel({}), or wait until it has ended.", *job));
}

// Today's date as the server counts it, for names and comments.
struct Dates {
  std::string today;
  std::string compact;
  std::string safe_after;
};

Dates DatesOf(int64_t retain) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD'), "
      "pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYYMMDD'), "
      "pg_catalog.to_char(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) "
      "($1 OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval), 'YYYY-MM-DD')",
      {pg::Argument::Float8(static_cast<double>(retain))});
  return {rows.Text(0, 1).value(), rows.Text(0, 2).value(), rows.Text(0, 3).value()};
}

std::string ArchiveName(const catalog::SwapRow& swap, const std::string& date) {
  return link::FreeTableName(pg::Call(get_rel_namespace, swap.mirror), pg::RelationName(swap.live),
                             fmt::format("_archived_{}", date), "_");
}

void Record(const char* kind, const std::string& message, const catalog::SwapRow& swap) {
  catalog::Event event;
  event.kind = kind;
  event.message = message;
  event.source = swap.live;
  event.target = swap.mirror;
  catalog::RecordEvent(event);
}

}  // namespace

void Dissolve(const catalog::SwapRow& swap) {
  RequireIdle(swap);
  // In the order of writers: the table in use first.
  for (const Oid relation : {swap.live, swap.mirror})
    if (catalog::IsThere(relation)) pg::Call(LockRelationOid, relation, AccessExclusiveLock);
  if (swap.reverse_link) {
    capture::Remove(catalog::LoadLink(*swap.reverse_link));
    link::Forget(*swap.reverse_link);
  }
  if (swap.link) link::Forget(*swap.link);
  if (catalog::IsThere(swap.mirror)) capture::InstallGuard(swap.mirror);
}

void Retire(const catalog::SwapRow& swap, int64_t retain) {
  Dissolve(swap);
  const Dates dates = DatesOf(retain);
  const std::string before = pg::QualifiedName(swap.mirror);
  Run(fmt::format("ALTER TABLE {} RENAME TO {}", before,
                  pg::QuoteIdentifier(ArchiveName(swap, dates.compact))));
  pg::Call(CommandCounterIncrement);
  const std::string name = pg::QualifiedName(swap.mirror);
  Run(fmt::format("COMMENT ON TABLE {} IS {}", name,
                  pg::QuoteLiteral(fmt::format("Archived {}. Safe to drop after {}.", dates.today,
                                               dates.safe_after))));
  catalog::RetireSwap(swap.id, retain);
  catalog::RememberNames({swap.mirror});
  Record("retire",
         fmt::format("archived {} as {}; safe to drop after {}", before, name, dates.safe_after),
         swap);
}

std::vector<Purged> Purge(bool dry_run) {
  std::vector<Purged> purged;
  for (const catalog::RetiredRow& row : catalog::RetiredMirrors()) {
    Purged entry{pg::QualifiedName(row.mirror), row.safe_after};
    if (!catalog::IsThere(row.mirror)) {
      // Dropped by hand.
      if (!dry_run) catalog::EndSwap(row.id);
      continue;
    }
    if (!pg::Call(pg::compat::RelationOwnerCheck, row.mirror, GetUserId())) continue;
    if (!dry_run && row.due) {
      const std::string statement = fmt::format("DROP TABLE {}", entry.object);
      const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] { Run(statement); });
      if (failure) {
        if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
        pg::Warning(fmt::format("{} was not dropped: {}", entry.object, failure->info().message),
                    failure->info().detail);
      } else {
        entry.dropped = true;
        catalog::EndSwap(row.id);
        catalog::Event event;
        event.kind = "purge";
        event.message = fmt::format("dropped {}", entry.object);
        catalog::RecordEvent(event);
      }
    }
    purged.push_back(std::move(entry));
  }
  return purged;
}

}  // namespace pg_cutover::swap
