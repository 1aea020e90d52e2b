// The source as this transaction leaves it; see source_row.hpp.
#include "capture/source_row.hpp"

#include "pg/call.hpp"

namespace pg_cutover::capture {

bool IsCurrent(::Relation relation, TupleTableSlot* row) {
  return table_tuple_satisfies_snapshot(relation, row, SnapshotSelf);
}

TupleTableSlot* FindByKey(Entry* entry, ::Relation relation, const Datum* values) {
  const int columns = entry->mapping->source_key_columns;
  for (int i = 0; i < columns; ++i)
    entry->source_probe[i].sk_argument = values[i];
  // Not SnapshotSelf's business to lock: a DELETE does not open the indexes of its table.
  const ::Relation index = index_open(entry->source_index, AccessShareLock);
  const IndexScanDesc scan = pg::compat::IndexBeginScan(relation, index, SnapshotSelf, columns);
  index_rescan(scan, entry->source_probe, columns, nullptr, 0);
  const bool found = index_getnext_slot(scan, ForwardScanDirection, entry->source_found);
  index_endscan(scan);
  index_close(index, NoLock);
  return found ? entry->source_found : nullptr;
}

TupleTableSlot* FindByKeyOf(Entry* entry, ::Relation relation, TupleTableSlot* row) {
  Datum values[INDEX_MAX_KEYS];
  for (int i = 0; i < entry->mapping->source_key_columns; ++i) {
    bool null = false;
    values[i] = slot_getattr(row, entry->mapping->source_key[i], &null);
    if (null) return nullptr;
  }
  return FindByKey(entry, relation, values);
}

TupleTableSlot* FindForTarget(Entry* entry, ::Relation relation, const Key& key) {
  const link::CompiledMapping& mapping = *entry->mapping;
  for (int i = 0; i < mapping.source_key_columns; ++i)
    for (int k = 0; k < mapping.key_columns; ++k)
      if (link::PlainColumn(mapping.values[mapping.target_key[k] - 1]) == mapping.source_key[i])
        entry->source_probe[i].sk_argument = key.values[k];
  const ::Relation index = index_open(entry->source_index, AccessShareLock);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    const IndexScanDesc scan =
        pg::compat::IndexBeginScan(relation, index, &dirty, mapping.source_key_columns);
    index_rescan(scan, entry->source_probe, mapping.source_key_columns, nullptr, 0);
    const bool found = index_getnext_slot(scan, ForwardScanDirection, entry->source_found);
    index_endscan(scan);
    // What the snapshot says is about the row that was found.
    TransactionId other = InvalidTransactionId;
    if (found) other = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
    if (!TransactionIdIsValid(other)) {
      index_close(index, NoLock);
      return found ? entry->source_found : nullptr;
    }
    ItemPointerData at = entry->source_found->tts_tid;
    ExecClearTuple(entry->source_found);
    XactLockTableWait(other, relation, &at, XLTW_FetchUpdated);
  }
}

}  // namespace pg_cutover::capture
