// What has to happen at commit; see commit_actions.hpp.
#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "job/commit_actions.hpp"
#include "job/launch.hpp"
#include "job/locks.hpp"
#include "job/settings.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"

namespace pg_cutover::job {

namespace {

struct Action {
  enum class Kind { kLaunch, kInterrupt };
  Kind kind;
  int64_t job;
  Oid login_role;
  SubTransactionId subtransaction;
};

std::vector<Action>& Pending() {
  static std::vector<Action> pending;
  return pending;
}

void Launch(const Action& action) {
  const std::string stays = fmt::format("job {} stays queued", action.job);
  if (!MayStartJobs()) {
    pg::WarnNoError({ERRCODE_WARNING,
                     stays,
                     "pg_cutover.start_jobs is off.",
                     "Turn it on, then SELECT migrate_recover().",
                     {}});
    return;
  }
  if (!LaunchLeader(action.job, action.login_role))
    pg::WarnNoError(
        {ERRCODE_WARNING,
         stays,
         fmt::format("There is {}.", NoSlotReason()),
         fmt::format("SELECT migrate_recover() or CALL migrate_wait({}) starts it when a "
                     "slot is free; so does the end of any other job.",
                     action.job),
         {}});
}

void Perform(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (action.kind == Action::Kind::kLaunch) {
      Launch(action);
    } else {
      for (const int pid : WorkersOf(action.job))
        (void)::kill(pid, SIGINT);
    }
  }
}

void AtTransactionEnd(XactEvent event, void*) {
  if (Pending().empty()) return;
  switch (event) {
    case XACT_EVENT_PRE_PREPARE:
      pg::Enter([] {
        pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
                  "cannot PREPARE a transaction that has created a pg_cutover job", {},
                  "COMMIT it instead.");
      });
      break;
    case XACT_EVENT_COMMIT:
      // The commit is done: nothing here may fail, and what is done must not be done again.
      pg::EnterNoError([] {
        const std::vector<Action> actions = std::exchange(Pending(), {});
        Perform(actions);
      });
      break;
    case XACT_EVENT_ABORT:
      Pending().clear();
      break;
    default:
      break;
  }
}

void AtSubtransactionEnd(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
                         void*) {
  if (Pending().empty()) return;
  if (event == SUBXACT_EVENT_ABORT_SUB)
    std::erase_if(Pending(), [=](const Action& action) { return action.subtransaction == mine; });
  if (event == SUBXACT_EVENT_COMMIT_SUB)
    for (Action& action : Pending())
      if (action.subtransaction == mine) action.subtransaction = parent;
}

void Add(Action::Kind kind, int64_t job, Oid login_role) {
  Pending().push_back({kind, job, login_role, GetCurrentSubTransactionId()});
}

}  // namespace

void RegisterTransactionCallbacks() {
  pg::Section([] {
    RegisterXactCallback(AtTransactionEnd, nullptr);
    RegisterSubXactCallback(AtSubtransactionEnd, nullptr);
  });
}

void LaunchAtCommit(int64_t job, Oid login_role) {
  Add(Action::Kind::kLaunch, job, login_role);
}

void InterruptAtCommit(int64_t job) {
  Add(Action::Kind::kInterrupt, job, InvalidOid);
}

bool LaunchPending(int64_t job) {
  return std::ranges::any_of(Pending(), [=](const Action& action) {
    return action.kind == Action::Kind::kLaunch && action.job == job;
  });
}

}  // namespace pg_cutover::job
