// Which columns identify a row; see key.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "link/key.hpp"

#include "link/expression.hpp"
#include "link/injective.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

std::string Quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + pg::QuoteIdentifier(name);
  return text;
}

std::string ColumnName(::Relation relation, AttrNumber column) {
  return NameStr(TupleDescAttr(RelationGetDescr(relation), column - 1)->attname);
}

std::vector<std::string> Names(::Relation relation, const UniqueKey& key) {
  std::vector<std::string> names;
  for (const AttrNumber column : key.columns)
    names.push_back(ColumnName(relation, column));
  return names;
}

bool SameSet(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

bool IsUsable(::Relation relation, ::Relation index) {
  const FormData_pg_index* const form = index->rd_index;
  if (!form->indisunique || !form->indisvalid || !form->indisready || !form->indimmediate ||
      !form->indislive)
    return false;
  if (index->rd_rel->relam != BTREE_AM_OID) return false;
  // Not through the relation cache's expressions: building those runs functions of the table's
  // owner.
  if (pg::Section([=] {
        return !heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr) ||
               !heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
      }))
    return false;
  for (int i = 0; i < form->indnkeyatts; ++i) {
    const AttrNumber column = form->indkey.values[i];
    if (column <= 0 || !TupleDescAttr(RelationGetDescr(relation), column - 1)->attnotnull)
      return false;
  }
  return true;
}

const ResolvedColumn* FindSource(const Resolution& resolution, AttrNumber column) {
  for (const ResolvedColumn& resolved : resolution.columns)
    if (resolved.attribute == column) return &resolved;
  return nullptr;
}

bool AllMapped(const Resolution& resolution, const UniqueKey& key) {
  return std::all_of(key.columns.begin(), key.columns.end(),
                     [&](AttrNumber column) { return FindSource(resolution, column) != nullptr; });
}

void CheckGiven(::Relation target, const std::vector<std::string>& given) {
  if (given.empty())
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "key names no column", {},
              "Leave key out to use the primary key.");
  for (const std::string& name : given) {
    const char* const text = name.c_str();
    if (pg::Section([=] { return get_attnum(RelationGetRelid(target), text); }) > 0) continue;
    pg::Raise(ERRCODE_UNDEFINED_COLUMN,
              fmt::format("key column \"{}\" of target {} does not exist", name,
                          pg::QualifiedName(RelationGetRelid(target))));
  }
}

UniqueKey ChosenTargetKey(const Resolution& resolution, ::Relation target,
                          const std::optional<std::vector<std::string>>& given) {
  const std::vector<UniqueKey> usable = UsableKeys(target);
  const std::string name = pg::QualifiedName(RelationGetRelid(target));
  if (given) {
    CheckGiven(target, *given);
    for (const UniqueKey& key : usable)
      if (SameSet(Names(target, key), *given)) return key;
    pg::Raise(
        ERRCODE_INVALID_COLUMN_REFERENCE,
        fmt::format("no unique index of target {} has exactly the columns ({})", name,
                    Quoted(*given)),
        "It must be valid, not deferrable, without predicate and expressions, and its columns "
        "NOT NULL.",
        fmt::format("CREATE UNIQUE INDEX ON {} ({}), or leave key out to use the primary key.",
                    name, Quoted(*given)));
  }
  if (usable.empty()) RaiseNoKey("target", target);
  for (const UniqueKey& key : usable)
    if (AllMapped(resolution, key)) return key;
  return usable.front();
}

void RequireSources(const Resolution& resolution, ::Relation target, const UniqueKey& key) {
  for (const AttrNumber column : key.columns) {
    if (FindSource(resolution, column) != nullptr) continue;
    const std::string name = ColumnName(target, column);
    pg::Raise(
        ERRCODE_INVALID_COLUMN_REFERENCE,
        fmt::format("key column \"{}\" of target {} has no source", name,
                    pg::QualifiedName(RelationGetRelid(target))),
        "The key of a target row must follow from its source row.",
        fmt::format("Map it, as in columns => '{{\"{}\": \"<expression>\"}}', or give another "
                    "key.",
                    name));
  }
}

Oid IndexCollation(Oid index, size_t position) {
  const pg::OpenRelation open(index, AccessShareLock);
  return open->rd_indcollation[position];
}

// Source columns that the target's key takes over as they are.
std::vector<AttrNumber> KeptColumns(const Resolution& resolution, const UniqueKey& target_key) {
  std::vector<AttrNumber> kept;
  for (size_t i = 0; i < target_key.columns.size(); ++i) {
    Node* const value = FindSource(resolution, target_key.columns[i])->value;
    if (ContainsSubquery(value)) continue;
    const AttrNumber column = InjectiveColumn(value, IndexCollation(target_key.index, i));
    if (column != InvalidAttrNumber) kept.push_back(column);
  }
  return kept;
}

bool Contains(const std::vector<AttrNumber>& kept, const UniqueKey& key) {
  return std::all_of(key.columns.begin(), key.columns.end(), [&](AttrNumber column) {
    return std::find(kept.begin(), kept.end(), column) != kept.end();
  });
}

}  // namespace

std::vector<UniqueKey> UsableKeys(::Relation relation) {
  if (relation->rd_rel->relkind != RELKIND_RELATION &&
      relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
    return {};
  // The rows of inheriting tables are not in the parent's indexes.
  if (relation->rd_rel->relkind == RELKIND_RELATION && pg::Section([=] {
        return find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL;
      }))
    return {};
  std::vector<UniqueKey> keys;
  const List* const indexes = pg::Call(RelationGetIndexList, relation);
  for (int i = 0; i < list_length(indexes); ++i) {
    const pg::OpenRelation index(list_nth_oid(indexes, i), AccessShareLock);
    if (!IsUsable(relation, index.get())) continue;
    const FormData_pg_index* const form = index->rd_index;
    UniqueKey key{form->indexrelid, form->indisprimary, {}};
    for (int k = 0; k < form->indnkeyatts; ++k)
      key.columns.push_back(form->indkey.values[k]);
    keys.insert(key.primary ? keys.begin() : keys.end(), std::move(key));
  }
  return keys;
}

Keys ChooseKeys(const Resolution& resolution, ::Relation source, ::Relation target,
                const std::optional<std::vector<std::string>>& given, bool source_key_optional) {
  const UniqueKey target_key = ChosenTargetKey(resolution, target, given);
  RequireSources(resolution, target, target_key);
  Keys keys;
  keys.target = Names(target, target_key);
  const std::vector<UniqueKey> usable = UsableKeys(source);
  if (usable.empty()) {
    if (source_key_optional) return keys;
    RaiseNoKey("source", source);
  }
  const std::vector<AttrNumber> kept = KeptColumns(resolution, target_key);
  for (const UniqueKey& key : usable) {
    if (!Contains(kept, key)) continue;
    keys.source = Names(source, key);
    keys.injective = true;
    return keys;
  }
  keys.source = Names(source, usable.front());
  return keys;
}

void RaiseNoKey(const char* role, ::Relation relation) {
  const std::string name = pg::QualifiedName(RelationGetRelid(relation));
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, fmt::format("{} {} has no key", role, name),
            "A key is a primary key or a unique index that is valid, not deferrable, without "
            "predicate and expressions, all of whose columns are NOT NULL.",
            fmt::format("ALTER TABLE {} ADD PRIMARY KEY (...).", name));
}

Oid KeyIndex(::Relation target, const std::vector<std::string>& columns) {
  for (const UniqueKey& key : UsableKeys(target))
    if (Names(target, key) == columns) return key.index;
  return InvalidOid;
}

}  // namespace pg_cutover::link
