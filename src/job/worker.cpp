// The life of a job's worker; see worker.hpp.
#include <fmt/format.h>

#include "job/worker.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/scope.hpp"
#include "job/connect.hpp"
#include "job/kinds.hpp"
#include "job/launch.hpp"
#include "job/locks.hpp"
#include "job/nap.hpp"
#include "job/recover.hpp"
#include "job/rights.hpp"
#include "job/session.hpp"
#include "job/settings.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/entry.hpp"

namespace pg_cutover::job {

// One process's work on one job.
class Worker {
 public:
  Worker(const WorkerOrder& order, pg_tz* zone) : order_(order), zone_(zone) {}

  // Returns the job to go on with, if any.
  std::optional<int64_t> Run() {
    pg::DebugPoint("job_launched");
    if (!Lock()) return std::nullopt;
    WithFailureReported([&] {
      pg::DebugPoint("job_connected");
      if (!Admit()) return;
      Work();
    });
    return Leave();
  }

 private:
  bool leading() const { return order_.worker == 0; }

  bool Lock() {
    if (!leading()) {
      JoinTeamLock(order_.job);
      return true;
    }
    if (!TryLockJob(order_.job)) return false;
    while (!TryPassTeamLock(order_.job))
      Nap(50'000, "PgCutoverHelpers");
    return true;
  }

  // Whether there is something to do here. Loads the job, makes the session what the job needs, and
  // says that the job runs.
  bool Admit() {
    return Retry([&]() -> bool {
      if (!catalog::ExtensionInstalled()) return false;
      std::optional<catalog::JobRow> job =
          leading() ? catalog::LockJob(order_.job) : catalog::FindJob(order_.job);
      if (!job || !core::WantsWorker(job->state)) return false;
      if (!leading() && job->state != core::JobState::kRunning) return false;
      if (PausedAsStranger(*job)) return false;
      // The postmaster starts workers again without asking.
      if (!MayStartJobs()) {
        if (leading()) catalog::SetWaitingFor(job->id, "pg_cutover.start_jobs is off");
        return false;
      }
      if (std::optional<pg::ErrorInfo> problem = RightsProblem(*job))
        throw pg::Error(std::move(*problem));
      kind_ = FindKind(job->kind);
      if (kind_ == nullptr || (!leading() && kind_->helper == nullptr))
        pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
                  fmt::format("this version of pg_cutover knows no job of kind \"{}\"", job->kind),
                  {}, "Update the library, or cancel the job.");
      ActAs(job->effective_role);
      if (leading()) {
        SayThatItRuns(*job);
        catalog::CloseCursors(order_.job);
      }
      (void)catalog::OpenCursor(order_.job, order_.worker);
      job->state = core::JobState::kRunning;
      job->waiting_for.reset();
      row_ = std::move(*job);
      return true;
    });
  }

  static void SayThatItRuns(const catalog::JobRow& job) {
    if (job.state == core::JobState::kQueued) {
      (void)catalog::MoveJob(job.id, job.state, core::JobState::kRunning,
                             fmt::format("job {} started", job.id));
      return;
    }
    catalog::SetWaitingFor(job.id, std::nullopt);
    catalog::RecordEvent(
        catalog::EventOf(job, "job", fmt::format("job {} continued by another worker", job.id)));
  }

  void Work() {
    pg::DebugPoint("job_running");
    Session session(std::move(row_), order_.worker, zone_);
    if (!leading() && !session.team_.Join(order_.team)) return;
    session.ShowActivity();
    session.AwaitClearance();
    if (!leading()) {
      kind_->helper(session);
      return;
    }
    kind_->leader(session);
    pg::DebugPoint("job_before_succeed");
    (void)Retry([&] {
      return catalog::MoveJob(order_.job, core::JobState::kRunning, core::JobState::kSucceeded,
                              fmt::format("job {} succeeded", order_.job));
    });
  }

