// Ending who is in the way of a swap; see blockers.hpp.
#include <fmt/format.h>

#include "swap/blockers.hpp"
#include "catalog/event_rows.hpp"
#include "job/lock_holders.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::swap {

namespace {

void RecordTermination(const catalog::JobRow& job, const job::LockHolder& blocker,
                       const std::string& outcome) {
  catalog::Event event =
      catalog::EventOf(job, "cutover", fmt::format("{}: {}", outcome, blocker.description));
  event.details = fmt::format(R"({{"pid": {}}})", blocker.pid);
  catalog::RecordEvent(event);
}

}  // namespace

void TerminateBlockers(job::Session& session, const std::vector<Oid>& relations) {
  session.InStep([&] {
    for (const job::LockHolder& found : job::LockHolders(relations, AccessExclusiveLock)) {
      if (!found.expendable) continue;
      // Looked at again at the last moment: it may have ended, and its pid may be somebody else's.
      for (const job::LockHolder& blocker : job::LockHolders(relations, AccessExclusiveLock)) {
        if (blocker.pid != found.pid || !blocker.expendable) continue;
        const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
          pg::Spi spi;
          spi.Execute("SELECT pg_catalog.pg_terminate_backend($1)",
                      {pg::Argument::Int4(blocker.pid)});
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
