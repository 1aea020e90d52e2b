// Who keeps others from a lock on some tables; see lock_holders.hpp.
#include "core/listed.hpp"

#include "job/lock_holders.hpp"

#include "catalog/scope.hpp"
#include "pg/call.hpp"

namespace pg_cutover::job {

namespace {

using pg::Argument;

// A prepared transaction has no process, and its virtual transaction is whatever it was before:
// only its lock on its own transaction id says which one it is.
//
// The catalog's owner, as whom this runs, sees every session. What it tells is what PostgreSQL
// would tell the role that asks, $3: more only of autovacuum, which is nobody's secret and worth
// knowing.
constexpr const char* kHolders =
    "WITH held AS ("
    "  SELECT l.pid, l.virtualtransaction, min(l.relation::regclass::text) AS relation, "
    "    string_agg(DISTINCT l.mode, ', ') AS modes, "
    "    bool_or(l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', "
    "      'AccessExclusiveLock')) AS on_purpose "
    "  FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted "
    "    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) "
    "    AND l.relation = ANY ($1::oid[]) AND l.mode = ANY ($2) "
    "    AND l.pid IS DISTINCT FROM pg_backend_pid() "
    "  GROUP BY l.pid, l.virtualtransaction), prepared AS ("
    "  SELECT x.virtualtransaction, p.gid, p.prepared FROM pg_locks x "
    "  JOIN pg_prepared_xacts p ON p.transaction = x.transactionid "
    "  WHERE x.locktype = 'transactionid' AND x.granted AND x.pid IS NULL), session AS ("
    "  SELECT a.*, pg_has_role($3, a.usesysid, 'USAGE') "
    "    OR pg_has_role($3, 'pg_read_all_stats', 'USAGE') AS known "
    "  FROM pg_stat_activity a) "
    "SELECT coalesce(h.pid, 0), p.gid, "
    "  CASE WHEN h.pid IS NULL THEN format('prepared transaction %L of %s holds %s of %s', p.gid, "
    "    coalesce(p.prepared::timestamptz(0)::text, 'unknown age'), h.modes, h.relation) "
    "  ELSE format('pid %s%s holds %s of %s', h.pid, "
    "    ' (' || nullif(concat_ws(', ', quote_literal(nullif(s.application_name, '')), "
    "      CASE WHEN s.backend_type = 'autovacuum worker' THEN s.backend_type END, "
    "      CASE WHEN s.known THEN s.state END, "
    "      CASE WHEN s.known THEN 'query since ' || s.query_start::timestamptz(0)::text END), "
    "      '') || ')', h.modes, h.relation) END, "
    "  coalesce(p.prepared < clock_timestamp() - interval '2 s', false), "
    "  coalesce(s.known AND s.backend_type = 'client backend' AND NOT h.on_purpose "
    "    AND NOT r.rolsuper, false) "
    "FROM held h LEFT JOIN session s ON s.pid = h.pid "
    "LEFT JOIN prepared p ON h.pid IS NULL AND p.virtualtransaction = h.virtualtransaction "
    "LEFT JOIN pg_roles r ON r.oid = s.usesysid "
    "ORDER BY h.pid IS NOT NULL, CASE WHEN s.known THEN s.xact_start END, h.pid, p.prepared, "
    "p.gid";

std::vector<std::string> Texts(const std::vector<Oid>& relations) {
  std::vector<std::string> texts;
  for (const Oid relation : relations)
    texts.push_back(std::to_string(relation));
  return texts;
}

// As pg_locks names them.
std::vector<std::string> ModesAgainst(LOCKMODE mode) {
  std::vector<std::string> modes;
  for (LOCKMODE other = AccessShareLock; other <= AccessExclusiveLock; ++other)
    if (DoLockModesConflict(mode, other))
      modes.emplace_back(GetLockmodeName(DEFAULT_LOCKMETHOD, other));
  return modes;
}

}  // namespace

std::vector<LockHolder> LockHolders(const std::vector<Oid>& relations, LOCKMODE mode) {
  const Oid role = GetUserId();
  catalog::Scope scope;
  // What is known of other sessions is otherwise remembered until the end of the transaction.
  scope.Execute("SELECT pg_stat_clear_snapshot()");
  const pg::Rows rows =
      scope.Execute(kHolders, {Argument::TextArray(Texts(relations)),
                               Argument::TextArray(ModesAgainst(mode)), Argument::ObjectId(role)});
  std::vector<LockHolder> holders;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    LockHolder holder;
    holder.pid = rows.Int4(row, 1).value();
    holder.gid = rows.Text(row, 2).value_or("");
    holder.description = rows.Text(row, 3).value();
    holder.forgotten = rows.Bool(row, 4).value();
    holder.expendable = rows.Bool(row, 5).value();
    holders.push_back(std::move(holder));
  }
  return holders;
}

std::string Describe(const std::vector<LockHolder>& holders) {
  std::vector<std::string> descriptions;
  for (const LockHolder& holder : holders)
    descriptions.push_back(holder.description);
  return core::Listed(descriptions);
}

}  // namespace pg_cutover::job
