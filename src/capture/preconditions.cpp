// Which links can be kept in step; see preconditions.hpp.
#include <fmt/format.h>

#include "capture/preconditions.hpp"
#include "capture/tables.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/scope.hpp"
#include "link/key.hpp"
#include "link/mapping.hpp"
#include "link/relation_checks.hpp"
#include "pg/call.hpp"
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

bool HasRows(Oid relation) {
  catalog::Scope scope;
  return !scope.Query(fmt::format("SELECT FROM {} LIMIT 1", pg::QualifiedName(relation))).empty();
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

// The mapping must still fit: a trigger that cannot evaluate it would meet the application.
void CheckMapping(const catalog::LinkRow& link) {
  const pg::OpenRelation source(link.source, AccessShareLock);
  const pg::OpenRelation target(link.target, AccessShareLock);
  EState* const estate = pg::Call(CreateExecutorState);
  (void)link::Compile(link, estate, source.get(), target.get());
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

bool AccountedFor(const catalog::LinkRow& link) {
  if (!link.owner) return true;
  for (const int64_t other : catalog::CapturedInto(link.target))
    if (other != link.id) return true;
  return false;
}

}  // namespace

void RequireCapturable(const catalog::LinkRow& link, Moment moment) {
  CheckLink(link);
  CheckMapping(link);
  const bool empty = !HasRows(link.target);
  CheckObstacles(link, empty && moment == Moment::kBeforeCopy);
  if (empty || AccountedFor(link)) return;
  const std::string target = pg::QualifiedName(link.target);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, fmt::format("{} has rows already", target),
            "Nobody has mirrored what became of them in the source, so the target could never be "
            "said to be exact.",
            fmt::format("TRUNCATE {} first, or copy once, with sync => false.", target));
}

}  // namespace pg_cutover::capture
