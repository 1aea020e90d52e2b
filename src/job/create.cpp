// Making a job; see create.hpp.
#include <fmt/format.h>

#include "job/create.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/subscription.hpp"
#include "job/commit_actions.hpp"
#include "job/locks.hpp"
#include "job/rights.hpp"
#include "job/throttle_spec.hpp"
#include "pg/error.hpp"
#include "pg/text.hpp"

namespace pg_cutover::job {

namespace {

void RequireNoOtherJob(Oid target) {
  LockTarget(target);
  const std::optional<int64_t> other = catalog::UnfinishedJobOn(target);
  if (!other) return;
  const catalog::JobRow job = catalog::FindJob(*other).value();
  pg::Raise(ERRCODE_OBJECT_IN_USE,
            fmt::format("job {} works on {} already", job.id, pg::QualifiedName(target)),
            fmt::format("It is a {} job and {}.", job.kind, core::JobStateName(job.state)),
            fmt::format("CALL migrate_wait({0}), or SELECT migrate_cancel({0}).", job.id));
}

}  // namespace

int64_t Create(catalog::JobRow row) {
  if (RecoveryInProgress())
    pg::Raise(
        ERRCODE_READ_ONLY_SQL_TRANSACTION, "jobs cannot be created on a standby", {},
        "Call it on the primary. migrate_sketch and migrate_checksum read on a standby, too.");
  catalog::RequireOwnTables();
  row.throttle = CanonicalThrottle(row.throttle);
  const Roles roles = ChooseRoles(row.source, row.target);
  row.login_role = roles.login;
  row.effective_role = roles.effective;
  row.home = catalog::Home();
  if (OidIsValid(row.target)) RequireNoOtherJob(row.target);
  const int64_t id = catalog::InsertJob(row);

  catalog::Event event =
      catalog::EventOf(row, "job", fmt::format("{} job {} created", row.kind, id));
  event.job = id;
  event.inverse = fmt::format("SELECT migrate_cancel({})", id);
  catalog::RecordEvent(event);

  LaunchAtCommit(id, row.login_role);
  return id;
}

}  // namespace pg_cutover::job
