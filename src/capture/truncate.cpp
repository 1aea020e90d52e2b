// TRUNCATE of the source, mirrored; see trigger.hpp.
//
// Row triggers do not see a TRUNCATE, so a trigger of its own runs before it, on every table that
// stores rows (the parent's does not fire for a leaf), under the AccessExclusiveLock that TRUNCATE
// has on the source: no copier and no writer is in the middle of anything. Where the target has
// nothing but this source's rows it is truncated as well; else the rows are read once more, and
// what mirrors them is deleted.
#include <fmt/format.h>

#include <optional>

#include "capture/permission.hpp"
#include "capture/source_row.hpp"
#include "capture/trigger.hpp"
#include "capture/trigger_data.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// Foreign keys that reference a table keep it from being truncated.
bool MayTruncate(Oid target) {
  return pg::Section([=] { return heap_truncate_find_FKs(list_make1_oid(target)) == NIL; });
}

void TruncateTarget(Oid target) {
  // The mirror's guard has a trigger for this, too.
  const DirectWrites allowed;
  pg::Section([=] {
    List* const oids = find_all_inheritors(target, AccessExclusiveLock, nullptr);
    List* tables = NIL;
    ListCell* cell = nullptr;
    foreach (cell, oids)
      tables = lappend(tables, table_open(lfirst_oid(cell), NoLock));
    pg::compat::TruncateTables(tables, oids);
    foreach (cell, tables)
      table_close(static_cast<::Relation>(lfirst(cell)), NoLock);
  });
}

void RemoveMirrored(Entry* entry, ::Relation relation) {
  pg::Section([=] {
    Open(entry->mirror);
    const TableScanDesc scan =
        table_beginscan_strat(relation, SnapshotSelf, 0, nullptr, true, false);
    while (table_scan_getnextslot(scan, ForwardScanDirection, entry->source_found)) {
      CHECK_FOR_INTERRUPTS();
      ResetExprContext(entry->mapping->context);
      if (!link::Passes(entry->mapping, entry->source_found)) continue;
      Key key;
      KeyOf(*entry->mirror, entry->source_found, &key);
      if (entry->owner)
        SetNone(entry->mirror, key, nullptr);
      else
        SetColumns(entry->mirror, key, nullptr);
    }
    table_endscan(scan);
    ExecClearTuple(entry->source_found);
    Close(entry->mirror);
  });
}

}  // namespace

void CaptureTruncate(FunctionCallInfo call) {
  const TriggerData& data = DataOf(call);
  if (!TRIGGER_FIRED_BY_TRUNCATE(data.tg_event))
    pg::Raise(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
              "migrate.capture_truncate() is for triggers BEFORE TRUNCATE");
  const Use entry(LinkOf(data), data.tg_relation);
  if (entry->idle) return;
  const pg::UserScope as_owner(entry->role, SECURITY_NOFORCE_RLS);
  if (entry->alone && entry->source == entry->root && MayTruncate(entry->mirror->target)) {
    TruncateTarget(entry->mirror->target);
    return;
  }
  std::optional<link::CanonicalSettings> settings;
  if (entry->pinned) settings.emplace();
  RemoveMirrored(&*entry, data.tg_relation);
}

void RejectDirectWrite(FunctionCallInfo call) {
  const TriggerData& data = DataOf(call);
  if (DirectWrites::Allowed()) return;
  const Oid relation = RelationGetRelid(data.tg_relation);
  const std::string name = pg::QualifiedName(relation);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} mirrors another table and must not be written to", name),
            "pg_cutover keeps it in step with every write to that table.",
            "Write to the table that it mirrors; migrate.link_status names it.");
}

}  // namespace pg_cutover::capture
