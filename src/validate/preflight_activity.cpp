// Who else is there: workers, sessions, standbys, and transactions that a migration would have to
// wait for; see preflight.hpp.
//
// Numbers of processes and the lag of standbys are read as the extension's owner, as the throttle
// reads them. What single sessions do is read as the caller, who is told where he may not see it.
#include <algorithm>

#include <fmt/format.h>

#include "core/humanize.hpp"
#include "core/listed.hpp"

#include "validate/preflight.hpp"

#include "catalog/scope.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

using core::HumanBytes;
using core::HumanDuration;
using core::Listed;
using pg::Argument;

constexpr int64_t kSpareWorkers = 2;
constexpr double kSpareConnectionShare = 0.1;
constexpr double kLagMs = 10'000;
constexpr int64_t kLagBytes = int64_t{64} * 1024 * 1024;
constexpr double kLongTransactionSeconds = 10;
// Longer than a two-phase commit that works should take.
constexpr double kForgottenSeconds = 2;

std::vector<std::string> Texts(const std::vector<Oid>& oids) {
  std::vector<std::string> texts;
  for (const Oid oid : oids)
    texts.push_back(std::to_string(oid));
  return texts;
}

}  // namespace

Answer WorkerSlots(const Subject&) {
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT current_setting('max_worker_processes')::bigint, count(*) FROM pg_stat_activity "
      " WHERE backend_type NOT IN ('client backend', 'walsender', 'walreceiver', 'walwriter', "
      "   'checkpointer', 'background writer', 'archiver', 'startup', 'autovacuum launcher', "
      "   'autovacuum worker', 'logger', 'standalone backend')");
  const int64_t slots = rows.Int8(0, 1).value();
  const int64_t used = rows.Int8(0, 2).value();
  const int64_t spare = std::max<int64_t>(slots - used, 0);
  Answer answer = {
      Status::kOk,
      fmt::format("{} of {} worker processes (max_worker_processes) are free; a job takes one "
                  "for each of its workers, index builds take parallel ones where they are free",
                  spare, slots),
      {}};
  if (spare >= kSpareWorkers) return answer;
  answer.status = spare == 0 ? Status::kRefused : Status::kWarning;
  answer.hint =
      "ALTER SYSTEM SET max_worker_processes to more and restart, or wait for workers to end: a "
      "job "
      "stays queued meanwhile.";
  return answer;
}

Answer Connections(const Subject&) {
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT current_setting('max_connections')::bigint "
      "    - current_setting('superuser_reserved_connections')::bigint "
      "    - coalesce(current_setting('reserved_connections', true), '0')::bigint, "
      "  count(*) FILTER (WHERE a.backend_type = 'client backend'), "
      "  (SELECT nullif(d.datconnlimit, -1)::bigint FROM pg_database d "
      "    WHERE d.datname = current_database()), "
      "  count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.datname = "
      "current_database()) "
      "  FROM pg_stat_activity a");
  int64_t allowed = rows.Int8(0, 1).value();
  int64_t used = rows.Int8(0, 2).value();
  std::string limit = "max_connections less what is reserved";
  if (const std::optional<int64_t> of_database = rows.Int8(0, 3);
      of_database && *of_database - rows.Int8(0, 4).value() < allowed - used) {
    allowed = *of_database;
    used = rows.Int8(0, 4).value();
    limit = "the database's CONNECTION LIMIT";
  }
  const int64_t spare = std::max<int64_t>(allowed - used, 0);
  const bool enough =
      static_cast<double>(spare) >= kSpareConnectionShare * static_cast<double>(allowed);
  return {enough ? Status::kOk : Status::kWarning,
          fmt::format("{} of {} connections ({}) are free; workers take none of them", spare,
                      allowed, limit),
          enough
              ? ""
              : "Find who holds them in pg_stat_activity: sessions that queue behind a lock of the "
                "swap take more of them."};
}

