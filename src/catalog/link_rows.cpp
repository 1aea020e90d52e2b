// Rows of migrate.link, migrate.deferred_object and migrate.source_object; see link_rows.hpp.
#include <fmt/format.h>

#include "catalog/link_rows.hpp"

#include "catalog/scope.hpp"
#include "catalog/table_names.hpp"
#include "pg/error.hpp"

namespace pg_cutover::catalog {

namespace {

// The mapping's two parts travel as arrays: no JSON is written or read here.
constexpr const char* kLinkColumns =
    "l.id, l.source::pg_catalog.oid, l.target::pg_catalog.oid, l.columns::text, l.filter, "
    "ARRAY(SELECT m.value ->> 'column' FROM pg_catalog.jsonb_array_elements(l.mapping) "
    "WITH ORDINALITY AS m (value, n) ORDER BY m.n), "
    "ARRAY(SELECT m.value ->> 'expression' FROM pg_catalog.jsonb_array_elements(l.mapping) "
    "WITH ORDINALITY AS m (value, n) ORDER BY m.n), "
    "l.source_filter, l.target_key, l.source_key, l.owner, l.sync_refusal, l.created_target, "
    "l.migration, l.created_by::pg_catalog.oid, l.keys_injective, l.dormant, l.source_columns";

LinkRow ReadLink(const pg::Rows& rows, uint64_t row) {
  LinkRow link;
  link.id = rows.Int8(row, 1).value();
  link.source = rows.ObjectId(row, 2).value();
  link.target = rows.ObjectId(row, 3).value();
  link.columns = rows.Text(row, 4).value();
  link.filter = rows.Text(row, 5);
  const std::vector<std::string> columns = rows.TextArray(row, 6);
  const std::vector<std::string> expressions = rows.TextArray(row, 7);
  for (size_t i = 0; i < columns.size(); ++i)
    link.mapping.push_back({columns[i], expressions[i]});
  link.source_filter = rows.Text(row, 8);
  link.target_key = rows.TextArray(row, 9);
  link.source_key = rows.TextArray(row, 10);
  link.owner = rows.Bool(row, 11).value();
  link.sync_refusal = rows.Text(row, 12);
  link.created_target = rows.Bool(row, 13).value();
  link.migration = rows.Text(row, 14);
  link.created_by = rows.ObjectId(row, 15).value();
  link.keys_injective = rows.Bool(row, 16).value();
  link.dormant = rows.Bool(row, 17).value();
  link.source_columns = rows.TextArray(row, 18);
  return link;
}

std::string LinkById() {
  return fmt::format("SELECT {} FROM migrate.link l WHERE l.id = $1", kLinkColumns);
}

LinkRow OnlyLink(const pg::Rows& rows, int64_t id) {
  if (rows.empty())
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, fmt::format("link {} does not exist (any more)", id));
  return ReadLink(rows, 0);
}

constexpr const char* kKindNames[] = {"index", "constraint", "foreign_key", "trigger"};

std::string KindName(DeferredKind kind) {
  return kKindNames[static_cast<int>(kind)];
}

DeferredKind KindFromName(const std::string& name) {
  if (name == "index") return DeferredKind::kIndex;
  if (name == "constraint") return DeferredKind::kConstraint;
  if (name == "foreign_key") return DeferredKind::kForeignKey;
  return DeferredKind::kTrigger;
}

}  // namespace

int64_t InsertLink(const LinkRow& row) {
  std::vector<std::string> columns;
  std::vector<std::string> expressions;
  for (const MappedColumn& column : row.mapping) {
    columns.push_back(column.column);
    expressions.push_back(column.expression);
  }
  RememberNames({row.source, row.target});
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "INSERT INTO migrate.link (source, target, columns, filter, mapping, source_filter, "
      "target_key, "
      "source_key, owner, sync_refusal, created_target, migration, created_by, keys_injective, "
      "dormant, source_columns) "
      "SELECT $1, $2, $3::pg_catalog.jsonb, $4, "
      "(SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('column', m.c, "
      "'expression', m.e) ORDER BY m.n), '[]') "
      "FROM ROWS FROM (pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[])) "
      "WITH ORDINALITY AS m (c, e, n)), "
      "$7, $8, $9, $10, $11, $12, $13, $14::pg_catalog.regrole, $15, $16, $17 RETURNING id",
      {pg::Argument::RegClass(row.source), pg::Argument::RegClass(row.target),
       pg::Argument::Text(row.columns), pg::Argument::Text(row.filter),
       pg::Argument::TextArray(columns), pg::Argument::TextArray(expressions),
       pg::Argument::Text(row.source_filter), pg::Argument::TextArray(row.target_key),
       pg::Argument::TextArray(row.source_key), pg::Argument::Bool(row.owner),
       pg::Argument::Text(row.sync_refusal), pg::Argument::Bool(row.created_target),
       pg::Argument::Text(row.migration), pg::Argument::ObjectId(row.created_by),
       pg::Argument::Bool(row.keys_injective), pg::Argument::Bool(row.dormant),
       pg::Argument::TextArray(row.source_columns)});
  return rows.Int8(0, 1).value();
}

