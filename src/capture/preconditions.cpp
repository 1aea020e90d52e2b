// Which links can be kept in step; see preconditions.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "capture/install.hpp"
#include "capture/preconditions.hpp"
#include "capture/tables.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/scope.hpp"
#include "link/key.hpp"
#include "link/mapping.hpp"
#include "link/relation_checks.hpp"
#include "link/source_drift.hpp"
#include "pg/call.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// What a mirror must not have: heap-level writes would pass it by, or it would write to the mirror.
constexpr const char* kObstacles = R"sql(
WITH target AS (
    SELECT c.* FROM pg_class c WHERE c.oid = $1 OR c.oid IN (SELECT relid FROM pg_partition_tree($1))
)
SELECT 1, format('target %s has exclusion constraint "%s"', k.conrelid::regclass, k.conname)
  FROM pg_constraint k JOIN target c ON c.oid = k.conrelid WHERE k.contype = 'x'
UNION ALL
SELECT 2, format('exclusion constraint "%s" is to be built on it after the copy', d.name)
  FROM migrate.deferred_object d
 WHERE d.link = $2 AND d.built_at IS NULL AND d.kind = 'constraint' AND d.index_name IS NULL
UNION ALL
SELECT 3, format('target %s has foreign key "%s"', k.conrelid::regclass, k.conname)
  FROM pg_constraint k JOIN target c ON c.oid = k.conrelid
 WHERE k.contype = 'f' AND NOT ($3 AND c.relkind = 'r' AND NOT c.relispartition)
UNION ALL
SELECT 4, format('foreign key "%s" of %s references the target', k.conname, k.conrelid::regclass)
  FROM pg_constraint k JOIN target c ON c.oid = k.confrelid
 WHERE k.contype = 'f' AND k.conrelid NOT IN (SELECT oid FROM target)
UNION ALL
SELECT 5, format('target %s has trigger "%s"', t.tgrelid::regclass, t.tgname)
  FROM pg_trigger t JOIN target c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = t.tgfoid
                      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
                      AND e.extname = 'pg_cutover')
UNION ALL
SELECT 6, format('target %s has rule "%s"', r.ev_class::regclass, r.rulename)
  FROM pg_rewrite r JOIN target c ON c.oid = r.ev_class
 ORDER BY 1, 2
)sql";

// Values are equal by the one where they are by the other.
bool Alike(Oid a, Oid b) {
  return a == b || pg::Section([=] {
           return OidIsValid(a) && OidIsValid(b) && get_collation_isdeterministic(a) &&
                  get_collation_isdeterministic(b);
         });
}

[[noreturn]] void RaiseUnsupported(const catalog::LinkRow& link, std::string detail,
                                   std::string hint) {
  pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
            fmt::format("{} cannot be kept in step with {}", pg::QualifiedName(link.target),
                        pg::QualifiedName(link.source)),
            std::move(detail), std::move(hint));
}

void CheckLink(const catalog::LinkRow& link) {
  if (link.sync_refusal) link::RaiseUnsyncable(link.source, *link.sync_refusal);
  if (link.dormant)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} and {} have changed places", pg::QualifiedName(link.source),
                          pg::QualifiedName(link.target)),
              "Rows flow the other way since the swap.",
              fmt::format("SELECT migrate_revert({}) changes them back.",
                          pg::QuoteLiteral(pg::QualifiedName(link.target))));
  if (!link.keys_injective)
    RaiseUnsupported(
        link,
        fmt::format("Different rows of the source may get the same key ({}), so that a "
                    "write to one would overwrite or remove another.",
                    fmt::join(link.target_key, ", ")),
        "Map the key's columns without a change, or by a cast that keeps different "
        "values different; or copy once, with sync => false.");
  if (link::HasSubquery(link))
    RaiseUnsupported(link,
                     "The mapping contains a subquery: writes to the tables that it reads "
                     "would change rows of the target.",
                     "Map without subqueries, or copy once, with sync => false.");
}

