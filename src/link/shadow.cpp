// migrate_shadow: a new table like the source; see shadow.hpp.
//
// Order matters: the alterations see a table without indexes, so that they mean what they say; the
// key is made before the link, which looks for it; everything else is made on the empty table,
// described and dropped again (TakeOff), so that what is remembered is known to fit.
#include <fmt/format.h>

#include "link/shadow.hpp"

#include "catalog/event_rows.hpp"
#include "link/create.hpp"
#include "link/expression.hpp"
#include "link/json.hpp"
#include "link/key.hpp"
#include "link/relation_checks.hpp"
#include "link/retarget.hpp"
#include "link/shadow_table.hpp"
#include "link/source_objects.hpp"
#include "link/take_off.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

bool HasPrimaryKey(Oid relation) {
  const pg::OpenRelation open(relation, AccessShareLock);
  const std::vector<UniqueKey> keys = UsableKeys(open.get());
  return !keys.empty() && keys.front().primary;
}

// Makes the source's key on the shadow, unless the alterations brought a primary key of their own.
// Returns the index that was cloned, or InvalidOid.
Oid CloneKey(::Relation source, Oid shadow, Retargeter& retargeter) {
  if (HasPrimaryKey(shadow)) return InvalidOid;
  const std::vector<UniqueKey> keys = UsableKeys(source);
  if (keys.empty()) RaiseNoKey("source", source);
  const CanonicalSettings settings;
  retargeter.CloneKey(keys.front().index);
  return keys.front().index;
}

// The columns of the shadow's key: the cloned one, else its primary key.
std::optional<std::vector<std::string>> KeyColumns(::Relation source, Oid cloned_key,
                                                   const Lineage& lineage) {
  if (!OidIsValid(cloned_key)) return std::nullopt;
  const UniqueKey key = UsableKeys(source).front();
  std::vector<std::string> columns;
  for (const AttrNumber column : key.columns)
    columns.push_back(
        lineage.NameOf(NameStr(TupleDescAttr(RelationGetDescr(source), column - 1)->attname))
            .value());
  return columns;
}

int64_t LinkShadow(const ShadowRequest& request, Oid shadow, const Lineage& lineage,
                   std::optional<std::vector<std::string>> key) {
  Request link;
  link.source = request.source;
  link.target = shadow;
  link.columns = request.columns;
  link.filter = request.filter;
  link.migration = request.migration;
  link.key = std::move(key);
  link.created_target = true;
  link.inherited = lineage.Inherited();
  return Create(link);
}

// The key index is there already; its row tells the swap which name it takes.
void RememberKey(const catalog::LinkRow& link, const Retargeter& retargeter) {
  const pg::OpenRelation shadow(link.target, AccessShareLock);
  catalog::DeferredObject object;
  object.link = link.id;
  const Oid index = KeyIndex(shadow.get(), link.target_key);
  object.name = pg::RelationName(index);
  const auto renamed = retargeter.after_names().find(object.name);
  if (renamed == retargeter.after_names().end()) return;
  object.after_name = renamed->second;
  object.definition = pg::Call(pg_get_indexdef_string, index);
  catalog::InsertDeferredObject(object);
  catalog::MarkBuilt(link.id, catalog::DeferredObjects(link.id, true).front().position);
}

void Defer(const catalog::LinkRow& link, Retargeter& retargeter, Oid cloned_key) {
  const CanonicalSettings settings;
  RememberKey(link, retargeter);
  retargeter.CloneIndexes(cloned_key);
  TakeOffRules rules;
  rules.from_target = false;
  rules.exclusion_constraints = true;
  rules.after_name = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = retargeter.after_names().find(name);
    if (found == retargeter.after_names().end()) return std::nullopt;
    return found->second;
  };
  TakeOff(link, rules);
  for (catalog::DeferredObject& object : retargeter.ForeignKeys()) {
    object.link = link.id;
    catalog::InsertDeferredObject(object);
  }
  for (catalog::DeferredObject& object : retargeter.Triggers()) {
    object.link = link.id;
    catalog::InsertDeferredObject(object);
  }
  if (!retargeter.left_out().empty())
    pg::Notice(fmt::format("left out of {}: {}", pg::QualifiedName(link.target),
                           fmt::join(retargeter.left_out(), ", ")),
               "The alterations drop a column that they need, change its type, or replace the "
               "primary key.");
}

