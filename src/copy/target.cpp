// The target of a copy, opened for one batch; see target.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "copy/plan.hpp"
#include "copy/target.hpp"
#include "pg/call.hpp"
#include "pg/index_probe.hpp"
#include "pg/heap_extension.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

// Rows of one batch: a guess that saves the first reallocations.
constexpr size_t kExpectedRows = 16 * 1024;
// Blocks: as much as the largest batch.
constexpr int64_t kMostReserved = 2048;

void LockToast(::Relation relation) {
  const Oid toast = relation->rd_rel->reltoastrelid;
  if (!OidIsValid(toast)) return;
  const ::Relation opened = table_open(toast, RowExclusiveLock);
  ListCell* cell = nullptr;
  foreach (cell, RelationGetIndexList(opened))
    LockRelationOid(lfirst_oid(cell), RowExclusiveLock);
  table_close(opened, NoLock);
}

// What a tuple will occupy with its out-of-line values.
int64_t StoredSize(TupleTableSlot* slot) {
  const HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, nullptr);
  int64_t size = tuple->t_len;
  if (!HeapTupleHasExternal(tuple)) return size;
  slot_getallattrs(slot);
  const TupleDesc descriptor = slot->tts_tupleDescriptor;
  for (int i = 0; i < descriptor->natts; ++i) {
    if (slot->tts_isnull[i] || TupleDescAttr(descriptor, i)->attlen != -1) continue;
    auto* const value = reinterpret_cast<struct varlena*>(DatumGetPointer(slot->tts_values[i]));
    if (VARATT_IS_EXTERNAL(value)) size += toast_datum_size(PointerGetDatum(value));
  }
  return size;
}

// The first of these indexes in which a committed row that nobody is deleting has the same values.
Oid CommittedDuplicate(EState* estate, ResultRelInfo* table, TupleTableSlot* row, List* suspects) {
  for (int i = 0; i < table->ri_NumIndices; ++i) {
    const ::Relation index = table->ri_IndexRelationDescs[i];
    if (!list_member_oid(suspects, RelationGetRelid(index))) continue;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    GetPerTupleExprContext(estate)->ecxt_scantuple = row;
    FormIndexDatum(table->ri_IndexRelationInfo[i], row, estate, values, nulls);
    const int keys = index->rd_index->indnkeyatts;
    ScanKeyData probe[INDEX_MAX_KEYS];
    for (int column = 0; column < keys; ++column) {
      pg::ProbeFor(&probe[column], index, column, values[column],
                   nulls[column] ? SK_ISNULL | SK_SEARCHNULL : 0);
    }
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    const IndexScanDesc scan =
        pg::compat::IndexBeginScan(table->ri_RelationDesc, index, &dirty, keys);
    index_rescan(scan, probe, keys, nullptr, 0);
    TupleTableSlot* const found = table_slot_create(table->ri_RelationDesc, nullptr);
    bool committed = false;
    while (!committed && index_getnext_slot(scan, ForwardScanDirection, found))
      committed = !ItemPointerEquals(&found->tts_tid, &row->tts_tid) &&
                  !TransactionIdIsValid(dirty.xmin) && !TransactionIdIsValid(dirty.xmax) &&
                  !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(
                      reinterpret_cast<BufferHeapTupleTableSlot*>(found)->base.tuple->t_data));
    ExecDropSingleTupleTableSlot(found);
    index_endscan(scan);
    if (committed) return RelationGetRelid(index);
  }
  return InvalidOid;
}

}  // namespace

Target::Target(Oid relation, bool one_by_one, Duplicates duplicates)
    : one_by_one_(one_by_one), duplicates_(duplicates) {
  ItemPointerSetInvalid(&at_);
  rows_.reserve(kExpectedRows);
  OpenRoot(relation);
}

void Target::OpenRoot(Oid relation) {
  const std::vector<Oid> leaves = Leaves(relation, RowExclusiveLock);
  pg::Section([&] {
    for (const Oid leaf : leaves) {
      const ::Relation opened = table_open(leaf, NoLock);
      LockToast(opened);
      ListCell* cell = nullptr;
      foreach (cell, RelationGetIndexList(opened))
        LockRelationOid(lfirst_oid(cell), RowExclusiveLock);
      table_close(opened, NoLock);
    }
    estate_ = CreateExecutorState();
    const MemoryContext outer = MemoryContextSwitchTo(estate_->es_query_cxt);
    auto* const entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = relation;
    entry->relkind = get_rel_relkind(relation);
    entry->rellockmode = RowExclusiveLock;
    pg::compat::InitRangeTable(estate_, entry);
    estate_->es_output_cid = GetCurrentCommandId(true);
    root_ = makeNode(ResultRelInfo);
    ExecInitResultRelation(estate_, root_, 1);
    pg::compat::CheckInsertTarget(root_);
    ExecOpenIndices(root_, false);
    if (entry->relkind == RELKIND_PARTITIONED_TABLE) {
      routing_state_ = makeNode(ModifyTableState);
      routing_state_->ps.plan = nullptr;
      routing_state_->ps.state = estate_;
      routing_state_->operation = CMD_INSERT;
      routing_state_->mt_nrels = 1;
      routing_state_->resultRelInfo = root_;
      routing_state_->rootResultRelInfo = root_;
      routing_ = ExecSetupPartitionTupleRouting(estate_, root_->ri_RelationDesc);
    }
    MemoryContextSwitchTo(outer);
  });
  if (routing_ == nullptr) pg::Section([this] { AddLeaf(root_); });
}

