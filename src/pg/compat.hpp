// Differences between PostgreSQL 15, 16, 17 and 18, in one place.
//
// Call sites use the newest signature; older majors are adapted here with inline functions. Never
// an #if inside an argument list elsewhere.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_cutover supports PostgreSQL 15 to 18"
#endif

extern "C" {
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#include "varatt.h"
#endif
}

namespace pg_cutover::pg::compat {

// 16: one function a catalog (c727f511b).
inline bool RelationOwnerCheck(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, relation, role);
#else
  return pg_class_ownercheck(relation, role);
#endif
}

inline AclResult SchemaAclCheck(Oid schema, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(NamespaceRelationId, schema, role, mode);
#else
  return pg_namespace_aclcheck(schema, role, mode);
#endif
}

// 16: RelFileNode became RelFileLocator (b0a55e432).
inline Oid RelationFileNumber(::Relation relation) {
#if PG_VERSION_NUM >= 160000
  return relation->rd_locator.relNumber;
#else
  return relation->rd_node.relNode;
#endif
}

// 16: permissions left the range table entry (a61b1f748); 18: unpruned relids (d47cbf474).
inline void InitRangeTable(EState* estate, RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 160000
  List* permissions = NIL;
  RTEPermissionInfo* const permission = addRTEPermissionInfo(&permissions, entry);
  permission->requiredPerms = ACL_INSERT;
#if PG_VERSION_NUM >= 180000
  ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#else
  ExecInitRangeTable(estate, list_make1(entry), permissions);
#endif
#else
  entry->requiredPerms = ACL_INSERT;
  ExecInitRangeTable(estate, list_make1(entry));
#endif
}

// 16: onlySummarizing (19d8e2308). `arbiters` NIL: no index raises an error; else only these do
// not.
inline List* InsertIndexTuples(ResultRelInfo* target, TupleTableSlot* slot, EState* estate,
                               bool no_duplicate_error, bool* conflict, List* arbiters) {
#if PG_VERSION_NUM >= 160000
  return ExecInsertIndexTuples(target, slot, estate, false, no_duplicate_error, conflict, arbiters,
                               false);
#else
  return ExecInsertIndexTuples(target, slot, estate, false, no_duplicate_error, conflict, arbiters);
#endif
}

// 16: three ways to update indexes (19d8e2308). `indexes`: entries are to be made.
inline TM_Result UpdateTuple(::Relation table, ItemPointer position, TupleTableSlot* row,
                             CommandId command, bool* indexes) {
  TM_FailureData failure;
  LockTupleMode mode;
#if PG_VERSION_NUM >= 160000
  TU_UpdateIndexes update = TU_None;
  const TM_Result result = table_tuple_update(table, position, row, command, SnapshotAny,
                                              InvalidSnapshot, true, &failure, &mode, &update);
  // Entries of summarizing indexes cost little: all of them are made then.
  *indexes = update != TU_None;
#else
  const TM_Result result = table_tuple_update(table, position, row, command, SnapshotAny,
                                              InvalidSnapshot, true, &failure, &mode, indexes);
#endif
  return result;
}

// 17: MERGE checks its actions, too (5f2e179bd).
inline void CheckInsertTarget(ResultRelInfo* target) {
#if PG_VERSION_NUM >= 170000
  CheckValidResultRel(target, CMD_INSERT, NIL);
#else
  CheckValidResultRel(target, CMD_INSERT);
#endif
}

// 17: told by the type of the process.
inline bool IsWorkerProcess() {
#if PG_VERSION_NUM >= 170000
  return AmBackgroundWorkerProcess();
#else
  return IsBackgroundWorker;
#endif
}

// 17: the local transaction id moved (ab355e3a8).
inline LocalTransactionId CurrentLocalTransaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

// 16: TRUNCATE as the owner of partitions (bf5a894c5). `tables` are open, with AccessExclusiveLock.
inline void TruncateTables(List* tables, List* oids) {
#if PG_VERSION_NUM >= 160000
  ExecuteTruncateGuts(tables, oids, NIL, DROP_RESTRICT, false, false);
#else
  ExecuteTruncateGuts(tables, oids, NIL, DROP_RESTRICT, false);
#endif
}

// 16: the map is computed on demand (fb958b5da).
inline TupleConversionMap* RootToChildMap(ResultRelInfo* leaf, [[maybe_unused]] EState* estate) {
#if PG_VERSION_NUM >= 160000
  return ExecGetRootToChildMap(leaf, estate);
#else
  return leaf->ri_RootToPartitionMap;
#endif
}

// 18: instrumentation argument (0fbceae84).
inline IndexScanDesc IndexBeginScan(::Relation heap, ::Relation index, Snapshot snapshot,
                                    int keys) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(heap, index, snapshot, nullptr, keys, 0);
#else
  return index_beginscan(heap, index, snapshot, keys, 0);
#endif
}

// 18: the run_once argument went away (0dcb3d0fd).
inline bool RunPortal(Portal portal, long count, DestReceiver* destination, QueryCompletion* done) {
#if PG_VERSION_NUM >= 180000
  return PortalRun(portal, count, true, destination, destination, done);
#else
  return PortalRun(portal, count, true, true, destination, destination, done);
#endif
}

// The first number of a command with progress that the server does not use itself.
inline constexpr auto kScanCommand = static_cast<ProgressCommandType>(PROGRESS_COMMAND_COPY + 1);

// 16: renamed. The entry with this number, from 1 on, in this transaction's copy.
inline LocalPgBackendStatus* BackendStatusEntry(int number) {
#if PG_VERSION_NUM >= 160000
  return pgstat_get_local_beentry_by_index(number);
#else
  return pgstat_fetch_stat_local_beentry(number);
#endif
}

// 17: wait events can be named (c9af05465); before, an extension shows as "Extension".
inline uint32 WaitEvent([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
  return WaitEventExtensionNew(name);
#else
  return PG_WAIT_EXTENSION;
#endif
}

}  // namespace pg_cutover::pg::compat
