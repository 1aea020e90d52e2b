// Single rows of one table of a target; see place.hpp.
#include "capture/place.hpp"

#include "pg/call.hpp"
#include "pg/index_probe.hpp"

namespace pg_cutover::capture {

namespace {

::Relation KeyIndex(const Place& place) {
  return place.table->ri_IndexRelationDescs[place.key_index];
}

// The partition's child of the root's key index.
int FindKeyIndex(const ResultRelInfo* table, Oid root_index) {
  for (int i = 0; i < table->ri_NumIndices; ++i) {
    const ::Relation index = table->ri_IndexRelationDescs[i];
    if (!index->rd_rel->relispartition) continue;
    Oid ancestor = RelationGetRelid(index);
    while (get_rel_relispartition(ancestor))
      ancestor = get_partition_parent(ancestor, true);
    if (ancestor == root_index) return i;
  }
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("partition \"%s\" has no index for the key of its table",
                         RelationGetRelationName(table->ri_RelationDesc))));
}

// What the executor checks and computes for every row.
void Complete(EState* estate, Place* place, TupleTableSlot* row) {
  const TupleConstr* const constraints = RelationGetDescr(place->table->ri_RelationDesc)->constr;
  row->tts_tableOid = RelationGetRelid(place->table->ri_RelationDesc);
  if (constraints == nullptr) return;
  // Of an update too: PostgreSQL would compute only those whose columns it knows to be updated.
  if (constraints->has_generated_stored)
    ExecComputeStoredGenerated(place->table, estate, row, CMD_INSERT);
  ExecConstraints(place->table, row, estate);
}

// The indexes in which the row collides with another one.
List* AddIndexEntries(EState* estate, Place* place, TupleTableSlot* row) {
  if (place->table->ri_NumIndices == 0) return NIL;
  bool conflict = false;
  return pg::compat::InsertIndexTuples(place->table, row, estate, true, &conflict, place->implied);
}

// A collision that the source's own uniqueness excludes is with a row that this transaction has
// still to mirror. Of other indexes only those of deferrable constraints come here: nobody would
// check them again at the end of the transaction.
void RefuseDuplicates(const Place& place, List* collisions) {
  ListCell* cell = nullptr;
  foreach (cell, collisions) {
    if (list_member_oid(place.implied, lfirst_oid(cell))) continue;
    ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                    errmsg("duplicate key value violates unique constraint \"%s\"",
                           get_rel_name(lfirst_oid(cell)))));
  }
}

// A command must not change what it has made itself.
void SeeOwnRows(const Place& place) {
  const HeapTuple found = reinterpret_cast<BufferHeapTupleTableSlot*>(place.found)->base.tuple;
  if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(found->t_data)))
    CommandCounterIncrement();
}

}  // namespace

void PrepareProbe(Mirror* mirror, ::Relation key_index) {
  for (int i = 0; i < mirror->mapping->key_columns; ++i)
    pg::ProbeFor(&mirror->plain.probe[i], key_index, i, Datum{0}, 0);
}

void MakeRangeTable(EState* estate, Oid target) {
  auto* const entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = target;
  entry->relkind = get_rel_relkind(target);
  entry->rellockmode = RowExclusiveLock;
  pg::compat::InitRangeTable(estate, entry);
}

Place* FindPlace(Mirror* mirror, const Key& key, Route* route) {
  if (!mirror->partitioned) return &mirror->plain;
  const MemoryContext outer = CurrentMemoryContext;
  route->estate = CreateExecutorState();
  MemoryContextSwitchTo(route->estate->es_query_cxt);
  MakeRangeTable(route->estate, mirror->target);
  ResultRelInfo* const root = makeNode(ResultRelInfo);
  ExecInitResultRelation(route->estate, root, 1);
  route->state = makeNode(ModifyTableState);
  route->state->ps.plan = nullptr;
  route->state->ps.state = route->estate;
  route->state->operation = CMD_INSERT;
  route->state->mt_nrels = 1;
  route->state->resultRelInfo = root;
  route->state->rootResultRelInfo = root;
  route->routing = ExecSetupPartitionTupleRouting(route->estate, root->ri_RelationDesc);

  // The key contains the partition key.
  TupleTableSlot* const routed = ExecStoreAllNullTuple(mirror->routed);
  for (int i = 0; i < mirror->mapping->key_columns; ++i) {
    const AttrNumber column = mirror->mapping->target_key[i];
    routed->tts_values[column - 1] = key.values[i];
    routed->tts_isnull[column - 1] = key.nulls[i];
  }
  Place* const place = &route->place;
  memset(place, 0, sizeof(*place));
  place->table = ExecFindPartition(route->state, root, route->routing, routed, route->estate);
  ExecClearTuple(routed);
  place->key_index = FindKeyIndex(place->table, mirror->indexes[0]);
  place->implied = list_make1_oid(RelationGetRelid(KeyIndex(*place)));
  // A partition's index has the columns and operators of its parent's.
  memcpy(place->probe, mirror->plain.probe, sizeof(place->probe));
  const TupleConversionMap* const map = pg::compat::RootToChildMap(place->table, route->estate);
  place->found = table_slot_create(place->table->ri_RelationDesc, nullptr);
  if (map != nullptr) {
    place->from_root = map->attrMap;
    place->converted =
        MakeSingleTupleTableSlot(RelationGetDescr(place->table->ri_RelationDesc), &TTSOpsVirtual);
  }
  MemoryContextSwitchTo(outer);
  return place;
}