  // Runs `body`; whatever it fails with becomes the job's error. Outside any transaction, so that
  // an error may be taken off PostgreSQL's stack here.
  template <class Body>
  void WithFailureReported(Body&& body) {
    std::optional<pg::ErrorInfo> failure;
    try {
      body();
    } catch (const Stopped&) {
    } catch (const pg::Error& error) {
      failure = error.info();
    } catch (const pg::PgError&) {
      failure = pg::TakeError();
    } catch (const std::bad_alloc&) {
      failure = pg::ErrorInfo{ERRCODE_OUT_OF_MEMORY, "out of memory", {}, {}, {}};
    } catch (const std::exception& error) {
      failure = pg::ErrorInfo{ERRCODE_INTERNAL_ERROR, error.what(), {}, {}, {}};
    }
    if (failure) ReportFailure(*failure);
  }

  void ReportFailure(const pg::ErrorInfo& failure) {
    const bool reported = Retry([&] {
      // DROP EXTENSION under a running job is no failure of anything.
      if (!catalog::ExtensionInstalled()) return false;
      const std::optional<catalog::JobRow> job = catalog::LockJob(order_.job);
      if (!job || !core::WantsWorker(job->state)) return false;
      // Whatever met it first knew the table by its OID.
      std::optional<pg::ErrorInfo> dropped;
      if (failure.sqlstate == ERRCODE_UNDEFINED_TABLE) dropped = DroppedTableOf(*job);
      return catalog::FailJob(order_.job, job->state, dropped.value_or(failure));
    });
    if (reported)
      pg::Log(fmt::format("pg_cutover: job {} failed: {} (SQLSTATE {})", order_.job,
                          failure.message, pg::SqlStateText(failure.sqlstate)));
  }

  std::optional<int64_t> Leave() {
    pg::InTransaction([&] {
      if (catalog::ExtensionInstalled()) catalog::CloseCursor(order_.job, order_.worker);
    });
    if (!leading()) return std::nullopt;
    // Its own job is among those it looks at: it may have been paused and resumed while this worker
    // still held the lock.
    UnlockJob(order_.job);
    if (!pg::InTransaction([] { return catalog::ExtensionInstalled(); })) return std::nullopt;
    for (const catalog::JobRow& job : RecoverJobs())
      if (job.login_role == order_.login_role) return job.id;
    return std::nullopt;
  }

  // `body` in a transaction, again while somebody holds the job's row.
  template <class Body>
  bool Retry(Body&& body) {
    for (;;) {
      try {
        return pg::InTransaction(body);
      } catch (const pg::Error& error) {
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE &&
            error.sqlstate() != ERRCODE_T_R_DEADLOCK_DETECTED &&
            error.sqlstate() != ERRCODE_QUERY_CANCELED)
          throw;
      }
      Nap(200'000, "PgCutoverRetry");
    }
  }

  const WorkerOrder order_;
  pg_tz* const zone_;
  const Kind* kind_ = nullptr;
  catalog::JobRow row_;
};

namespace {

void RunJobs(WorkerOrder order, pg_tz* zone) {
  while (const std::optional<int64_t> next = Worker(order, zone).Run())
    order.job = *next;
}

// What goes wrong beside the jobs themselves is logged, and the worker leaves for good.
template <class Body>
void LogFailure(Body&& body) {
  try {
    body();
  } catch (const pg::Error& error) {
    pg::Log(fmt::format("pg_cutover: {}", error.info().message));
  }
}

}  // namespace

void RunJobWorker() {
  const WorkerOrder order = ReadOrder();
  ConnectWorker(order.database, order.login_role);
  // What the role sees by default, before it is pinned.
  pg_tz* const zone = session_timezone;
  LogFailure([&] {
    // A transaction of its own: some settings count from the next one on.
    pg::InTransaction(PinWorkerSettings);
    RunJobs(order, zone);
  });
}

void RunScout() {
  ConnectWorker(DatumGetObjectId(MyBgworkerEntry->bgw_main_arg), InvalidOid);
  LogFailure([] {
    pg::InTransaction(PinWorkerSettings);
    if (pg::InTransaction([] { return catalog::ExtensionInstalled(); })) (void)RecoverJobs();
  });
}

}  // namespace pg_cutover::job