Target::~Target() {
  if (estate_ == nullptr) return;
  pg::ReleaseQuietly(probe_, [this] {
    for (Leaf* const leaf : leaves_) {
      FreeBulkInsertState(leaf->bulk);
      for (int i = 0; i < leaf->allocated; ++i)
        ExecDropSingleTupleTableSlot(leaf->slots[i]);
      if (leaf->converted != nullptr) ExecDropSingleTupleTableSlot(leaf->converted);
    }
    if (routing_ != nullptr) ExecCleanupTupleRouting(routing_state_, routing_);
    // The slots of partitions with another column order.
    ExecResetTupleTable(estate_->es_tupleTable, false);
    ExecCloseResultRelations(estate_);
    ExecCloseRangeTableRelations(estate_);
    FreeExecutorState(estate_);
  });
}

Target::Leaf* Target::AddLeaf(ResultRelInfo* info) {
  const MemoryContext outer = MemoryContextSwitchTo(estate_->es_query_cxt);
  auto* const leaf = static_cast<Leaf*>(palloc0(sizeof(Leaf)));
  const TupleDesc descriptor = RelationGetDescr(info->ri_RelationDesc);
  leaf->info = info;
  if (routing_ != nullptr) leaf->from_root = pg::compat::RootToChildMap(info, estate_);
  if (leaf->from_root != nullptr)
    leaf->converted = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
  leaf->bulk = GetBulkInsertState();
  leaf->has_constraints = descriptor->constr != nullptr;
  leaf->has_generated = leaf->has_constraints && descriptor->constr->has_generated_stored;
  MemoryContextSwitchTo(outer);
  leaf->number = static_cast<int32_t>(leaves_.size());
  leaves_.push_back(leaf);
  return leaf;
}

Target::Leaf* Target::Route(TupleTableSlot* row) {
  if (routing_ == nullptr) return leaves_[0];
  ResultRelInfo* const info = ExecFindPartition(routing_state_, root_, routing_, row, estate_);
  for (Leaf* const leaf : leaves_)
    if (leaf->info == info) return leaf;
  return AddLeaf(info);
}

void Target::Reserve(int64_t bytes) {
  if (routing_ != nullptr) return;
  // Rounded down: what is missing is added in the usual way.
  pg::ExtendHeap(root_->ri_RelationDesc,
                 static_cast<BlockNumber>(std::min(bytes / BLCKSZ, kMostReserved)));
}

void Target::Add(TupleTableSlot* row, const CopiedRow& origin) {
  at_ = origin.source;
  Leaf* const leaf = Route(row);
  if (leaf->used == leaf->allocated) {
    const MemoryContext outer = MemoryContextSwitchTo(estate_->es_query_cxt);
    leaf->slots[leaf->allocated++] =
        MakeSingleTupleTableSlot(RelationGetDescr(leaf->info->ri_RelationDesc), &TTSOpsHeapTuple);
    MemoryContextSwitchTo(outer);
  }
  TupleTableSlot* const slot = leaf->slots[leaf->used];
  if (leaf->from_root != nullptr)
    row = execute_attr_map_slot(leaf->from_root->attrMap, row, leaf->converted);
  ExecCopySlot(slot, row);
  slot->tts_tableOid = RelationGetRelid(leaf->info->ri_RelationDesc);
  if (leaf->has_generated) ExecComputeStoredGenerated(leaf->info, estate_, slot, CMD_INSERT);
  if (leaf->has_constraints) ExecConstraints(leaf->info, slot, estate_);
  ResetPerTupleExprContext(estate_);

  leaf->first_row[leaf->used++] = rows_.size();
  rows_.push_back(origin);
  rows_.back().leaf = leaf->number;
  const int64_t size = StoredSize(slot);
  bytes_ += size;
  // What is longer is cut down to this by toasting.
  heap_bytes_ += std::min<int64_t>(size, TOAST_TUPLE_TARGET);
  buffered_bytes_ += static_cast<size_t>(size);
  if (one_by_one_ || leaf->used == kBufferedRows || buffered_bytes_ >= kBufferedBytes) FlushAll();
}

