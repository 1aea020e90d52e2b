// Measuring what a throttle looks at; see signals.hpp.
#include <fmt/format.h>

#include "job/signals.hpp"
#include "catalog/scope.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::job {

namespace {

using core::Reading;

constexpr int kQueryTimeoutMs = 2000;

// `measure` in a subtransaction; its failure is the reading.
template <class Measure>
Reading Attempt(Measure&& measure) {
  try {
    return pg::InSubtransaction(measure);
  } catch (const pg::Error& error) {
    return Reading::NotMeasurable(error.info().message);
  }
}

Reading FromRow(const pg::Rows& rows, const char* absent) {
  if (rows.empty()) return Reading::NotMeasurable(absent);
  const std::string where = rows.Text(0, 2).value_or("");
  const std::optional<double> value = rows.Float8(0, 1);
  if (!value) return Reading::NotMeasurable(where + " has not reported its position yet");
  return Reading::Of(*value, where);
}

// A base backup is no standby, and neither is what writes WAL and never replays any
// (pg_receivewal): it would hold a job for ever. The flush position is read first (a subquery
// without references runs once), so that what is written meanwhile cannot make a standby that is
// level look behind.
Reading ReplicationLag(const char* behind) {
  catalog::Scope scope;
  return FromRow(
      scope.Execute(fmt::format(
          "SELECT CASE WHEN r.replay_lsn >= f.lsn THEN 0 ELSE {} END AS lag, "
          "coalesce(nullif(r.application_name, ''), 'pid ' || r.pid) "
          "FROM (SELECT pg_current_wal_flush_lsn() AS lsn OFFSET 0) f, pg_stat_replication r "
          "WHERE r.state <> 'backup' AND (r.replay_lsn IS NOT NULL OR r.write_lsn IS NULL) "
          "ORDER BY lag DESC NULLS FIRST LIMIT 1",
          behind)),
      "no standby is connected");
}

Reading ReplicationLagMs() {
  return ReplicationLag("extract(epoch FROM r.replay_lag)::float8 * 1000");
}

Reading ReplicationLagBytes() {
  return ReplicationLag("pg_wal_lsn_diff(f.lsn, r.replay_lsn)::float8");
}

Reading SlotLagBytes() {
  catalog::Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 AS lag, slot_name::text "
      "FROM pg_replication_slots WHERE restart_lsn IS NOT NULL ORDER BY lag DESC LIMIT 1");
  return rows.empty() ? Reading::Of(0) : FromRow(rows, "");
}

Reading CountOf(const char* sql) {
  catalog::Scope scope;
  return Reading::Of(static_cast<double>(scope.Execute(sql).Int8(0, 1).value()));
}

Reading ArchiveBacklog() {
  return CountOf(
      "SELECT CASE WHEN current_setting('archive_mode') = 'off' THEN 0 "
      "ELSE (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') END");
}

Reading ActiveBackends() {
  return CountOf(
      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
      "AND state IN ('active', 'fastpath function call')");
}

Reading LockWaiters() {
  return CountOf(
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
      "AND backend_type NOT LIKE 'pg_cutover %'");
}

Reading MinuteOfDay(pg_tz* zone) {
  const pg_time_t now = timestamptz_to_time_t(GetCurrentTimestamp());
  const pg_tm* const local = pg_localtime(&now, zone);
  if (local == nullptr) return Reading::NotMeasurable("the time zone does not know this time");
  return Reading::Of(local->tm_hour * 60 + local->tm_min);
}

// Arms the timeout for a block: PostgreSQL itself does not in background workers.
class QueryTimeout {
 public:
  QueryTimeout() {
    pg::Section([] { enable_timeout_after(STATEMENT_TIMEOUT, kQueryTimeoutMs); });
  }
  ~QueryTimeout() { disable_timeout(STATEMENT_TIMEOUT, false); }
  QueryTimeout(const QueryTimeout&) = delete;
  QueryTimeout& operator=(const QueryTimeout&) = delete;
};

Reading Answer(const std::string& query) {
  pg::Section([] {
    (void)set_config_option("transaction_read_only", "on", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
  });
  const QueryTimeout timeout;
  pg::Spi spi;
  const pg::Rows rows = spi.Query(query);
  if (rows.size() != 1)
    return Reading::NotMeasurable(fmt::format("it returned {} rows", rows.size()));
  const std::optional<bool> hold = rows.Bool(0, 1);
  if (!hold) return Reading::NotMeasurable("it returned NULL");
  return Reading::Of(*hold ? 1 : 0);
}

}  // namespace

core::Signals MeasureSignals(const core::ThrottleSpec& spec, pg_tz* zone, bool fresh_query,
                             const core::Signals& previous) {
  core::Signals signals;
  if (spec.max_replication_lag_ms) signals.replication_lag_ms = Attempt(ReplicationLagMs);
  if (spec.max_replication_lag_bytes) signals.replication_lag_bytes = Attempt(ReplicationLagBytes);
  if (spec.max_slot_lag_bytes) signals.slot_lag_bytes = Attempt(SlotLagBytes);
  if (spec.max_archive_backlog) signals.archive_backlog = Attempt(ArchiveBacklog);
  if (spec.max_active_backends) signals.active_backends = Attempt(ActiveBackends);
  if (spec.max_lock_waiters) signals.lock_waiters = Attempt(LockWaiters);
  if (spec.window) signals.minute_of_day = MinuteOfDay(zone);
  if (spec.query) {
    signals.query = previous.query;
    if (fresh_query || !signals.query)
      signals.query = Attempt([&spec] { return Answer(*spec.query); });
  }
  return signals;
}

bool AsksForSignals(const core::ThrottleSpec& spec) {
  return spec.max_replication_lag_ms || spec.max_replication_lag_bytes || spec.max_slot_lag_bytes ||
         spec.max_archive_backlog || spec.max_active_backends || spec.max_lock_waiters ||
         spec.window || spec.query;
}

}  // namespace pg_cutover::job
