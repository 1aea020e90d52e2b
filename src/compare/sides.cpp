// What is compared with what; see sides.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "catalog/scope.hpp"
#include "catalog/swap_rows.hpp"
#include "compare/common_form.hpp"
#include "compare/image.hpp"
#include "compare/other_sources.hpp"
#include "compare/sides.hpp"
#include "link/assignment.hpp"
#include "link/conversion.hpp"
#include "link/key.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

void RequireRows(Oid relation) {
  switch (pg::Call(get_rel_relkind, relation)) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
    case RELKIND_FOREIGN_TABLE:
    case RELKIND_VIEW:
    case RELKIND_MATVIEW:
      return;
    default:
      pg::Raise(ERRCODE_WRONG_OBJECT_TYPE,
                fmt::format("{} has no rows to compare", pg::QualifiedName(relation)), {},
                "Name a table, a foreign table, a view or a materialized view.");
  }
}

bool IsTable(Oid relation) {
  const char kind = pg::Call(get_rel_relkind, relation);
  return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

Form_pg_attribute Attribute(::Relation relation, const std::string& column) {
  const char* const name = column.c_str();
  const AttrNumber number =
      pg::Section([=] { return get_attnum(RelationGetRelid(relation), name); });
  return number <= 0 ? nullptr : TupleDescAttr(RelationGetDescr(relation), number - 1);
}

namespace {

std::vector<std::string> ColumnNames(::Relation relation) {
  std::vector<std::string> names;
  const TupleDesc descriptor = RelationGetDescr(relation);
  for (int i = 0; i < descriptor->natts; ++i)
    if (!TupleDescAttr(descriptor, i)->attisdropped)
      names.push_back(pg::FromName(TupleDescAttr(descriptor, i)->attname));
  return names;
}

// The value as the column would hold it. Both sides have one collation, or = could not tell which
// to use.
std::string AsColumn(const std::string& expression, ::Relation source,
                     Form_pg_attribute attribute) {
  const std::string value = link::AsAssigned(expression, source, *attribute);
  if (!OidIsValid(attribute->attcollation)) return value;
  return Collated(value, attribute->attcollation);
}

Column LinkedColumn(::Relation source, ::Relation target, const std::string& name,
                    const std::string& expression) {
  const Form_pg_attribute attribute = Attribute(target, name);
  if (attribute == nullptr)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("column \"{}\" of {} is gone", name,
                          pg::QualifiedName(RelationGetRelid(target))),
              {}, "Link the tables again.");
  Column column;
  column.name = name;
  column.source = AsColumn(expression, source, attribute);
  column.target = "target." + pg::QuoteIdentifier(name);
  column.type = attribute->atttypid;
  column.shown = pg::Call(ShownAs, column.type);
  return column;
}

}  // namespace

std::vector<Column> LinkedColumns(const catalog::LinkRow& link, ::Relation source,
                                  ::Relation target) {
  std::vector<Column> columns;
  for (const catalog::MappedColumn& mapped : link.mapping)
    columns.push_back(LinkedColumn(source, target, mapped.column, mapped.expression));
  return columns;
}

