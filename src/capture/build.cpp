// Making a cache entry from the catalogs; see build.hpp.
#include <fmt/format.h>

#include "capture/build.hpp"

#include "capture/reject.hpp"
#include "link/expression.hpp"
#include "link/key.hpp"
#include "pg/call.hpp"
#include "pg/index_probe.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// Anybody may attach the trigger function to a table of his own and name somebody else's link.
void RequireMember(::Relation relation, Oid source) {
  Oid ancestor = RelationGetRelid(relation);
  while (ancestor != source && pg::Call(get_rel_relispartition, ancestor))
    ancestor = pg::Section([=] { return get_partition_parent(ancestor, true); });
  if (ancestor == source) return;
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("a trigger of pg_cutover does not belong on {}",
                        pg::QualifiedName(RelationGetRelid(relation))),
            "The link that it names is another table's.",
            "Drop the trigger; migrate_sync makes those that are needed.");
}

void Watch(Entry* entry, ::Relation relation) {
  entry->watched.push_back(RelationGetRelid(relation));
  const List* const indexes = pg::Call(RelationGetIndexList, relation);
  for (int i = 0; i < list_length(indexes); ++i)
    entry->watched.push_back(list_nth_oid(indexes, i));
}

Oid RequireKeyIndex(::Relation relation, const std::vector<std::string>& columns) {
  const Oid index = link::KeyIndex(relation, columns);
  if (!OidIsValid(index))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} has no unique index on ({}) any more",
                          pg::QualifiedName(RelationGetRelid(relation)), fmt::join(columns, ", ")));
  return index;
}

void PrepareSourceLookup(Entry* entry, ::Relation relation, const catalog::LinkRow& link) {
  entry->source_index = RequireKeyIndex(relation, link.source_key);
  pg::Section([=] {
    const ::Relation index = index_open(entry->source_index, AccessShareLock);
    for (int i = 0; i < index->rd_index->indnkeyatts; ++i)
      pg::ProbeFor(&entry->source_probe[i], index, i, Datum{0}, 0);
    index_close(index, NoLock);
    entry->source_found = MakeSingleTupleTableSlot(
        CreateTupleDescCopyConstr(RelationGetDescr(relation)), &TTSOpsBufferHeapTuple);
  });
}

void Fill(Entry* entry, ::Relation relation, const catalog::Mirrored& mirrored) {
  const catalog::LinkRow& link = mirrored.link;
  const pg::MemoryScope memory(entry->context);
  const pg::OpenRelation target(link.target, RowExclusiveLock);
  entry->role = pg::OwnerOf(link.target);
  Watch(entry, target.get());
  const Oid key_index = RequireKeyIndex(target.get(), link.target_key);
  // As the one in whose name the rows are written: he needs the right to call what the mapping
  // calls.
  const pg::UserScope as_owner(entry->role, SECURITY_NOFORCE_RLS);
  EState* const estate = pg::Call(CreateExecutorState);
  entry->mapping = link::Compile(link, estate, relation, target.get());
  link::Guarantees promised;
  {
    const link::CanonicalSettings settings;
    promised = link::Examine(*entry->mapping, relation, target.get(), key_index);
  }
  entry->pinned = !promised.fixed_meaning;
  entry->guarded = !promised.rows_fit && entry->policy != catalog::RejectPolicy::kFail;
  const pg::MemoryScope executor(estate->es_query_cxt);
  entry->mirror = Create(estate, target.get(), entry->mapping, promised, key_index);
  PrepareSourceLookup(entry, relation, link);
}

// For whoever wrote to the source and gets an error of a table he may never have heard of.
void Explain(Entry* entry, const catalog::Mirrored& mirrored) {
  const catalog::LinkRow& link = mirrored.link;
  const std::string source = pg::QualifiedName(link.source);
  const std::string target = pg::QualifiedName(link.target);
  entry->doing = fmt::format("dual-write of link {} from {} to {}{}", link.id, source,
                             mirrored.way_back ? "the retired table " : "", target);
  if (entry->policy != catalog::RejectPolicy::kFail) return;
  entry->what_to_do =
      mirrored.way_back
          ? fmt::format(
                "Write a row that {0} takes too, or give up the way back: SELECT "
                "migrate_retire({1}). A cutover with on_reject => 'record' notes such "
                "rows instead.",
                target, pg::QuoteLiteral(target))
          : fmt::format(
                "Write a row that {0} takes too, or end dual-write: SELECT "
                "migrate_unsync({1}, {2}). With on_reject => 'record' or 'suspend' such "
                "writes succeed.",
                target, pg::QuoteLiteral(source), pg::QuoteLiteral(target));
}

}  // namespace

void Build(Entry* entry, ::Relation relation) {
  Watch(entry, relation);
  // Looked up twice: what is committed to the link's tables after the second look is heard of only
  // if they are watched before it.
  if (const std::optional<catalog::Mirrored> before = catalog::FindMirrored(entry->link)) {
    entry->watched.push_back(before->link.source);
    entry->watched.push_back(before->link.target);
  }
  const std::optional<catalog::Mirrored> mirrored = catalog::FindMirrored(entry->link);
  if (!mirrored || mirrored->suspended) return;
  RequireMember(relation, mirrored->link.source);
  entry->watched.push_back(mirrored->link.source);
  entry->watched.push_back(mirrored->link.target);
  entry->root = mirrored->link.source;
  entry->policy = mirrored->policy;
  entry->alone = mirrored->alone;
  entry->owner = mirrored->link.owner;
  if (entry->owner) entry->siblings = mirrored->siblings;
  // The lock first: a target that is there then stays. Dropped by hand it is no reason to fail an
  // application's statement; the gates find out.
  pg::Call(LockRelationOid, mirrored->link.target, RowExclusiveLock);
  if (pg::Call(get_rel_relkind, mirrored->link.target) == '\0') return;

  Explain(entry, *mirrored);
  entry->context = pg::Section([] {
    return AllocSetContextCreateInternal(CacheMemoryContext, "pg_cutover capture",
                                         ALLOCSET_DEFAULT_SIZES);
  });
  // Whatever the policy about rows: DDL on either table must not stop its writers.
  if (const std::optional<pg::Error> failure =
          pg::TryInSubtransaction([&] { Fill(entry, relation, *mirrored); })) {
    RequireRejection(*failure);
    Note(entry->link, mirrored->link.source, {}, *failure);
    return;
  }
  entry->idle = false;
}

}  // namespace pg_cutover::capture
