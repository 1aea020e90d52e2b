// Making a mirror, and opening it for a row; see mirror.hpp.
//
// The executor's structures are made once and live as long as the cache entry. The relations behind
// them cannot: a relation that stays open would outlive its statement, and would make DDL on the
// target in the same transaction fail. So they are looked up again for every row, under locks that
// are taken once in a transaction.
#include "capture/mirror.hpp"
#include "capture/place.hpp"
#include "pg/call.hpp"

namespace pg_cutover::capture {

namespace {

TupleTableSlot* MakeSlot(TupleDesc type, const TupleTableSlotOps* operations) {
  // Of a copy: the relation cache's own descriptor would be pinned by whoever happens to run now.
  return MakeSingleTupleTableSlot(type, operations);
}

// What ExecInitResultRelation and ExecOpenIndices do, without keeping anything open.
void PreparePlainPlace(Mirror* mirror, ::Relation table, Oid key_index) {
  MakeRangeTable(mirror->estate, mirror->target);
  Place* const place = &mirror->plain;
  place->table = makeNode(ResultRelInfo);
  InitResultRelInfo(place->table, table, 1, nullptr, 0);
  List* const indexes = RelationGetIndexList(table);
  const int count = list_length(indexes);
  mirror->indexes = static_cast<Oid*>(palloc(sizeof(Oid) * (count + 1)));
  place->table->ri_NumIndices = count;
  place->table->ri_IndexRelationDescs =
      static_cast<RelationPtr>(palloc0(sizeof(::Relation) * (count + 1)));
  place->table->ri_IndexRelationInfo =
      static_cast<IndexInfo**>(palloc0(sizeof(IndexInfo*) * (count + 1)));
  place->key_index = -1;
  for (int i = 0; i < count; ++i) {
    mirror->indexes[i] = list_nth_oid(indexes, i);
    const ::Relation index = index_open(mirror->indexes[i], RowExclusiveLock);
    place->table->ri_IndexRelationInfo[i] = BuildIndexInfo(index);
    if (mirror->indexes[i] == key_index) place->key_index = i;
    index_close(index, NoLock);
  }
  place->found = MakeSlot(mirror->row_type, &TTSOpsBufferHeapTuple);
  place->table->ri_RelationDesc = nullptr;
}

}  // namespace

Mirror* Create(EState* estate, ::Relation table, const link::CompiledMapping* mapping,
               const link::Guarantees& promised, Oid key_index) {
  return pg::Section([&] {
    auto* const mirror = static_cast<Mirror*>(palloc0(sizeof(Mirror)));
    mirror->target = RelationGetRelid(table);
    mirror->partitioned = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    mirror->estate = estate;
    mirror->mapping = mapping;
    mirror->row_type = CreateTupleDescCopyConstr(RelationGetDescr(table));
    mirror->stored = MakeSlot(mirror->row_type, &TTSOpsHeapTuple);
    mirror->defaults = MakeSlot(mirror->row_type, &TTSOpsVirtual);
    mirror->column_defaults =
        static_cast<ExprState**>(palloc0(sizeof(ExprState*) * (mirror->row_type->natts + 1)));
    for (int i = 0; i < mirror->row_type->natts; ++i) {
      if (TupleDescAttr(mirror->row_type, i)->attisdropped ||
          TupleDescAttr(mirror->row_type, i)->attgenerated != '\0')
        continue;
      Node* const value = build_column_default(table, i + 1);
      if (value != nullptr)
        mirror->column_defaults[i] =
            ExecInitExpr(expression_planner(reinterpret_cast<Expr*>(value)), nullptr);
    }
    mirror->routed = MakeSlot(mirror->row_type, &TTSOpsVirtual);
    mirror->locked_in = InvalidLocalTransactionId;
    const ::Relation index = index_open(key_index, AccessShareLock);
    PrepareProbe(mirror, index);
    index_close(index, NoLock);
    if (mirror->partitioned) {
      mirror->indexes = static_cast<Oid*>(palloc(sizeof(Oid)));
      mirror->indexes[0] = key_index;
    } else {
      PreparePlainPlace(mirror, table, key_index);
      mirror->plain.implied = list_copy(promised.implied);
    }
    return mirror;
  });
}

void Lock(Mirror* mirror) {
  if (mirror->locked_in == pg::compat::CurrentLocalTransaction()) return;
  // A subtransaction that fails must not take the locks with it: we would not notice.
  const ResourceOwner current = CurrentResourceOwner;
  CurrentResourceOwner = TopTransactionResourceOwner;
  LockRelationOid(mirror->target, RowExclusiveLock);
  if (!mirror->partitioned)
    for (int i = 0; i < mirror->plain.table->ri_NumIndices; ++i)
      LockRelationOid(mirror->indexes[i], RowExclusiveLock);
  CurrentResourceOwner = current;
  mirror->locked_in = pg::compat::CurrentLocalTransaction();
}

void Open(Mirror* mirror) {
  if (mirror->partitioned) return;
  ResultRelInfo* const table = mirror->plain.table;
  table->ri_RelationDesc = RelationIdGetRelation(mirror->target);
  for (int i = 0; i < table->ri_NumIndices; ++i)
    table->ri_IndexRelationDescs[i] = RelationIdGetRelation(mirror->indexes[i]);
}

void Close(Mirror* mirror) {
  ResetPerTupleExprContext(mirror->estate);
  ResetExprContext(mirror->mapping->context);
  if (mirror->partitioned) return;
  ResultRelInfo* const table = mirror->plain.table;
  for (int i = 0; i < table->ri_NumIndices; ++i)
    RelationClose(table->ri_IndexRelationDescs[i]);
  RelationClose(table->ri_RelationDesc);
  table->ri_RelationDesc = nullptr;
}

void Abandon(TupleTableSlot* slot) {
  if (slot == nullptr) return;
  auto* const buffered = reinterpret_cast<BufferHeapTupleTableSlot*>(slot);
  buffered->buffer = InvalidBuffer;
  buffered->base.tuple = nullptr;
  slot->tts_flags = (slot->tts_flags | TTS_FLAG_EMPTY) & ~TTS_FLAG_SHOULDFREE;
  slot->tts_nvalid = 0;
}

}  // namespace pg_cutover::capture
