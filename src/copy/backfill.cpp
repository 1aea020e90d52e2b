// The backfill job from start to end; see backfill.hpp.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "capture/tables.hpp"
#include "catalog/capture_rows.hpp"
#include "copy/backfill.hpp"
#include "copy/deferred.hpp"
#include "copy/direct_copy.hpp"
#include "copy/finish.hpp"
#include "copy/method.hpp"
#include "copy/plan.hpp"
#include "copy/sql_copy.hpp"
#include "job/lock_holders.hpp"
#include "link/deferred.hpp"
#include "link/source_drift.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

void RequireAccess(const catalog::LinkRow& link) {
  const auto require = [](Oid relation, AclMode mode, const char* what) {
    if (pg::Section([=] { return pg_class_aclcheck(relation, GetUserId(), mode); }) == ACLCHECK_OK)
      return;
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
              fmt::format("role \"{}\" has no {} privilege on {}", pg::RoleName(GetUserId()), what,
                          pg::QualifiedName(relation)),
              {}, "Grant it, then resume the job with migrate_resume.");
  };
  require(link.source, ACL_SELECT, "SELECT");
  if (link.owner)
    require(link.target, ACL_INSERT, "INSERT");
  else
    require(link.target, ACL_UPDATE, "UPDATE");
  // Heap-level reads and writes see every row: what a policy hides must not be copied.
  for (const Oid relation : {link.source, link.target})
    if (pg::Section([=] { return check_enable_rls(relation, InvalidOid, true); }) == RLS_ENABLED)
      pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
                fmt::format("row security of {} applies to role \"{}\"",
                            pg::QualifiedName(relation), pg::RoleName(GetUserId())),
                "The copy would be partial.",
                "Run the job as a role that bypasses row security, or ALTER TABLE ... NO FORCE ROW "
                "LEVEL SECURITY.");
}

void Extend(const catalog::JobRow& job, const catalog::LinkRow& link, bool direct,
            std::optional<uint64_t> captured_since) {
  if (direct)
    FixExtent(job, link, captured_since);
  else
    FixRowEstimate(job, link);
}

// A lock timeout with the names of those who hold the lock.
pg::Error Named(job::Session& session, const pg::Error& error) {
  // Not a step, which would count as a success and end the back-off.
  const std::string blockers = session.InBatch([&] {
    return job::Describe(
        job::LockHolders(capture::TreeOf(session.row().source), ShareRowExclusiveLock));
  });
  if (blockers.empty()) return error;
  pg::ErrorInfo info = error.info();
  info.message = fmt::format("the source is in use: {}", blockers);
  return pg::Error(std::move(info));
}

// Rows that are copied by SQL are locked while they are, where a writer mirrors them too.
void RequireLockable(const catalog::LinkRow& link) {
  if (pg::Section([&] { return pg_class_aclcheck(link.source, GetUserId(), ACL_UPDATE); }) ==
      ACLCHECK_OK)
    return;
  pg::Raise(
      ERRCODE_INSUFFICIENT_PRIVILEGE,
      fmt::format("role \"{}\" may not lock rows of {}", pg::RoleName(GetUserId()),
                  pg::QualifiedName(link.source)),
      "With dual-write, the sql method copies rows FOR SHARE, which needs the UPDATE privilege.",
      "Grant it, then resume the job with migrate_resume.");
}

void Start(job::Session& session) {
  session.InStep([&] {
    const catalog::JobRow& job = session.row();
    const catalog::LinkRow link = LinkOf(job);
    // Where writers already mirror into the target, they would queue behind a strong lock.
    const bool mirrored = !link.owner || (job.sync && catalog::FindCapture(link.id).has_value());
    // Else nothing may come into the target between the look and the removal of its indexes.
    pg::Section([&] {
      LockRelationOid(link.source, AccessShareLock);
      LockRelationOid(link.target, mirrored ? AccessShareLock : AccessExclusiveLock);
    });
    RequireAccess(link);
    // With dual-write, T0 asks.
    if (!job.sync) {
      const pg::OpenRelation source(link.source, NoLock);
      link::RequireUnaltered(link, source.get());
    }
    const MethodChoice choice = ChooseMethod(link, job.method, true);
    catalog::SetMethod(job.id, choice.method);
    const bool direct = choice.method == "direct";
    if (direct && !mirrored && IsEmpty(link.target)) link::TakeOffObjects(link);
    if (!direct && job.sync) RequireLockable(link);
    if (job.sync)
      catalog::SetPhase(job.id, "capture");
    else {
      Extend(job, link, direct, std::nullopt);
      catalog::SetPhase(job.id, "copy");
    }
  });
  pg::DebugPoint("backfill_started");
}

// The copier's snapshots are younger than this transaction.
void Capture(job::Session& session) {
  for (;;) {
    try {
      session.InBatch([&] {
        const catalog::JobRow job = catalog::FindJob(session.id()).value();
        const catalog::LinkRow link = LinkOf(job);
        const uint64_t boundary = capture::Install(link, catalog::RejectPolicy::kSuspend);
        Extend(job, link, job.method == "direct", boundary);
        catalog::SetPhase(job.id, "copy");
      });
      session.Succeeded();
      break;
    } catch (const pg::Error& error) {
      // waiting_for is to say who is in the way.
      const bool locked = error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE;
      session.BackOff(locked ? Named(session, error) : error);
    }
  }
  pg::DebugPoint("backfill_captured");
}

// What a change that the triggers cannot see did to the target outlasts the job that met it.
template <class Body>
void MarkingBroken(job::Session& session, Body&& body) {
  try {
    body();
  } catch (const pg::Error& error) {
    if (session.row().sync && session.row().link)
      session.InStep([&] {
        const int64_t link = *session.row().link;
        if (catalog::FindCapture(link)) capture::MarkBroken(catalog::LoadLink(link));
      });
    throw error;
  }
}

void Lead(job::Session& session) {
  if (session.row().phase == "start") Start(session);
  std::string phase = session.InStep([&] { return catalog::FindJob(session.id()).value().phase; });
  if (phase == "capture") {
    Capture(session);
    phase = "copy";
  }
  const catalog::JobRow job =
      session.InStep([&] { return catalog::FindJob(session.id()).value(); });
  const Plan plan = session.InStep([&] { return LoadPlan(job); });
  const auto enter = [&](const char* next) {
    session.SetPhase(next);
    phase = next;
  };
  if (phase == "copy") {
    if (job.method == "direct")
      LeadDirectCopy(session, plan);
    else
      RunSqlCopy(session, plan);
    pg::DebugPoint("backfill_copied");
    enter("deferred");
  }
  if (phase == "deferred") {
    if (job.method == "direct") DrainDeferred(session, plan);
    enter("objects");
  }
  if (phase == "objects") {
    BuildDeferredObjects(session, plan);
    enter("analyze");
  }
  if (phase == "analyze") {
    Analyze(session, plan);
    enter("vacuum");
  }
  if (phase == "vacuum") {
    Vacuum(session, plan);
    if (plan.synced) enter("complete");
  }
  pg::DebugPoint("backfill_before_complete");
  if (phase == "complete") Complete(session, plan);
}

}  // namespace

void LeadBackfill(job::Session& session) {
  MarkingBroken(session, [&] { Lead(session); });
}

void HelpBackfill(job::Session& session) {
  MarkingBroken(session, [&] { HelpDirectCopy(session); });
}

}  // namespace pg_cutover::copy