// A key that is not the column itself; empty where all are, one to one. A writer of the target's
// rows looks for this source's row by the values of the target's key.
std::string KeyObstacle(const catalog::LinkRow& link, const link::CompiledMapping& mapping,
                        TupleDesc source, TupleDesc target) {
  const AttrNumber* const end = mapping.source_key + mapping.source_key_columns;
  std::set<AttrNumber> used;
  for (int i = 0; i < mapping.key_columns; ++i) {
    const AttrNumber number = mapping.target_key[i];
    const Expr* const value = mapping.values[number - 1];
    const AttrNumber column = pg::Section([=] { return link::PlainColumn(value); });
    const FormData_pg_attribute* const to = TupleDescAttr(target, number - 1);
    const std::string name = NameStr(to->attname);
    if (column <= 0) return fmt::format("\"{}\" is not a bare column of the source", name);
    const FormData_pg_attribute* const from = TupleDescAttr(source, column - 1);
    if (std::find(mapping.source_key, end, column) == end || !used.insert(column).second)
      return fmt::format("\"{}\" is not mapped from a column of the source's key ({})", name,
                         fmt::join(link.source_key, ", "));
    if (from->atttypid != to->atttypid || !Alike(from->attcollation, to->attcollation))
      return fmt::format("\"{}\" has another type or collation than \"{}\"", name,
                         NameStr(from->attname));
  }
  if (mapping.key_columns == mapping.source_key_columns) return {};
  return fmt::format("it has {} columns, and the source's key ({}) has {}", mapping.key_columns,
                     fmt::join(link.source_key, ", "), mapping.source_key_columns);
}

void CheckKeyOfPartial(const catalog::LinkRow& link, const link::CompiledMapping& mapping,
                       ::Relation source, ::Relation target) {
  if (source->rd_rel->relkind != RELKIND_RELATION)
    RaiseUnsupported(
        link,
        "The link fills columns of rows that another link owns, and its source is "
        "partitioned: whoever makes such a row looks for the source's row in one index.",
        "Link the partitions one by one, or copy once, with sync => false.");
  if (link.mapping.size() <= link.target_key.size())
    RaiseUnsupported(link, "Only the key is mapped, so that there is no column to fill.",
                     "Link them again, and map the columns that are to be filled.");
  const std::string obstacle =
      KeyObstacle(link, mapping, RelationGetDescr(source), RelationGetDescr(target));
  if (!obstacle.empty())
    RaiseUnsupported(
        link,
        fmt::format(
            "The link fills columns of rows that another link owns, and whoever makes such a "
            "row looks for the source's row by the target's key ({}): {}.",
            fmt::join(link.target_key, ", "), obstacle),
        "Map every column of the key from one column of the source's key, of the same type and "
        "without a change; or copy once, with sync => false.");
}

// The mapping must still fit: a trigger that cannot evaluate it would meet the application.
void CheckMapping(const catalog::LinkRow& link) {
  const pg::OpenRelation source(link.source, AccessShareLock);
  const pg::OpenRelation target(link.target, AccessShareLock);
  // The lock stays until the end of the transaction, in which T0 is done: no column can change
  // between this look and the triggers, which notice it from then on.
  link::RequireUnaltered(link, source.get());
  // Compiling computes what is constant in defaults: the owner's code, which is not to run as a
  // superuser who happens to call.
  const pg::UserScope as_owner(pg::OwnerOf(link.target), 0);
  EState* const estate = pg::Call(CreateExecutorState);
  const link::CompiledMapping* const mapping =
      link::Compile(link, estate, source.get(), target.get());
  if (!link.owner) CheckKeyOfPartial(link, *mapping, source.get(), target.get());
  pg::Call(FreeExecutorState, estate);
  if (!OidIsValid(link::KeyIndex(target.get(), link.target_key)))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} has no unique index on ({}) any more", pg::QualifiedName(link.target),
                          fmt::join(link.target_key, ", ")),
              {}, "Create it again; it must be immediate, valid, and without a predicate.");
}

void CheckObstacles(const catalog::LinkRow& link, bool taken_off) {
  std::vector<std::string> obstacles;
  {
    catalog::Scope scope;
    const pg::Rows rows =
        scope.Query(kObstacles, {pg::Argument::ObjectId(link.target), pg::Argument::Int8(link.id),
                                 pg::Argument::Bool(taken_off)});
    for (uint64_t i = 0; i < rows.size(); ++i)
      obstacles.push_back(rows.Text(i, 2).value_or(""));
  }
  if (obstacles.empty()) return;
  RaiseUnsupported(link, fmt::format("{}.", fmt::join(obstacles, "; ")),
                   "Drop what stands in the way until the swap, or copy once, with sync => false.");
}

// Links into this target that are kept in step, but for this one.
std::vector<catalog::LinkRow> Others(const catalog::LinkRow& link) {
  std::vector<catalog::LinkRow> others;
  for (const int64_t other : catalog::CapturedInto(link.target))
    if (other != link.id) others.push_back(catalog::LoadLink(other));
  return others;
}

