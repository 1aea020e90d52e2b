// TRUNCATE of the source, mirrored; see trigger.hpp.
//
// Row triggers do not see a TRUNCATE, so a trigger of its own runs before it, on every table that
// stores rows (the parent's does not fire for a leaf), under the AccessExclusiveLock that TRUNCATE
// has on the source: no copier and no writer is in the middle of anything. Where the target has
// nothing but this source's rows it is truncated as well; else the rows are read once more, and
// what mirrors them is deleted.
#include <fmt/format.h>

#include <optional>

#include "capture/install.hpp"
#include "capture/permission.hpp"
#include "capture/reject.hpp"
#include "capture/source_row.hpp"
#include "capture/trigger.hpp"
#include "capture/trigger_data.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// Triggers of the mirror's owner would fire, if it was in use once.
bool HasTruncateTriggers(::Relation table) {
  const TriggerDesc* const triggers = table->trigdesc;
  for (int i = 0; triggers != nullptr && i < triggers->numtriggers; ++i) {
    const Trigger& trigger = triggers->triggers[i];
    if (TRIGGER_FOR_TRUNCATE(trigger.tgtype) && strcmp(trigger.tgname, kGuardName) != 0)
      return true;
  }
  return false;
}

bool InUse(::Relation table) {
  return table->rd_refcnt > 1 || AfterTriggerPendingOnRel(RelationGetRelid(table));
}

// False: it cannot be, and nothing was done. Never waits for its locks: whoever holds one may be
// waiting for this transaction, as a concurrent index build does.
bool TruncateTarget(Oid target, int64_t link) {
  // The mirror's guard has a trigger for this, too.
  const DirectWrites allowed;
  const bool locked = pg::Section([=] {
    if (!ConditionalLockRelationOid(target, AccessExclusiveLock)) return false;
    List* const members = find_all_inheritors(target, NoLock, nullptr);
    ListCell* cell = nullptr;
    foreach (cell, members)
      if (!ConditionalLockRelationOid(lfirst_oid(cell), AccessExclusiveLock)) return false;
    return true;
  });
  if (!locked) return false;
  // Under the lock, which another link into the target would have had to take as well.
  const std::optional<catalog::Mirrored> mirrored = catalog::FindMirrored(link);
  if (!mirrored || !mirrored->alone) return false;
  return pg::Section([=] {
    // Foreign keys that reference a table keep it from being truncated.
    if (heap_truncate_find_FKs(list_make1_oid(target)) != NIL) return false;
    List* const oids = find_all_inheritors(target, NoLock, nullptr);
    List* tables = NIL;
    bool possible = true;
    ListCell* cell = nullptr;
    foreach (cell, oids) {
      const ::Relation table = table_open(lfirst_oid(cell), NoLock);
      possible = possible && !HasTruncateTriggers(table) && !InUse(table);
      tables = lappend(tables, table);
    }
    if (possible) pg::compat::TruncateTables(tables, oids);
    foreach (cell, tables)
      table_close(static_cast<::Relation>(lfirst(cell)), NoLock);
    return possible;
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
  const pg::ErrorContext context = ContextOf(*entry);
  const pg::UserScope as_owner(entry->role, SECURITY_NOFORCE_RLS);
  if (entry->alone && entry->source == entry->root &&
      TruncateTarget(entry->mirror->target, entry->link))
    return;
  std::optional<link::CanonicalSettings> settings;
  if (entry->pinned) settings.emplace();
  if (!entry->guarded) {
    RemoveMirrored(&*entry, data.tg_relation);
    return;
  }
  const std::optional<pg::Error> failure =
      pg::TryInSubtransaction([&] { RemoveMirrored(&*entry, data.tg_relation); });
  if (!failure) return;
  RequireRejection(*failure);
  entry->stale = true;
  Note(entry->link, entry->root, {}, *failure);
}

void RejectDirectWrite(FunctionCallInfo call) {
  const TriggerData& data = DataOf(call);
  if (DirectWrites::Allowed()) return;
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("{} is guarded and must not be written to",
                  pg::QualifiedName(RelationGetRelid(data.tg_relation))),
      "It mirrors another table, or is the archived form of one.",
      "Write to the table that is in use: migrate.link_status and migrate.revert_verdict name it.");
}

}  // namespace pg_cutover::capture
