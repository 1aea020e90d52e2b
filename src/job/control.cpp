// What an operator does to a job; see control.hpp.
#include <fmt/format.h>

#include "job/control.hpp"
#include "catalog/event_rows.hpp"
#include "job/commit_actions.hpp"
#include "job/kinds.hpp"
#include "job/locks.hpp"
#include "job/recover.hpp"
#include "job/rights.hpp"
#include "job/throttle_spec.hpp"
#include "pg/text.hpp"

namespace pg_cutover::job {

namespace {

using core::JobState;

catalog::JobRow Require(const std::optional<catalog::JobRow>& job, int64_t id) {
  if (!job)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, fmt::format("job {} does not exist", id), {},
              "SELECT job, kind, state FROM migrate.progress");
  RequireControl(*job);
  return *job;
}

catalog::JobRow LockControlled(int64_t id) {
  return Require(catalog::LockJob(id), id);
}

[[noreturn]] void WrongState(const catalog::JobRow& job, const char* what) {
  std::string hint;
  switch (job.state) {
    case JobState::kQueued:
    case JobState::kRunning:
      hint = fmt::format("CALL migrate_wait({0}), or SELECT migrate_pause({0})", job.id);
      break;
    case JobState::kPaused:
      hint = fmt::format("SELECT migrate_resume({})", job.id);
      break;
    case JobState::kFailed:
      hint = fmt::format("SELECT migrate_resume({0}) or migrate_cancel({0})", job.id);
      break;
    default:
      hint = "It has ended; a new job can be created.";
  }
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("job {} cannot be {}", job.id, what),
            fmt::format("It is {}.", core::JobStateName(job.state)), hint);
}

std::string ByCaller(const catalog::JobRow& job, const char* what) {
  return fmt::format("job {} {} by {}", job.id, what, pg::RoleName(GetUserId()));
}

// Workers that crashed could not say that they left.
void ForgetDeadWorkers(int64_t id) {
  if (WorkersOf(id).empty()) catalog::CloseCursors(id);
}

}  // namespace

catalog::JobRow FindControlled(int64_t id) {
  return Require(catalog::FindJob(id), id);
}

void Pause(int64_t id) {
  const catalog::JobRow job = LockControlled(id);
  if (!core::WantsWorker(job.state)) WrongState(job, "paused");
  (void)catalog::MoveJob(id, job.state, JobState::kPaused, ByCaller(job, "paused"));
  ForgetDeadWorkers(id);
  InterruptAtCommit(id);
}

void Resume(int64_t id) {
  catalog::JobRow job = LockControlled(id);
  if (job.state != JobState::kPaused && job.state != JobState::kFailed) WrongState(job, "resumed");
  const Kind* const kind = FindKind(job.kind);
  if (kind != nullptr && kind->needs_link && !job.link)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("the link of job {} was removed", id), {},
              fmt::format("SELECT migrate_cancel({}), and start a new job.", id));
  if (std::optional<pg::ErrorInfo> problem = RightsProblem(job))
    throw pg::Error(std::move(*problem));
  // As for a new job: two may not work on one target. A paused one counts, a failed one does not.
  if (job.state == JobState::kFailed && OidIsValid(job.target)) {
    LockTarget(job.target);
    if (const std::optional<int64_t> other = catalog::UnfinishedJobOn(job.target))
      pg::Raise(ERRCODE_OBJECT_IN_USE,
                fmt::format("job {} works on {} already", *other, pg::QualifiedName(job.target)),
                {}, fmt::format("CALL migrate_wait({0}), or SELECT migrate_cancel({0}).", *other));
  }
  (void)catalog::MoveJob(id, job.state, JobState::kQueued, ByCaller(job, "resumed"));
  catalog::SetAttempts(id, 0);
  catalog::SetHome(id);
  LaunchAtCommit(id, job.login_role);
}

void Cancel(int64_t id) {
  const catalog::JobRow job = LockControlled(id);
  if (!core::CanMove(job.state, JobState::kCancelled)) WrongState(job, "cancelled");
  (void)catalog::MoveJob(id, job.state, JobState::kCancelled, ByCaller(job, "cancelled"));
  ForgetDeadWorkers(id);
  InterruptAtCommit(id);
}

void CancelForOwner(int64_t id) {
  const std::optional<catalog::JobRow> job = catalog::LockJob(id);
  if (!job || !core::CanMove(job->state, JobState::kCancelled)) return;
  (void)catalog::MoveJob(id, job->state, JobState::kCancelled, ByCaller(*job, "cancelled"));
  ForgetDeadWorkers(id);
  InterruptAtCommit(id);
}

void Retune(int64_t id, const std::string& throttle) {
  const catalog::JobRow job = LockControlled(id);
  if (core::IsFinal(job.state)) WrongState(job, "throttled");
  const std::string canonical = CanonicalThrottle(throttle);
  catalog::SetThrottle(id, canonical);
  catalog::Event event = catalog::EventOf(job, "job", ByCaller(job, "throttled"));
  event.details = canonical;
  event.inverse =
      fmt::format("SELECT migrate_throttle({}, {})", id, pg::QuoteLiteral(job.throttle));
  catalog::RecordEvent(event);
}

int Recover() {
  int launched = 0;
  for (const JobState state : {JobState::kQueued, JobState::kRunning}) {
    for (const int64_t id : catalog::JobsIn(state)) {
      const std::optional<catalog::JobRow> job = catalog::FindJob(id);
      if (job && MayControl(*job) && RecoverJob(*job) == Recovery::kLaunched) ++launched;
    }
  }
  return launched;
}

}  // namespace pg_cutover::job