namespace {

// nullopt: the two types have no common form.
std::optional<Column> UnlinkedColumn(::Relation source, ::Relation target, const std::string& name,
                                     bool in_key) {
  const Form_pg_attribute from = Attribute(source, name);
  const Form_pg_attribute to = Attribute(target, name);
  const std::string quoted = pg::QuoteIdentifier(name);
  std::optional<CommonForm> form =
      FindCommonForm(from, "source." + quoted, to, "target." + quoted, in_key);
  if (!form) return std::nullopt;
  Column column;
  column.name = name;
  column.source = std::move(form->source);
  column.target = std::move(form->target);
  column.type = form->type;
  column.shown = pg::Call(ShownAs, column.type);
  return column;
}

// The first unique key of the target of which all columns are compared.
std::vector<std::string> KeyByName(::Relation target) {
  for (const link::UniqueKey& key : link::UsableKeys(target)) {
    std::vector<std::string> names;
    for (const AttrNumber number : key.columns)
      names.push_back(pg::FromName(TupleDescAttr(RelationGetDescr(target), number - 1)->attname));
    return names;
  }
  return {};
}

std::vector<Column> ColumnsByName(::Relation source, ::Relation target) {
  std::vector<Column> columns;
  std::vector<std::string> alone;
  std::vector<std::string> unlike;
  const std::vector<std::string> key = KeyByName(target);
  for (const std::string& name : ColumnNames(target)) {
    if (Attribute(source, name) == nullptr) {
      alone.push_back(
          fmt::format("\"{}\" of {}", name, pg::QualifiedName(RelationGetRelid(target))));
      continue;
    }
    const bool in_key = std::find(key.begin(), key.end(), name) != key.end();
    if (std::optional<Column> column = UnlinkedColumn(source, target, name, in_key))
      columns.push_back(*std::move(column));
    else
      unlike.push_back(fmt::format("\"{}\" ({} and {})", name,
                                   pg::TypeName(Attribute(source, name)->atttypid, -1),
                                   pg::TypeName(Attribute(target, name)->atttypid, -1)));
  }
  for (const std::string& name : ColumnNames(source))
    if (Attribute(target, name) == nullptr)
      alone.push_back(
          fmt::format("\"{}\" of {}", name, pg::QualifiedName(RelationGetRelid(source))));
  if (!alone.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} and {} do not have the same columns",
                          pg::QualifiedName(RelationGetRelid(source)),
                          pg::QualifiedName(RelationGetRelid(target))),
              fmt::format("On one side only: {}.", fmt::join(alone, ", ")),
              "migrate_link says which columns belong together.");
  if (!unlike.empty())
    pg::Raise(ERRCODE_DATATYPE_MISMATCH,
              fmt::format("columns of {} and {} have types whose values cannot be compared",
                          pg::QualifiedName(RelationGetRelid(source)),
                          pg::QualifiedName(RelationGetRelid(target))),
              fmt::format("No cast that loses nothing leads from one to the other: {}.",
                          fmt::join(unlike, ", ")),
              "Say with migrate_link what the source's values are to be, or compare a view that "
              "casts them.");
  return columns;
}

bool HasKey(::Relation relation, const std::vector<std::string>& columns) {
  std::vector<AttrNumber> wanted;
  for (const std::string& name : columns)
    if (const Form_pg_attribute attribute = Attribute(relation, name))
      wanted.push_back(attribute->attnum);
  for (link::UniqueKey key : link::UsableKeys(relation)) {
    std::sort(key.columns.begin(), key.columns.end());
    std::vector<AttrNumber> sorted = wanted;
    std::sort(sorted.begin(), sorted.end());
    if (key.columns == sorted) return true;
  }
  return false;
}

void PutKeyFirst(const std::vector<std::string>& key, std::vector<Column>* columns) {
  for (size_t i = 0; i < key.size(); ++i) {
    const auto found = std::find_if(columns->begin(), columns->end(),
                                    [&](const Column& column) { return column.name == key[i]; });
    if (found == columns->end())
      pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                fmt::format("key column \"{}\" is not compared", key[i]));
    std::rotate(columns->begin() + static_cast<std::ptrdiff_t>(i), found, found + 1);
  }
}

void FindPlainColumn(const Sides& sides, ::Relation source, ::Relation target, Column* key) {
  const std::string& name = key->name;
  std::string expression = "source." + pg::QuoteIdentifier(name);
  if (sides.link)
    for (const catalog::MappedColumn& mapped : sides.link->mapping)
      if (mapped.column == name) expression = mapped.expression;
  const Form_pg_attribute to = Attribute(target, name);
  for (const std::string& column : ColumnNames(source)) {
    if (expression != "source." + pg::QuoteIdentifier(column)) continue;
    const Form_pg_attribute from = Attribute(source, column);
    // A conversion to a shorter type may round.
    const bool alike = from->attcollation == to->attcollation &&
                       ((from->atttypid == to->atttypid &&
                         (to->atttypmod == -1 || from->atttypmod == to->atttypmod)) ||
                        (link::IsInteger(from->atttypid) && link::IsInteger(to->atttypid)));
    if (!alike) continue;
    key->plain = expression;
    key->plain_type = from->atttypid;
    key->plain_number = from->attnum;
  }
}

}  // namespace