// What a failed CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY has left: made again it would be
// another index, valid, or fail the copy over rows that the source takes.
std::vector<std::string> LeaveOutInvalidIndexes(Oid source, Oid shadow) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT c.relname::text FROM pg_catalog.pg_index i "
      "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid "
      "WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND NOT (i.indisvalid AND i.indislive) "
      "ORDER BY i.indexrelid",
      {pg::Argument::ObjectId(source)});
  std::vector<std::string> names;
  for (uint64_t row = 0; row < rows.size(); ++row)
    names.push_back(rows.Text(row, 1).value());
  if (!names.empty())
    pg::Notice(
        fmt::format("invalid indexes of {} are left out of {}: {}", pg::QualifiedName(source),
                    pg::QualifiedName(shadow), fmt::join(names, ", ")),
        "A concurrent build or removal of them has failed. They stay on the old table.",
        "DROP INDEX CONCURRENTLY those that are not needed, and create the others on the "
        "new table after the copy.");
  return names;
}

void Record(const ShadowRequest& request, const catalog::LinkRow& link,
            const std::vector<std::string>& left_out) {
  catalog::Event event =
      catalog::EventOf(link, "shadow",
                       fmt::format("created {} like {}", pg::QualifiedName(link.target),
                                   pg::QualifiedName(link.source)));
  event.details = fmt::format("{{\"alterations\": {}, \"left_out\": {}}}",
                              JsonArray(request.alterations), JsonArray(left_out));
  event.inverse =
      fmt::format("SELECT migrate_unlink({}, {}); DROP TABLE {}",
                  pg::QuoteLiteral(pg::QualifiedName(link.source)),
                  pg::QuoteLiteral(pg::QualifiedName(link.target)), pg::QualifiedName(link.target));
  catalog::RecordEvent(event);
}

}  // namespace

void RequireShadowable(::Relation source) {
  if (source->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} is partitioned", pg::QualifiedName(RelationGetRelid(source))),
              "A shadow is made of ordinary tables only.",
              "Create the new table yourself and link the two with migrate_link(...).");
  if (const std::optional<std::string> refusal = CheckSource(source))
    RaiseUnsyncable(RelationGetRelid(source), *refusal);
}

Oid CreateShadow(const ShadowRequest& request) {
  pg::RequireOwner(request.source);
  const pg::OpenRelation source(request.source, AccessShareLock);
  RequireShadowable(source.get());
  const ShadowName name = ParseShadowName(request.target, request.source);
  // Before any of them is made again: CREATE INDEX and others go on under our lock. What comes
  // after this look is not in the list, so that the swap asks for it on the shadow.
  const std::vector<catalog::SourceObject> objects = Definitions(ObjectsOf(request.source));

  // The table's owner can attach code to it (in CHECKs, defaults, index expressions), which must
  // not run as a superuser who happens to call.
  const Oid owner = pg::OwnerOf(request.source);
  std::optional<pg::UserScope> as_owner(std::in_place, owner, 0);
  const Oid shadow = CreateLike(source.get(), name);
  Lineage lineage(source.get(), shadow);
  int number = 0;
  for (const std::string& alteration : request.alterations)
    lineage.Apply(++number, alteration);
  Retargeter retargeter(request.source, shadow, lineage);
  const Oid key = CloneKey(source.get(), shadow, retargeter);
  as_owner.reset();

  const catalog::LinkRow link = catalog::LoadLink(
      LinkShadow(request, shadow, lineage, KeyColumns(source.get(), key, lineage)));
  catalog::InsertSourceObjects(link.id, objects);
  as_owner.emplace(owner, 0);
  Defer(link, retargeter, key);
  as_owner.reset();
  pg::DebugPoint("shadow_made");
  std::vector<std::string> left_out = retargeter.left_out();
  for (std::string& name : LeaveOutInvalidIndexes(request.source, shadow))
    left_out.push_back(std::move(name));
  Record(request, link, left_out);
  return shadow;
}

}  // namespace pg_cutover::link
