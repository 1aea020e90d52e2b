// The backfill job from start to end; see backfill.hpp.
#include <fmt/format.h>

#include "copy/backfill.hpp"
#include "copy/deferred.hpp"
#include "copy/direct_copy.hpp"
#include "copy/finish.hpp"
#include "copy/method.hpp"
#include "copy/plan.hpp"
#include "copy/sql_copy.hpp"
#include "link/deferred.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
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
  require(link.target, ACL_INSERT, "INSERT");
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

void Start(job::Session& session) {
  session.InStep([&] {
    const catalog::JobRow& job = session.row();
    const catalog::LinkRow link = LinkOf(job);
    // Nothing may come into the target between the look and the removal of its indexes.
    pg::Section([&] {
      LockRelationOid(link.source, AccessShareLock);
      LockRelationOid(link.target, AccessExclusiveLock);
    });
    RequireAccess(link);
    const MethodChoice choice = ChooseMethod(link, job.method, true);
    catalog::SetMethod(job.id, choice.method);
    if (choice.method == "direct") {
      if (IsEmpty(link.target)) link::TakeOffObjects(link);
      FixExtent(job, link);
    } else {
      FixRowEstimate(job, link);
    }
    catalog::SetPhase(job.id, "copy");
  });
  pg::DebugPoint("backfill_started");
}

}  // namespace

void LeadBackfill(job::Session& session) {
  if (session.row().phase == "start") Start(session);
  const catalog::JobRow job =
      session.InStep([&] { return catalog::FindJob(session.id()).value(); });
  const Plan plan = session.InStep([&] { return LoadPlan(job); });
  std::string phase = job.phase;
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
  if (phase == "vacuum") Vacuum(session, plan);
}

void HelpBackfill(job::Session& session) { HelpDirectCopy(session); }

}  // namespace pg_cutover::copy
