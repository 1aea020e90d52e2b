// Who is in the way; see blockers.hpp.
#include <fmt/format.h>

#include "swap/blockers.hpp"
#include "catalog/event_rows.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

using pg::Argument;

// A prepared transaction has no process, and its virtual transaction is whatever it was before: only
// its lock on its own transaction id says which one it is.
// What other roles' sessions do is hidden from the job's role unless it may read statistics: then
// state and backend_type are NULL, and the session counts as not expendable.
constexpr const char* kBlockers =
    "WITH held AS ("
    "  SELECT l.pid, l.virtualtransaction, min(l.relation::regclass::text) AS relation, "
    "    string_agg(DISTINCT l.mode, ', ') AS modes, "
    "    bool_or(l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', "
    "      'AccessExclusiveLock')) AS on_purpose "
    "  FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted "
    "    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) "
    "    AND l.relation::text = ANY ($1) AND l.pid IS DISTINCT FROM pg_backend_pid() "
    "  GROUP BY l.pid, l.virtualtransaction), prepared AS ("
    "  SELECT x.virtualtransaction, p.gid, p.prepared FROM pg_locks x "
    "  JOIN pg_prepared_xacts p ON p.transaction = x.transactionid "
    "  WHERE x.locktype = 'transactionid' AND x.granted AND x.pid IS NULL) "
    "SELECT coalesce(h.pid, 0), p.gid, "
    "  CASE WHEN h.pid IS NULL THEN format('prepared transaction %L of %s holds %s', p.gid, "
    "    coalesce(p.prepared::timestamptz(0)::text, 'unknown age'), h.relation) "
    "  ELSE format('pid %s (%s) holds %s of %s', h.pid, concat_ws(', ', "
    "    quote_literal(nullif(a.application_name, '')), a.state, "
    "    'query since ' || a.query_start::timestamptz(0)::text), h.modes, h.relation) END, "
    "  coalesce(a.backend_type = 'client backend' AND NOT h.on_purpose AND NOT r.rolsuper, false) "
    "FROM held h LEFT JOIN pg_stat_activity a ON a.pid = h.pid "
    "LEFT JOIN prepared p ON h.pid IS NULL AND p.virtualtransaction = h.virtualtransaction "
    "LEFT JOIN pg_roles r ON r.oid = a.usesysid "
    "ORDER BY a.xact_start, h.pid";

// Longer than a two-phase commit that works should take.
constexpr const char* kForgotten =
    "SELECT DISTINCT format('prepared transaction %L of %s holds %s', p.gid, "
    "  p.prepared::timestamptz(0)::text, l.relation::regclass::text) "
    "FROM pg_locks l JOIN pg_locks x ON x.virtualtransaction = l.virtualtransaction "
    "  AND x.locktype = 'transactionid' AND x.granted AND x.pid IS NULL "
    "JOIN pg_prepared_xacts p ON p.transaction = x.transactionid "
    "WHERE l.locktype = 'relation' AND l.pid IS NULL AND l.relation::text = ANY ($1) "
    "  AND p.database = current_database() "
    "  AND p.prepared < clock_timestamp() - interval '2 s' ORDER BY 1";

std::vector<std::string> Texts(const std::vector<Oid>& relations) {
  std::vector<std::string> texts;
  for (const Oid relation : relations)
    texts.push_back(std::to_string(relation));
  return texts;
}

void RecordTermination(const catalog::JobRow& job, const Blocker& blocker,
                       const std::string& outcome) {
  catalog::Event event;
  event.kind = "cutover";
  event.message = fmt::format("{}: {}", outcome, blocker.description);
  event.migration = job.migration;
  event.link = job.link;
  event.job = job.id;
  event.source = job.source;
  event.target = job.target;
  event.details = fmt::format(R"({{"pid": {}}})", blocker.pid);
  catalog::RecordEvent(event);
}

}  // namespace

std::vector<Blocker> FindBlockers(const std::vector<Oid>& relations) {
  pg::Spi spi;
  // What is known of other sessions is otherwise remembered until the end of the transaction.
  spi.Execute("SELECT pg_catalog.pg_stat_clear_snapshot()");
  const pg::Rows rows = spi.Execute(kBlockers, {Argument::TextArray(Texts(relations))});
  std::vector<Blocker> blockers;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    Blocker blocker;
    blocker.pid = rows.Int4(row, 1).value();
    blocker.gid = rows.Text(row, 2).value_or("");
    blocker.description = rows.Text(row, 3).value();
    blocker.expendable = rows.Bool(row, 4).value();
    blockers.push_back(std::move(blocker));
  }
  return blockers;
}

std::string Describe(const std::vector<Blocker>& blockers) {
  std::string text;
  for (const Blocker& blocker : blockers)
    text += (text.empty() ? "" : "; ") + blocker.description;
  return text;
}

std::vector<std::string> ForgottenTransactions(const std::vector<Oid>& relations) {
  pg::GucScope settings;
  settings.Set("search_path", "pg_catalog, pg_temp");
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kForgotten, {Argument::TextArray(Texts(relations))});
  std::vector<std::string> transactions;
  for (uint64_t row = 0; row < rows.size(); ++row)
    transactions.push_back(rows.Text(row, 1).value());
  return transactions;
}

void TerminateBlockers(job::Session& session, const std::vector<Oid>& relations) {
  session.InStep([&] {
    for (const Blocker& found : FindBlockers(relations)) {
      if (!found.expendable) continue;
      // Looked at again at the last moment: it may have ended, and its pid may be somebody else's.
      for (const Blocker& blocker : FindBlockers(relations)) {
        if (blocker.pid != found.pid || !blocker.expendable) continue;
        const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
          pg::Spi spi;
          spi.Execute("SELECT pg_catalog.pg_terminate_backend($1)", {Argument::Int4(blocker.pid)});
        });
        if (failure && failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
        RecordTermination(
            session.row(), blocker,
            failure ? "could not be terminated (" + failure->info().message + ")" : "terminated");
      }
    }
  });
}

}  // namespace pg_cutover::swap
