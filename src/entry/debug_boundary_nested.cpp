// Errors that cross several entries, and worker mains. See debug_boundary.hpp and test/t/001_boundary.pl.
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string>

#include "entry/debug_boundary.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "pg/transaction.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

namespace {

// How a worker was asked to fail: its bgw_extra.
struct WorkerOrder {
  Oid database;
  Oid role;
  int32 iterations;
  char kind[NAMEDATALEN];
};
static_assert(sizeof(WorkerOrder) <= BGW_EXTRALEN);

// The counter is read after the main function has failed, so all of its frames are gone.
void ReportAtExit(int, Datum) {
  pg::EnterNoError([] { pg::Log(fmt::format("boundary worker: live={}", LiveObjects())); });
}

Size AllMemory() { return MemoryContextMemAllocated(TopMemoryContext, true); }

// Fails in `iterations` transactions and gets over each; says what became of them.
std::string FailOften(const std::string& kind, int32 iterations) {
  int64_t failed = 0;
  std::string last;
  Size before = 0;
  for (int32 i = 0; i < iterations; ++i) {
    // The first tenth fills caches.
    if (i == iterations / 10) before = AllMemory();
    try {
      pg::InTransaction([&] {
        pg::Spi spi;
        const Counted object;
        (void)spi.Execute("SELECT pg_catalog.set_config('work_mem', '777', true)");
        Fail(kind);
      });
    } catch (const pg::Error& error) {
      ++failed;
      last = fmt::format("{}|{}|{}|{}", pg::SqlStateText(error.sqlstate()), error.info().message,
                         error.info().detail, error.info().hint);
    }
  }
  return fmt::format("failed={} grown={} transaction={} work_mem={} state={}", failed,
                     AllMemory() - before, IsTransactionState() ? "open" : "none", work_mem, last);
}

void LaunchAndWait(const WorkerOrder& order) {
  const bool launched = pg::Section([&] {
    BackgroundWorker worker;
    std::memset(&worker, 0, sizeof(worker));
    strlcpy(worker.bgw_name, "pg_cutover boundary test", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "pg_cutover boundary test", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "pg_cutover", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "pg_cutover_debug_boundary_worker_main", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_notify_pid = MyProcPid;
    std::memcpy(worker.bgw_extra, &order, sizeof(order));
    BackgroundWorkerHandle* handle = nullptr;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) return false;
    (void)WaitForBackgroundWorkerShutdown(handle);
    return true;
  });
  if (!launched) pg::Raise(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "no worker slot is free");
}

}  // namespace

}  // namespace pg_cutover::entry

// (depth, kind): calls itself through SQL, and fails at the bottom.
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_nested) {
  namespace pg = pg_cutover::pg;
  const pg_cutover::entry::Counted object;
  const int32 depth = PG_GETARG_INT32(0);
  const std::string kind = pg_cutover::entry::TextArgument(fcinfo, 1);
  if (depth == 0) pg_cutover::entry::Fail(kind);
  pg::Spi spi;
  (void)spi.Execute("SELECT migrate.debug_boundary_nested($1, $2)",
                    {pg::Argument::Int4(depth - 1), pg::Argument::Text(kind)});
  PG_RETURN_VOID();
}

// (depth, kind): as above, but every level takes the error, gets over it and throws it again. Deeper
// than PostgreSQL's error stack: what is left lying there ends in a PANIC.
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_relay) {
  namespace pg = pg_cutover::pg;
  const pg_cutover::entry::Counted object;
  const int32 depth = PG_GETARG_INT32(0);
  const std::string kind = pg_cutover::entry::TextArgument(fcinfo, 1);
  if (depth == 0) pg_cutover::entry::Fail(kind);
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    pg::Spi spi;
    (void)spi.Execute("SELECT migrate.debug_boundary_relay($1, $2)",
                      {pg::Argument::Int4(depth - 1), pg::Argument::Text(kind)});
  });
  if (failure) {
    pg::ErrorInfo info = failure->info();
    info.context.clear();
    throw pg::Error(std::move(info));
  }
  PG_RETURN_VOID();
}

// (kind, iterations): starts a worker that fails so, and waits for its end.
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_worker) {
  pg_cutover::entry::WorkerOrder order{MyDatabaseId, GetUserId(), PG_GETARG_INT32(1), {}};
  const std::string kind = pg_cutover::entry::TextArgument(fcinfo, 0);
  strlcpy(order.kind, kind.c_str(), sizeof(order.kind));
  pg_cutover::entry::LaunchAndWait(order);
  PG_RETURN_VOID();
}

PG_CUTOVER_WORKER_MAIN(pg_cutover_debug_boundary_worker_main) {
  namespace pg = pg_cutover::pg;
  using pg_cutover::entry::WorkerOrder;
  const pg_cutover::entry::Counted object;
  WorkerOrder order;
  std::memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
  pg::Section([&] {
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(order.database, order.role, 0);
    before_shmem_exit(pg_cutover::entry::ReportAtExit, 0);
  });
  if (order.iterations > 0)
    pg::Log("boundary worker: " + pg_cutover::entry::FailOften(order.kind, order.iterations));
  pg_cutover::entry::Fail(order.kind);
}

#endif