Answer ReplicationLag(const Subject&) {
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT coalesce(nullif(r.application_name, ''), 'pid ' || r.pid), "
      "  CASE WHEN r.replay_lsn >= f.lsn THEN 0 "
      "    ELSE extract(epoch FROM r.replay_lag)::float8 * 1000 END, "
      "  greatest(pg_wal_lsn_diff(f.lsn, r.replay_lsn), 0)::bigint "
      "  FROM (SELECT pg_current_wal_flush_lsn() AS lsn OFFSET 0) f, pg_stat_replication r "
      " WHERE r.state <> 'backup' AND (r.replay_lsn IS NOT NULL OR r.write_lsn IS NULL) "
      " ORDER BY 3 DESC NULLS FIRST");
  if (rows.empty()) return {Status::kOk, "no standby or subscriber is connected", {}};
  std::vector<std::string> standbys;
  bool behind = false;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    const double ms = rows.Float8(row, 2).value_or(0);
    const std::optional<int64_t> bytes = rows.Int8(row, 3);
    behind = behind || !bytes || ms > kLagMs || *bytes > kLagBytes;
    standbys.push_back(
        bytes ? fmt::format("{} is {} and {} behind", rows.Text(row, 1).value(), HumanDuration(ms),
                            HumanBytes(*bytes))
              : fmt::format("{} has not reported its position yet", rows.Text(row, 1).value()));
  }
  return {behind ? Status::kWarning : Status::kOk, Listed(standbys),
          behind ? "Wait until it has caught up, and give the copy a throttle: "
                   "'{\"max_replication_lag\": \"10s\"}'."
                 : ""};
}

Answer ReplicationSlots(const Subject&) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT format('%s slot %I %s, keeps %s of WAL%s', s.slot_type, s.slot_name, "
      "    CASE WHEN s.active THEN 'is in use' ELSE 'is not in use' END, "
      "    coalesce(pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)), "
      "'nothing'), "
      "    CASE WHEN s.wal_status IN ('unreserved', 'lost') THEN ' (' || s.wal_status || ')' ELSE "
      "'' END), "
      "  NOT s.active AND s.restart_lsn IS NOT NULL, coalesce(s.wal_status IN ('unreserved', "
      "'lost'), false), "
      "  s.slot_name::text "
      "  FROM pg_replication_slots s ORDER BY s.active, s.restart_lsn, s.slot_name");
  if (rows.empty()) return {Status::kOk, "there is no replication slot", {}};
  std::vector<std::string> slots;
  std::optional<std::string> idle;
  bool lost = false;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    slots.push_back(rows.Text(row, 1).value());
    if (rows.Bool(row, 2).value() && !idle) idle = rows.Text(row, 4);
    lost = lost || rows.Bool(row, 3).value();
  }
  Answer answer = {Status::kOk, Listed(slots), {}};
  if (!idle && !lost) return answer;
  answer.status = Status::kWarning;
  answer.hint =
      idle ? fmt::format(
                 "All WAL of the copy stays on disk for it: let its consumer connect, or "
                 "SELECT pg_drop_replication_slot({}) if nobody will.",
                 pg::QuoteLiteral(*idle))
           : "Its consumer is losing WAL that it needs: raise max_slot_wal_keep_size, or make "
             "the standby or subscriber anew.";
  return answer;
}