void Target::FlushAll() {
  for (Leaf* const leaf : leaves_)
    Flush(leaf);
  buffered_bytes_ = 0;
}

void Target::Flush(Leaf* leaf) {
  if (leaf->used == 0) return;
  if (leaf->used > 1) ItemPointerSetInvalid(&at_);
  // Toasting leaves its copies in the current context.
  const MemoryContext outer = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate_));
  table_multi_insert(leaf->info->ri_RelationDesc, leaf->slots, leaf->used, estate_->es_output_cid,
                     0, leaf->bulk);
  MemoryContextSwitchTo(outer);
  for (int i = 0; i < leaf->used; ++i) {
    TupleTableSlot* const slot = leaf->slots[i];
    CopiedRow& row = rows_[leaf->first_row[i]];
    at_ = row.source;
    row.target = slot->tts_tid;
    if (leaf->info->ri_NumIndices > 0) {
      bool conflict = false;
      List* const recheck = pg::compat::InsertIndexTuples(
          leaf->info, slot, estate_, duplicates_ != Duplicates::kRaise, &conflict, NIL);
      // Conflicts are in the list; the flag stays false without arbiter indexes.
      row.conflict = recheck != NIL;
      // A deferrable constraint does not complain by itself here.
      if (row.conflict && duplicates_ == Duplicates::kNote)
        row.duplicate_in = CommittedDuplicate(estate_, leaf->info, slot, recheck);
      if (row.conflict && duplicates_ == Duplicates::kRaise)
        ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                        errmsg("duplicate key value violates unique constraint \"%s\"",
                               get_rel_name(linitial_oid(recheck)))));
      list_free(recheck);
    }
    ExecClearTuple(slot);
    ResetPerTupleExprContext(estate_);
  }
  leaf->used = 0;
}

void Target::TakeBack(const CopiedRow& row) {
  ItemPointerData position = row.target;
  simple_heap_delete(leaves_[row.leaf]->info->ri_RelationDesc, &position);
}

Target::Found Target::Probe(TupleTableSlot* row, const AttrNumber* key, int key_columns) {
  Leaf* const leaf = Route(row);
  TupleTableSlot* leaf_row = row;
  if (leaf->from_root != nullptr)
    leaf_row = execute_attr_map_slot(leaf->from_root->attrMap, row, leaf->converted);
  for (int i = 0; i < leaf->info->ri_NumIndices; ++i) {
    const ::Relation index = leaf->info->ri_IndexRelationDescs[i];
    const Form_pg_index form = index->rd_index;
    if (!form->indisunique || !form->indimmediate || form->indnkeyatts != key_columns ||
        RelationGetIndexExpressions(index) != NIL || RelationGetIndexPredicate(index) != NIL)
      continue;
    ScanKeyData scan_keys[INDEX_MAX_KEYS];
    int matched = 0;
    for (int column = 0; column < key_columns; ++column) {
      const AttrNumber in_leaf = form->indkey.values[column];
      const AttrNumber in_root =
          leaf->from_root == nullptr ? in_leaf : leaf->from_root->attrMap->attnums[in_leaf - 1];
      for (int k = 0; k < key_columns; ++k)
        matched += key[k] == in_root ? 1 : 0;
      bool null = false;
      const Datum value = slot_getattr(leaf_row, in_leaf, &null);
      pg::ProbeFor(&scan_keys[column], index, column, value, null ? SK_ISNULL : 0);
    }
    if (matched != key_columns) continue;
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    const IndexScanDesc scan =
        pg::compat::IndexBeginScan(leaf->info->ri_RelationDesc, index, &dirty, key_columns);
    index_rescan(scan, scan_keys, key_columns, nullptr, 0);
    TupleTableSlot* const found = table_slot_create(leaf->info->ri_RelationDesc, nullptr);
    const bool present = index_getnext_slot(scan, ForwardScanDirection, found);
    const bool in_progress =
        present && (TransactionIdIsValid(dirty.xmin) || TransactionIdIsValid(dirty.xmax));
    const TransactionId xmin =
        present ? HeapTupleHeaderGetRawXmin(
                      reinterpret_cast<BufferHeapTupleTableSlot*>(found)->base.tuple->t_data)
                : InvalidTransactionId;
    // The scan ends before anybody waits: a pinned leaf page blocks VACUUM.
    ExecDropSingleTupleTableSlot(found);
    index_endscan(scan);
    if (!present) return {Presence::kAbsent, xmin};
    return {in_progress ? Presence::kInProgress : Presence::kLive, xmin};
  }
  return {Presence::kAbsent, InvalidTransactionId};
}

}  // namespace pg_cutover::copy