std::string PairOf(const catalog::LinkRow& link) {
  return fmt::format("{}, {}", pg::QuoteLiteral(pg::QualifiedName(link.source)),
                     pg::QuoteLiteral(pg::QualifiedName(link.target)));
}

[[noreturn]] void RaiseNotReady(const catalog::LinkRow& link, std::string detail,
                                std::string hint) {
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} is not ready for columns from {}", pg::QualifiedName(link.target),
                        pg::QualifiedName(link.source)),
            std::move(detail), std::move(hint));
}

// Rows that their owner still has to copy would never get this link's columns: its copier does not
// read this source, and this link's may have passed by.
void RequireOwnerComplete(const catalog::LinkRow& link) {
  int in_step = 0;
  for (const catalog::LinkRow& other : Others(link)) {
    if (!other.owner) continue;
    ++in_step;
    RequireIntact(other);
    const std::optional<catalog::CaptureRow> state = catalog::FindCapture(other.id);
    if (!state || !state->complete_xid)
      RaiseNotReady(link,
                    fmt::format("Its rows come from {}, which is not copied completely.",
                                pg::QualifiedName(other.source)),
                    fmt::format("Copy the owner of the rows first: SELECT migrate_backfill({}).",
                                PairOf(other)));
  }
  if (in_step > 0) return;
  for (const catalog::LinkRow& other : catalog::LinksOf(link.target))
    if (other.target == link.target && other.owner && !other.dormant)
      RaiseNotReady(link,
                    fmt::format("Its rows come from {}, with which it is not kept in step.",
                                pg::QualifiedName(other.source)),
                    fmt::format("Copy the owner of the rows first: SELECT migrate_backfill({}).",
                                PairOf(other)));
  RaiseNotReady(link, "No link owns its rows.",
                fmt::format("Copy the table that the rows come from first: SELECT "
                            "migrate_backfill('<table>', {}).",
                            pg::QuoteLiteral(pg::QualifiedName(link.target))));
}

}  // namespace

// A raw scan: planning a query would compute constants in index expressions, which is code of the
// table's owner, and this may be called with anybody's rights.
bool HasRows(Oid relation) {
  return pg::Section([=] {
    List* const members = find_all_inheritors(relation, AccessShareLock, nullptr);
    ListCell* cell = nullptr;
    foreach (cell, members) {
      if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_RELATION) continue;
      const ::Relation table = table_open(lfirst_oid(cell), AccessShareLock);
      const ::Snapshot now = RegisterSnapshot(GetLatestSnapshot());
      const TableScanDesc scan = table_beginscan(table, now, 0, nullptr);
      TupleTableSlot* const row = table_slot_create(table, nullptr);
      const bool found = table_scan_getnextslot(scan, ForwardScanDirection, row);
      ExecDropSingleTupleTableSlot(row);
      table_endscan(scan);
      UnregisterSnapshot(now);
      table_close(table, NoLock);
      if (found) return true;
    }
    return false;
  });
}

void RequireNoneFillsColumns(const catalog::LinkRow& link) {
  if (!link.owner) return;
  std::vector<std::string> sources;
  std::vector<std::string> statements;
  for (const catalog::LinkRow& other : Others(link)) {
    if (other.owner) continue;
    sources.push_back(pg::QualifiedName(other.source));
    statements.push_back(fmt::format("SELECT migrate_unsync({});", PairOf(other)));
  }
  if (sources.empty()) return;
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("columns of {} are filled from {}", pg::QualifiedName(link.target),
                  fmt::join(sources, ", ")),
      fmt::format("A copy of {} does not read that, so the columns of its rows would stay empty.",
                  pg::QualifiedName(link.source)),
      fmt::format("{} Then copy the rows, and afterwards those columns again.",
                  fmt::join(statements, " ")));
}

void RequireCapturable(const catalog::LinkRow& link, Moment moment) {
  CheckLink(link);
  CheckMapping(link);
  const bool empty = !HasRows(link.target);
  CheckObstacles(link, link.owner && empty && moment == Moment::kBeforeCopy);
  if (!link.owner) {
    RequireOwnerComplete(link);
    return;
  }
  RequireNoneFillsColumns(link);
  RequireEmpty(link);
}

void RequireEmpty(const catalog::LinkRow& link) {
  if (!link.owner || !Others(link).empty() || !HasRows(link.target)) return;
  const std::string target = pg::QualifiedName(link.target);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, fmt::format("{} has rows already", target),
            "Nobody has mirrored what became of them in the source, so the target could never be "
            "said to be exact.",
            fmt::format("TRUNCATE {} first, or copy once, with sync => false.", target));
}

}  // namespace pg_cutover::capture
