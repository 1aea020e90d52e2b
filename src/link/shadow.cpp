// migrate_shadow: a new table like the source; see shadow.hpp.
//
// Order matters: the alterations see a table without indexes, so that they mean what they say; the key is made
// before the link, which looks for it; everything else is made on the empty table, described and
// dropped again (TakeOff), so that what is remembered is known to fit.
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
#include "link/take_off.hpp"
#include "pg/call.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

void CheckRelation(::Relation source) {
  if (source->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} is partitioned", pg::QualifiedName(RelationGetRelid(source))),
              "A shadow is made of ordinary tables only.",
              "Create the new table yourself and link the two with migrate_link(...).");
  if (const std::optional<std::string> refusal = CheckSource(source))
    RaiseUnsyncable(RelationGetRelid(source), *refusal);
}

bool HasUsableKey(Oid relation) {
  const pg::OpenRelation open(relation, AccessShareLock);
  return !UsableKeys(open.get()).empty();
}

// The source's key index, or InvalidOid where the alterations made another key.
Oid KeyToClone(::Relation source, Oid shadow) {
  const std::vector<UniqueKey> keys = UsableKeys(source);
  if (HasUsableKey(shadow)) return InvalidOid;
  if (!keys.empty()) return keys.front().index;
  const std::string name = pg::QualifiedName(RelationGetRelid(source));
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, fmt::format("source {} has no key", name),
            "A key is a primary key or a unique index that is valid, not deferrable, without "
            "predicate and expressions, all of whose columns are NOT NULL.",
            fmt::format("ALTER TABLE {} ADD PRIMARY KEY (...).", name));
}

int64_t LinkShadow(const ShadowRequest& request, Oid shadow, const Lineage& lineage) {
  Request link;
  link.source = request.source;
  link.target = shadow;
  link.columns = request.columns;
  link.filter = request.filter;
  link.migration = request.migration;
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
  if (!retargeter.vanished().empty())
    pg::Notice(fmt::format("{} will not be made for {}", fmt::join(retargeter.vanished(), ", "),
                           pg::QualifiedName(link.target)),
               "The alterations drop a column that is needed, or replace the primary key.");
}

void Record(const ShadowRequest& request, const catalog::LinkRow& link) {
  catalog::Event event;
  event.kind = "shadow";
  event.message = fmt::format("created {} like {}", pg::QualifiedName(link.target),
                              pg::QualifiedName(link.source));
  event.migration = link.migration;
  event.link = link.id;
  event.source = link.source;
  event.target = link.target;
  event.details = fmt::format("{{\"alterations\": {}}}", JsonArray(request.alterations));
  event.inverse = fmt::format(
      "SELECT migrate_unlink({}, {}); DROP TABLE {}",
      pg::QuoteLiteral(pg::QualifiedName(link.source)),
      pg::QuoteLiteral(pg::QualifiedName(link.target)), pg::QualifiedName(link.target));
  catalog::RecordEvent(event);
}

}  // namespace

Oid CreateShadow(const ShadowRequest& request) {
  pg::RequireOwner(request.source);
  const pg::OpenRelation source(request.source, AccessShareLock);
  CheckRelation(source.get());
  const ShadowName name = ParseShadowName(request.target, request.source);
  const Oid shadow = CreateLike(source.get(), name);

  Lineage lineage(source.get(), shadow);
  int number = 0;
  for (const std::string& alteration : request.alterations) lineage.Apply(++number, alteration);

  Retargeter retargeter(request.source, shadow, lineage);
  const Oid key = KeyToClone(source.get(), shadow);
  if (OidIsValid(key)) {
    const CanonicalSettings settings;
    retargeter.CloneKey(key);
  }
  const catalog::LinkRow link = catalog::LoadLink(LinkShadow(request, shadow, lineage));
  Defer(link, retargeter, key);
  Record(request, link);
  return shadow;
}

}  // namespace pg_cutover::link
