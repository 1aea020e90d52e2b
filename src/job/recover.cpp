// Finding jobs without a worker; see recover.hpp.
#include <fmt/format.h>

#include "job/recover.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/subscription.hpp"
#include "job/commit_actions.hpp"
#include "job/launch.hpp"
#include "job/locks.hpp"
#include "job/rights.hpp"
#include "job/settings.hpp"
#include "pg/transaction.hpp"

namespace pg_cutover::job {

bool PausedAsStranger(const catalog::JobRow& job) {
  if (job.home == catalog::Home()) return false;
  // pg_restore is still at work: an event written now would have the number of one that is to come.
  if (!catalog::HasEvents(job.id)) return true;
  // A job of the publisher, which goes on there.
  if (catalog::SubscriptionToOurTables()) return true;
  if (catalog::MoveJob(job.id, job.state, core::JobState::kPaused,
                       fmt::format("job {} paused: restored from another database", job.id)))
    catalog::SetWaitingFor(job.id,
                           fmt::format("restored from another database: SELECT migrate_resume({}) "
                                       "starts it here",
                                       job.id));
  return true;
}

Recovery RecoverJob(const catalog::JobRow& job) {
  if (!core::WantsWorker(job.state) || LaunchPending(job.id) || HasLeader(job.id))
    return Recovery::kNotNeeded;
  if (PausedAsStranger(job)) return Recovery::kNotNeeded;
  if (const std::optional<pg::ErrorInfo> problem = RightsProblem(job)) {
    (void)catalog::FailJob(job.id, job.state, *problem);
    return Recovery::kNotNeeded;
  }
  if (!MayStartJobs()) {
    catalog::SetWaitingFor(job.id, "pg_cutover.start_jobs is off");
    return Recovery::kNotNeeded;
  }
  if (LaunchLeader(job.id, job.login_role)) return Recovery::kLaunched;
  catalog::SetWaitingFor(job.id, NoSlotReason());
  return Recovery::kNoSlot;
}

std::vector<catalog::JobRow> RecoverJobs() {
  std::vector<catalog::JobRow> without_slot;
  for (const core::JobState state : {core::JobState::kQueued, core::JobState::kRunning}) {
    for (const int64_t id : pg::InTransaction([&] { return catalog::JobsIn(state); })) {
      try {
        std::optional<catalog::JobRow> job;
        const Recovery recovery = pg::InTransaction([&] {
          job = catalog::FindJob(id);
          return job ? RecoverJob(*job) : Recovery::kNotNeeded;
        });
        if (recovery == Recovery::kNoSlot) without_slot.push_back(std::move(*job));
      } catch (const pg::Error& error) {
        // Somebody is at this job; the others are to have their turn.
        pg::Log(fmt::format("pg_cutover: job {} was not looked at: {}", id, error.info().message));
      }
    }
  }
  return without_slot;
}

}  // namespace pg_cutover::job