Answer LongTransactions(const Subject&) {
  pg::Spi spi;
  // Workers of other extensions hold transactions open as clients do. Ours are short ones, those of
  // a parallel worker are its leader's, and autovacuum gives way. A session whose activity is
  // hidden has no backend_type.
  const pg::Rows rows = spi.Query(
      "SELECT format('pid %s (%s)', a.pid, concat_ws(', ', "
      "    nullif(a.backend_type, 'client backend'), quote_literal(nullif(a.application_name, "
      "'')), "
      "    a.state, "
      "    'transaction since ' || a.xact_start::timestamptz(0)::text)), a.backend_type IS NULL, "
      "a.pid "
      "  FROM pg_stat_activity a "
      " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() "
      "   AND (a.backend_type IS NULL "
      "     OR (a.backend_type !~ '^(pg_cutover .*|autovacuum .*|parallel worker)$' "
      "       AND a.xact_start < clock_timestamp() - make_interval(secs => $1))) "
      " ORDER BY a.xact_start NULLS LAST, a.pid",
      {Argument::Float8(kLongTransactionSeconds)});
  std::vector<std::string> open;
  std::optional<int32_t> oldest;
  int64_t hidden = 0;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    if (rows.Bool(row, 2).value()) {
      ++hidden;
      continue;
    }
    open.push_back(rows.Text(row, 1).value());
    if (!oldest) oldest = rows.Int4(row, 3);
  }
  const std::string unseen = hidden == 0
                                 ? ""
                                 : fmt::format("{} {} of other roles cannot be seen", hidden,
                                               hidden == 1 ? "session" : "sessions");
  if (!open.empty())
    return {Status::kWarning,
            fmt::format("{} open for more than {}: {}{}{}", open.size(),
                        HumanDuration(kLongTransactionSeconds * 1000), Listed(open),
                        unseen.empty() ? "" : "; ", unseen),
            fmt::format(
                "Dual-write waits for those that have written to the source, the swap for all "
                "that began before the copy ended. End them, or SELECT pg_terminate_backend({}).",
                *oldest)};
  if (hidden > 0)
    return {Status::kUnknown, unseen,
            fmt::format("GRANT pg_read_all_stats TO {}",
                        pg::QuoteIdentifier(pg::RoleName(GetUserId())))};
  return {Status::kOk,
          fmt::format("no transaction in this database is open for more than {}",
                      HumanDuration(kLongTransactionSeconds * 1000)),
          {}};
}

Answer PreparedTransactions(const Subject& subject) {
  pg::Spi spi;
  // A prepared transaction has no process: only the lock on its own transaction id says which locks
  // are its.
  const pg::Rows rows = spi.Query(
      "WITH tree AS (SELECT unnest($1::oid[]) AS oid UNION SELECT t.relid FROM unnest($1::oid[]) "
      "AS r (oid), "
      "    pg_partition_tree(r.oid) t), "
      "held AS (SELECT x.transactionid::text AS xid, string_agg(DISTINCT "
      "l.relation::regclass::text, ', ') AS "
      "relations "
      "  FROM pg_locks x JOIN pg_locks l ON l.virtualtransaction = x.virtualtransaction "
      "    AND l.pid IS NULL AND l.locktype = 'relation' AND l.relation IN (SELECT oid FROM tree) "
      "    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) "
      " WHERE x.locktype = 'transactionid' AND x.granted AND x.pid IS NULL GROUP BY 1) "
      "SELECT format('%L of %s%s', p.gid, p.prepared::timestamptz(0), ' holds ' || h.relations), "
      "  h.relations IS NOT NULL, p.gid "
      "  FROM pg_prepared_xacts p LEFT JOIN held h ON h.xid = p.transaction::text "
      " WHERE p.database = current_database() "
      "   AND (h.relations IS NOT NULL OR p.prepared < clock_timestamp() - make_interval(secs => "
      "$2)) "
      " ORDER BY h.relations IS NULL, p.prepared, p.gid",
      {Argument::TextArray(Texts(subject.Relations())), Argument::Float8(kForgottenSeconds)});
  if (rows.empty())
    return {Status::kOk,
            "none is older than a two-phase commit takes, none holds a lock on the tables",
            {}};
  std::vector<std::string> transactions;
  for (uint64_t row = 0; row < rows.size(); ++row)
    transactions.push_back(rows.Text(row, 1).value());
  const std::string gid = pg::QuoteLiteral(rows.Text(0, 3).value());
  return {
      rows.Bool(0, 2).value() ? Status::kRefused : Status::kWarning, Listed(transactions),
      fmt::format(
          "COMMIT PREPARED {0} or ROLLBACK PREPARED {0}: nobody can wait for it or terminate it.",
          gid)};
}

}  // namespace pg_cutover::validate
