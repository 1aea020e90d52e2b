// migrate_sync, migrate_unsync, what they say about a link, and the trigger functions.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "capture/problems.hpp"
#include "capture/tables.hpp"
#include "capture/trigger.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/job_rows.hpp"
#include "compare/watch.hpp"
#include "entry/arguments.hpp"
#include "entry/lock_retry.hpp"
#include "job/locks.hpp"
#include "link/create.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

catalog::RejectPolicy PolicyOf(const std::string& name) {
  const std::optional<catalog::RejectPolicy> policy = catalog::RejectPolicyFromName(name);
  if (!policy)
    pg::Raise(
        ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("unknown on_reject \"{}\"", name), {},
        "Use fail (the application's statement fails), suspend (it succeeds, and nothing is "
        "mirrored any more) or record (it succeeds, the key is noted, the rest is mirrored).");
  return *policy;
}

catalog::LinkRow LinkToSync(Oid source, Oid target) {
  pg::RequireOwner(source);
  pg::RequireOwner(target);
  const std::optional<catalog::LinkRow> link = catalog::FindLink(source, target);
  if (!link)
    pg::Raise(
        ERRCODE_UNDEFINED_OBJECT,
        fmt::format("{} is not linked to {}", pg::QualifiedName(source), pg::QualifiedName(target)),
        {},
        fmt::format("SELECT migrate_link({}, {}) links them.",
                    pg::QuoteLiteral(pg::QualifiedName(source)),
                    pg::QuoteLiteral(pg::QualifiedName(target))));
  job::LockTarget(target);
  if (const std::optional<int64_t> job = catalog::UnfinishedJobOn(target))
    pg::Raise(ERRCODE_OBJECT_IN_USE,
              fmt::format("job {} is working on {}", *job, pg::QualifiedName(target)), {},
              fmt::format("SELECT migrate_cancel({}), or wait until it has ended.", *job));
  return *link;
}

// What was rejected so far was dealt with by the policy that it has: writers and the job count on
// one for the whole life of a dual-write.
[[noreturn]] void RaiseOtherPolicy(Oid source, Oid target, catalog::RejectPolicy has,
                                   catalog::RejectPolicy asked) {
  const std::string target_name = pg::QualifiedName(target);
  const std::string pair = fmt::format("{}, {}", pg::QuoteLiteral(pg::QualifiedName(source)),
                                       pg::QuoteLiteral(target_name));
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("dual-write from {} to {} is on already, with another on_reject",
                  pg::QualifiedName(source), target_name),
      fmt::format("It is {}, not {}.", catalog::RejectPolicyName(has),
                  catalog::RejectPolicyName(asked)),
      fmt::format(
          "It goes on as it is. To change it, copy anew: SELECT migrate_unsync({0}); TRUNCATE "
          "{1}; SELECT migrate_sync({0}, on_reject => '{2}'); SELECT migrate_backfill({0}).",
          pair, target_name, catalog::RejectPolicyName(asked)));
}

void Sync(Oid source, Oid target, catalog::RejectPolicy policy) {
  const catalog::LinkRow link = LinkToSync(source, target);
  const std::optional<catalog::CaptureRow> before = catalog::FindCapture(link.id);
  // One that is broken has to begin anew in any case, which Install says.
  WithLockRetry(source, ShareRowExclusiveLock, [&] { (void)capture::Install(link, policy); });
  if (before && before->policy != policy) RaiseOtherPolicy(source, target, before->policy, policy);
  if (before)
    pg::Notice(fmt::format("dual-write from {} to {} is on already, and intact",
                           pg::QualifiedName(source), pg::QualifiedName(target)));
}

void Unsync(Oid source, Oid target) {
  const catalog::LinkRow link = link::RequireUnlinkable(source, target);
  compare::EndWatch(link.id);
  if (!catalog::FindCapture(link.id))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("dual-write from {} to {} is not on", capture::NameOf(source),
                          capture::NameOf(target)));
  WithLockRetry(source, AccessExclusiveLock, [&] { capture::Remove(link); });

  catalog::Event event =
      catalog::EventOf(link, "sync",
                       fmt::format("dual-write from {} to {} is off", capture::NameOf(source),
                                   capture::NameOf(target)));
  // What was not mirrored meanwhile has to be copied: turning it on again would not be enough.
  if (capture::Exists(source) && capture::Exists(target))
    event.inverse =
        fmt::format("TRUNCATE {1}; SELECT migrate_backfill({0}, {2})",
                    pg::QuoteLiteral(pg::QualifiedName(source)), pg::QualifiedName(target),
                    pg::QuoteLiteral(pg::QualifiedName(target)));
  catalog::RecordEvent(event);
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_sync) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::entry::Sync(arguments.Relation(0, "source"), arguments.Relation(1, "target"),
                          pg_cutover::entry::PolicyOf(arguments.Text(2, "on_reject")));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_unsync) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::entry::Unsync(arguments.RelationOrDropped(0, "source"),
                            arguments.RelationOrDropped(1, "target"));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_capture_problems) {
  namespace capture = pg_cutover::capture;
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const int64_t link = arguments.Int8(0, "link");
  std::vector<std::string> problems;
  if (pg_cutover::catalog::FindCapture(link))
    problems = capture::ProblemsWithoutWaiting(pg_cutover::catalog::LoadLink(link));
  if (!problems.empty()) return pg_cutover::pg::MakeText(capture::Joined(problems));
  fcinfo->isnull = true;
  return Datum{0};
}

// A trigger function that returns NULL skips nothing after a row or around a statement.
PG_CUTOVER_FUNCTION(pg_cutover_capture) {
  pg_cutover::capture::CaptureRow(fcinfo);
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_capture_truncate) {
  pg_cutover::capture::CaptureTruncate(fcinfo);
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_guard) {
  pg_cutover::capture::RejectDirectWrite(fcinfo);
  return Datum{0};
}
