// Locks on what the checks of a run read; see run_locks.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/run_locks.hpp"

#include "catalog/scope.hpp"
#include "compare/statements.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"
#include "validate/read_only_query.hpp"
#include "validate/reader.hpp"
#include "validate/sides.hpp"

namespace pg_cutover::validate {

namespace {

// Planning locks every relation of a statement, with its partitions and what its views are made of.
void LockByPlanning(const std::string& what, const std::string& statement) {
  (void)PlanReadOnly({what, statement});
}

void LockTree(Oid relation) {
  pg::Call(LockRelationOid, relation, AccessShareLock);
  switch (pg::Call(get_rel_relkind, relation)) {
    case RELKIND_PARTITIONED_TABLE:
      pg::Section([=] { (void)find_all_inheritors(relation, AccessShareLock, nullptr); });
      break;
    case RELKIND_VIEW:
      LockByPlanning("a view of the check",
                     fmt::format("SELECT FROM {}", pg::QualifiedName(relation)));
      break;
    default:
      break;
  }
}

// The rows that count, in the words of the check's own statements: with the names of canonical
// text, and without pruning of partitions.
void LockRows(const Spec& spec) {
  const char* const what = "a side of the check";
  const Filters filters = FiltersOf(spec);
  const Reader settings;
  if (!spec.has_target()) {
    if (filters.source)
      LockByPlanning(what, fmt::format("SELECT FROM {} AS source{}", FromClause(spec.source()),
                                       Where(filters.source)));
    return;
  }
  const compare::Sides sides = SidesOf(spec, filters);
  for (const compare::Side side : {compare::Side::kSource, compare::Side::kTarget}) {
    const bool source = side == compare::Side::kSource;
    LockByPlanning(what, sides.columns.empty()
                             ? "SELECT " + (source ? sides.source_rows : sides.target_rows)
                             : compare::SketchStatement(sides, side, 0, {}));
  }
}

void LockReferences(const Spec& spec) {
  std::vector<Oid> tables;
  {
    const pg::LatestSnapshot now;
    Reader reader;
    // Keys that refer to a partition refer to what it is part of.
    const pg::Rows rows = reader.Catalog(
        "SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = $1 "
        "UNION SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = $1 AND $2 "
        "UNION SELECT relid::oid FROM pg_partition_ancestors($1) WHERE $2 "
        "ORDER BY 1",
        {pg::Argument::RegClass(spec.source()), pg::Argument::Bool(spec.Flag("incoming", false))});
    for (uint64_t i = 0; i < rows.size(); ++i)
      tables.push_back(rows.ObjectId(i, 1).value());
  }
  for (const Oid table : tables)
    LockTree(table);
}

}  // namespace

void LockRelations(const catalog::CheckRow& check, const Spec& spec) {
  for (const Oid relation : {spec.source(), spec.target()})
    if (OidIsValid(relation)) LockTree(relation);
  if (check.kind == "foreign_keys") LockReferences(spec);
  if (check.kind == "row_count" || check.kind == "checksum" || spec.Has("filter")) LockRows(spec);
  if (const std::optional<std::string> query = spec.Text("query"))
    (void)PlanBoolean({"query", *query});
  for (const char* const key : {"old_query", "new_query"})
    if (const std::optional<std::string> query = spec.Text(key)) LockByPlanning(key, *query);
}

// The row of pg_class as the snapshot sees it against the catalog as it is now. What has no storage
// has none in both. Indexes and sequences are not read as rows of a snapshot.
std::optional<std::string> NewerStorage() {
  std::vector<std::string> names;
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT l.relation FROM (SELECT DISTINCT k.relation FROM pg_locks k "
      "    WHERE k.locktype = 'relation' AND k.pid = pg_backend_pid() AND k.granted "
      "      AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = "
      "current_database()) "
      "      AND k.relation >= $1) AS l "
      "  LEFT JOIN pg_class c ON c.oid = l.relation "
      " WHERE nullif(c.relfilenode, 0) IS DISTINCT FROM pg_relation_filenode(l.relation) "
      " ORDER BY l.relation",
      {pg::Argument::ObjectId(FirstNormalObjectId)});
  for (uint64_t i = 0; i < rows.size(); ++i) {
    const Oid relation = rows.ObjectId(i, 1).value();
    const char kind = pg::Call(get_rel_relkind, relation);
    if (kind == RELKIND_RELATION || kind == RELKIND_MATVIEW)
      names.push_back(pg::QualifiedName(relation));
  }
  if (names.empty()) return std::nullopt;
  return fmt::format(
      "{} {} storage that is newer than the snapshot, by TRUNCATE, ALTER TABLE or the like: which "
      "rows there are cannot be seen; validate again{}",
      fmt::join(names, ", "), names.size() == 1 ? "has" : "have",
      IsolationUsesXactSnapshot() ? ", at READ COMMITTED or in a transaction of its own" : "");
}

}  // namespace pg_cutover::validate