std::optional<LinkRow> FindLink(Oid source, Oid target) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format("SELECT {} FROM migrate.link l WHERE l.source = $1 AND l.target = $2",
                  kLinkColumns),
      {pg::Argument::RegClass(source), pg::Argument::RegClass(target)});
  if (rows.empty()) return std::nullopt;
  return ReadLink(rows, 0);
}

LinkRow LoadLink(int64_t id) {
  Scope scope;
  return OnlyLink(scope.Execute(LinkById(), {pg::Argument::Int8(id)}), id);
}

LinkRow LoadLinkNow(Scope& scope, int64_t id) {
  return OnlyLink(scope.Query(LinkById(), {pg::Argument::Int8(id)}), id);
}

std::vector<LinkRow> LinksOf(Oid relation) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format(
          "SELECT {} FROM migrate.link l WHERE l.source = $1 OR l.target = $1 ORDER BY l.id",
          kLinkColumns),
      {pg::Argument::RegClass(relation)});
  std::vector<LinkRow> links;
  for (uint64_t row = 0; row < rows.size(); ++row)
    links.push_back(ReadLink(rows, row));
  return links;
}

void SetDormant(int64_t id, bool dormant) {
  Scope scope;
  scope.Execute("UPDATE migrate.link SET dormant = $2 WHERE id = $1",
                {pg::Argument::Int8(id), pg::Argument::Bool(dormant)});
}

void DeleteLink(int64_t id) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.link WHERE id = $1", {pg::Argument::Int8(id)});
}

void InsertDeferredObject(const DeferredObject& object) {
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.deferred_object (link, position, kind, name, definition, index_name, "
      "constraint_clause, afterwards, after_name, from_target) "
      "SELECT $1, coalesce(pg_catalog.max(d.position), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 "
      "FROM migrate.deferred_object d WHERE d.link = $1",
      {pg::Argument::Int8(object.link), pg::Argument::Text(KindName(object.kind)),
       pg::Argument::Text(object.name), pg::Argument::Text(object.definition),
       pg::Argument::Text(object.index_name), pg::Argument::Text(object.constraint_clause),
       pg::Argument::TextArray(object.afterwards), pg::Argument::Text(object.after_name),
       pg::Argument::Bool(object.from_target)});
}

std::vector<DeferredObject> DeferredObjects(int64_t link, bool pending_only) {
  Scope scope;
  // By kind first: foreign keys may need a unique constraint of the table itself, triggers come
  // last.
  const pg::Rows rows = scope.Execute(
      "SELECT d.position, d.kind, d.name, d.definition, d.index_name, d.constraint_clause, "
      "d.afterwards, d.after_name, d.from_target, d.built_at IS NOT NULL "
      "FROM migrate.deferred_object d WHERE d.link = $1 AND (d.built_at IS NULL OR NOT $2) "
      "ORDER BY pg_catalog.array_position(ARRAY['index', 'constraint', 'foreign_key', 'trigger'], "
      "d.kind), d.position",
      {pg::Argument::Int8(link), pg::Argument::Bool(pending_only)});
  std::vector<DeferredObject> objects;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    DeferredObject object;
    object.link = link;
    object.position = rows.Int4(row, 1).value();
    object.kind = KindFromName(rows.Text(row, 2).value());
    object.name = rows.Text(row, 3).value();
    object.definition = rows.Text(row, 4).value();
    object.index_name = rows.Text(row, 5);
    object.constraint_clause = rows.Text(row, 6);
    object.afterwards = rows.TextArray(row, 7);
    object.after_name = rows.Text(row, 8);
    object.from_target = rows.Bool(row, 9).value();
    object.built = rows.Bool(row, 10).value();
    objects.push_back(std::move(object));
  }
  return objects;
}

void MarkBuilt(int64_t link, int32_t position) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.deferred_object SET built_at = pg_catalog.clock_timestamp() "
      "WHERE link = $1 AND position = $2",
      {pg::Argument::Int8(link), pg::Argument::Int4(position)});
}

void InsertSourceObjects(int64_t link, const std::vector<SourceObject>& objects) {
  Scope scope;
  for (const SourceObject& object : objects)
    scope.Execute(
        "INSERT INTO migrate.source_object (link, kind, name, definition) VALUES ($1, $2, $3, $4)",
        {pg::Argument::Int8(link), pg::Argument::Text(object.kind), pg::Argument::Text(object.name),
         pg::Argument::Text(object.definition)});
}

std::vector<SourceObject> SourceObjects(int64_t link) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT o.kind, o.name, o.definition FROM migrate.source_object o WHERE o.link = $1 "
      "ORDER BY o.kind, o.name",
      {pg::Argument::Int8(link)});
  std::vector<SourceObject> objects;
  for (uint64_t row = 0; row < rows.size(); ++row)
    objects.push_back(
        {rows.Text(row, 1).value(), rows.Text(row, 2).value(), rows.Text(row, 3).value()});
  return objects;
}

}  // namespace pg_cutover::catalog