std::string EqualityOf(pg::Spi& spi, Oid type) {
  const Oid equality =
      pg::Section([=] { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr; });
  const pg::Rows rows = spi.Query(
      "SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname) "
      "FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace "
      "WHERE o.oid = $1",
      {pg::Argument::ObjectId(equality)});
  if (rows.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("keys of type {} cannot be compared", pg::TypeName(type, -1)),
              "The type has no default equality.");
  return rows.Text(0, 1).value();
}

namespace {

// The way back of a migration with a filter: the old table keeps rows that the new one never had.
bool TargetHasMore(const catalog::LinkRow& link) {
  const std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(link.source);
  if (!swap || swap->reverse_link != link.id || !swap->link) return false;
  return catalog::LoadLink(*swap->link).source_filter.has_value();
}

// Rows of one side whose key the other one has, too; by the key's own equality.
std::string WithPartner(const Sides& sides, const std::string& other_rows) {
  std::vector<std::string> same;
  for (size_t i = 0; i < sides.key_columns; ++i)
    same.push_back(fmt::format("{} {} {}", sides.columns[i].probe(), sides.key_equality[i],
                               sides.columns[i].target));
  return fmt::format(" AND EXISTS (SELECT {} AND {})", other_rows, fmt::join(same, " AND "));
}

void Restrict(Sides* sides) {
  const std::string source = sides->source_rows;
  const std::string target = sides->target_rows;
  if (!sides->link->owner || TargetHasMore(*sides->link)) {
    sides->target_restriction = WithPartner(*sides, source);
  } else if (const std::vector<catalog::LinkRow> others = OtherSources(*sides->link);
             !others.empty()) {
    sides->target_restriction = WithoutOtherSources(*sides, others);
    sides->several_sources = true;
  }
  sides->target_rows += sides->target_restriction;
  if (!sides->link->owner) sides->source_rows += WithPartner(*sides, target);
}

}  // namespace

Sides LoadSides(Oid source, Oid target) {
  const pg::OpenRelation from(source, AccessShareLock);
  const pg::OpenRelation to(target, AccessShareLock);
  // Partitions as well: the second side's would be locked when its scan begins, after the snapshot.
  pg::Section([=] {
    (void)find_all_inheritors(source, AccessShareLock, nullptr);
    (void)find_all_inheritors(target, AccessShareLock, nullptr);
  });
  Sides sides;
  sides.source = source;
  sides.target = target;
  sides.link = catalog::FindLink(source, target);
  sides.columns = sides.link ? LinkedColumns(*sides.link, from.get(), to.get())
                             : ColumnsByName(from.get(), to.get());
  const std::vector<std::string> key = sides.link ? sides.link->target_key : KeyByName(to.get());
  PutKeyFirst(key, &sides.columns);
  sides.key_columns = key.size();
  sides.unique = sides.link ? sides.link->keys_injective && HasKey(to.get(), key)
                            : HasKey(from.get(), key) && HasKey(to.get(), key);
  sides.source_rows = fmt::format("FROM {} AS source WHERE ({})", pg::QualifiedName(source),
                                  sides.link ? link::Condition(*sides.link) : std::string("true"));
  sides.target_rows = fmt::format("FROM {} AS target WHERE true", pg::QualifiedName(target));
  std::vector<Oid> types;
  pg::Spi spi;
  for (size_t i = 0; i < sides.key_columns; ++i) {
    Column& column = sides.columns[i];
    types.push_back(column.type);
    FindPlainColumn(sides, from.get(), to.get(), &column);
    sides.key_equality.push_back(EqualityOf(spi, column.type));
  }
  if (!types.empty())
    sides.keys =
        pg::Call(KeyKind, static_cast<const Oid*>(types.data()), static_cast<int>(types.size()));
  if (sides.link) Restrict(&sides);
  return sides;
}

}  // namespace pg_cutover::compare
