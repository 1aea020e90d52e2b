// Which relations can be linked; see relation_checks.hpp.
#include <fmt/format.h>

#include "link/relation_checks.hpp"

#include <vector>

#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr const char* kCatalogSchema = "migrate";

Oid IdOf(::Relation relation) {
  return RelationGetRelid(relation);
}
std::string Name(::Relation relation) {
  return pg::QualifiedName(IdOf(relation));
}

const char* KindName(char kind) {
  switch (kind) {
    case RELKIND_VIEW:
      return "a view";
    case RELKIND_MATVIEW:
      return "a materialized view";
    case RELKIND_FOREIGN_TABLE:
      return "a foreign table";
    case RELKIND_SEQUENCE:
      return "a sequence";
    case RELKIND_INDEX:
    case RELKIND_PARTITIONED_INDEX:
      return "an index";
    case RELKIND_COMPOSITE_TYPE:
      return "a composite type";
    case RELKIND_TOASTVALUE:
      return "a TOAST table";
    default:
      return "not a table";
  }
}

bool IsTable(::Relation relation) {
  return relation->rd_rel->relkind == RELKIND_RELATION ||
         relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

void CheckNotOurs(::Relation relation) {
  const bool is_catalog = pg::Section([=] {
    return IsCatalogRelation(relation) || IsCatalogNamespace(RelationGetNamespace(relation)) ||
           IsToastNamespace(RelationGetNamespace(relation));
  });
  if (is_catalog)
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, fmt::format("{} is a system catalog", Name(relation)),
              {}, "Only ordinary tables can be linked.");
  const Oid ours = pg::Section([] { return get_namespace_oid(kCatalogSchema, true); });
  if (RelationGetNamespace(relation) == ours)
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
              fmt::format("{} belongs to pg_cutover itself", Name(relation)), {},
              "Only tables outside the schema migrate can be linked.");
}

// A worker is another session: it does not see this session's temporary tables.
void CheckPersistence(::Relation relation) {
  if (relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP) return;
  pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} is a temporary table", Name(relation)),
            "Background workers cannot see the temporary tables of a session.",
            "Use a permanent table.");
}

void CheckRowSecurity(::Relation relation, const char* effect) {
  const Oid id = IdOf(relation);
  if (pg::Call(check_enable_rls, id, GetUserId(), true) != RLS_ENABLED) return;
  pg::Raise(
      ERRCODE_INSUFFICIENT_PRIVILEGE, fmt::format("row security of {} {}", Name(relation), effect),
      fmt::format("Its policies apply to role \"{}\".", pg::RoleName(GetUserId())),
      fmt::format("Call as a role with BYPASSRLS, or ALTER TABLE {} NO FORCE ROW LEVEL SECURITY.",
                  Name(relation)));
}

std::optional<std::string> CheckLeaves(::Relation relation) {
  const Oid id = IdOf(relation);
  const List* const leaves =
      pg::Section([=] { return find_all_inheritors(id, AccessShareLock, nullptr); });
  const int count = list_length(leaves);
  for (int i = 0; i < count; ++i) {
    const Oid leaf = list_nth_oid(leaves, i);
    const char kind = pg::Call(get_rel_relkind, leaf);
    if (kind == RELKIND_FOREIGN_TABLE)
      return fmt::format("its partition {} is a foreign table", pg::QualifiedName(leaf));
    if (kind != RELKIND_RELATION) continue;
    struct Facts {
      char persistence;
      Oid access_method;
    };
    const Facts facts = pg::Section([=] {
      const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(leaf));
      if (!HeapTupleIsValid(tuple)) elog(ERROR, "partition %u is gone", leaf);
      const auto* const row = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
      const Facts read{row->relpersistence, row->relam};
      ReleaseSysCache(tuple);
      return read;
    });
    if (facts.persistence != RELPERSISTENCE_PERMANENT)
      return fmt::format("its partition {} is not a permanent table", pg::QualifiedName(leaf));
    if (facts.access_method != HEAP_TABLE_AM_OID)
      return fmt::format("its partition {} does not use the heap access method",
                         pg::QualifiedName(leaf));
  }
  return std::nullopt;
}

std::optional<std::string> CheckStorage(::Relation relation) {
  if (relation->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED) return "it is unlogged";
  if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) return CheckLeaves(relation);
  if (relation->rd_rel->relam != HEAP_TABLE_AM_OID) return "it does not use the heap access method";
  return std::nullopt;
}

bool HasChildren(::Relation relation) {
  const Oid id = IdOf(relation);
  return pg::Section([=] { return find_inheritance_children(id, NoLock) != NIL; });
}

bool HasParents(::Relation relation) {
  return pg::Call(has_superclass, IdOf(relation));
}

}  // namespace

std::optional<std::string> CheckSource(::Relation source) {
  CheckNotOurs(source);
  CheckPersistence(source);
  const char kind = source->rd_rel->relkind;
  if (kind == RELKIND_VIEW || kind == RELKIND_MATVIEW || kind == RELKIND_FOREIGN_TABLE)
    return fmt::format("it is {}", KindName(kind));
  if (!IsTable(source))
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} is {}", Name(source), KindName(kind)), {},
              "The source must be a table; views, materialized views and foreign tables can be "
              "copied from once.");
  CheckRowSecurity(source, "would hide rows");
  if (source->rd_rel->relispartition)
    return "it is a partition: link the partitioned table instead";
  if (kind == RELKIND_RELATION && HasChildren(source))
    return "other tables inherit from it: their rows would be left behind";
  if (HasParents(source)) return "it inherits from another table: NO INHERIT it first";
  return CheckStorage(source);
}

void RaiseUnsyncable(Oid source, const std::string& reason) {
  const std::string name = pg::QualifiedName(source);
  pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} cannot be kept in step", name),
            fmt::format("The reason: {}.", reason),
            fmt::format("It can be copied from once: SELECT migrate_backfill({}, '<target>', sync "
                        "=> false).",
                        pg::QuoteLiteral(name)));
}

std::optional<std::string> CheckTarget(::Relation target) {
  CheckNotOurs(target);
  CheckPersistence(target);
  const std::string name = Name(target);
  if (!IsTable(target))
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE,
              fmt::format("target {} is {}", name, KindName(target->rd_rel->relkind)), {},
              "The target must be an ordinary or a partitioned table.");
  CheckRowSecurity(target, "would apply to the rows that are written");
  if (target->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("target {} is unlogged", name),
              "A crash would empty it while the job believes that its rows are there.",
              fmt::format("ALTER TABLE {} SET LOGGED.", name));
  if (target->rd_rel->relispartition)
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("target {} is a partition", name),
              "Rows would have to fit this partition's bounds.",
              "Link to the partitioned table: rows find their partition.");
  if (target->rd_rel->relkind == RELKIND_RELATION && HasChildren(target))
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("other tables inherit from target {}", name),
              "Their rows would appear beside the copied ones.",
              "Link to a table without children, or to a partitioned table.");
  if (HasParents(target))
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("target {} inherits from another table", name),
              "Its rows would appear in the parent while they are copied.",
              fmt::format("ALTER TABLE {} NO INHERIT its parent.", name));
  return CheckStorage(target);
}

}  // namespace pg_cutover::link