void LeavePlace(Route* route) {
  if (route->estate == nullptr) return;
  ExecDropSingleTupleTableSlot(route->place.found);
  if (route->place.converted != nullptr) ExecDropSingleTupleTableSlot(route->place.converted);
  ExecCleanupTupleRouting(route->state, route->routing);
  ExecResetTupleTable(route->estate->es_tupleTable, false);
  ExecCloseResultRelations(route->estate);
  ExecCloseRangeTableRelations(route->estate);
  FreeExecutorState(route->estate);
}

Found Probe(Mirror* mirror, Place* place, const Key& key) {
  for (int i = 0; i < mirror->mapping->key_columns; ++i) {
    if (key.nulls[i]) return Found::kAbsent;
    place->probe[i].sk_argument = key.values[i];
  }
  const ::Relation table = place->table->ri_RelationDesc;
  SnapshotData dirty;
  InitDirtySnapshot(dirty);
  const IndexScanDesc scan =
      pg::compat::IndexBeginScan(table, KeyIndex(*place), &dirty, mirror->mapping->key_columns);
  index_rescan(scan, place->probe, mirror->mapping->key_columns, nullptr, 0);
  const bool present = index_getnext_slot(scan, ForwardScanDirection, place->found);
  // The scan ends before anybody waits: a pinned leaf page blocks VACUUM.
  index_endscan(scan);
  if (!present) return Found::kAbsent;
  const TransactionId other = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
  if (!TransactionIdIsValid(other)) return Found::kPresent;
  ItemPointerData at = place->found->tts_tid;
  const uint32 token = TransactionIdIsValid(dirty.xmin) ? dirty.speculativeToken : 0;
  ExecClearTuple(place->found);
  if (token != 0)
    SpeculativeInsertionWait(other, token);
  else
    XactLockTableWait(other, table, &at, XLTW_InsertIndex);
  return Found::kInProgress;
}

bool Insert(EState* estate, Place* place, TupleTableSlot* row) {
  const ::Relation table = place->table->ri_RelationDesc;
  Complete(estate, place, row);
  table_tuple_insert(table, row, GetCurrentCommandId(true), 0, nullptr);
  List* const collisions = AddIndexEntries(estate, place, row);
  if (collisions == NIL) return true;
  if (!list_member_oid(collisions, RelationGetRelid(KeyIndex(*place)))) {
    RefuseDuplicates(*place, collisions);
    return true;
  }
  // Our own row is invisible to our own command until then.
  CommandCounterIncrement();
  ItemPointerData position = row->tts_tid;
  simple_heap_delete(table, &position);
  return false;
}

bool UpdateFound(EState* estate, Place* place, TupleTableSlot* row) {
  const ::Relation table = place->table->ri_RelationDesc;
  SeeOwnRows(*place);
  Complete(estate, place, row);
  ItemPointerData position = place->found->tts_tid;
  bool indexes = false;
  if (pg::compat::UpdateTuple(table, &position, row, GetCurrentCommandId(true), &indexes) != TM_Ok)
    return false;
  if (indexes) RefuseDuplicates(*place, AddIndexEntries(estate, place, row));
  return true;
}

bool DeleteFound(Place* place) {
  SeeOwnRows(*place);
  ItemPointerData position = place->found->tts_tid;
  TM_FailureData failure;
  return table_tuple_delete(place->table->ri_RelationDesc, &position, GetCurrentCommandId(true),
                            SnapshotAny, InvalidSnapshot, true, &failure, false) == TM_Ok;
}

}  // namespace pg_cutover::capture
