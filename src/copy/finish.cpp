// What follows the rows; see finish.hpp.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "catalog/capture_rows.hpp"
#include "copy/finish.hpp"
#include "copy/settings.hpp"
#include "link/deferred.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

// The target may have been renamed meanwhile, or dropped.
std::string CurrentName(job::Session& session, const Plan& plan) {
  return session.InStep([&] {
    RequirePresent(plan);
    return pg::QualifiedName(plan.link.target);
  });
}

// What an interrupted concurrent build left is dropped ahead of each attempt.
void DropInvalid(job::Session& session, const catalog::LinkRow& link,
                 const catalog::DeferredObject& object) {
  const std::vector<std::string> statements =
      session.InStep([&]() -> std::vector<std::string> {
        if (link::StateOf(link, object) != link::BuildState::kInvalid) return {};
        return link::RemainingStatements(link, object, true);
      });
  if (!statements.empty()) session.RunTopLevel(statements.front());
}

void Build(job::Session& session, const catalog::LinkRow& link,
           const catalog::DeferredObject& object) {
  pg::DebugPoint("copy_before_object");
  DropInvalid(session, link, object);
  for (const std::string& statement :
       session.InStep([&] { return link::RemainingStatements(link, object, true); })) {
    if (link::RunsAlone(statement))
      session.RunTopLevel(statement, [&] { DropInvalid(session, link, object); });
    else
      session.InStep([&] {
        pg::Spi spi;
        spi.Execute(statement);
      });
  }
  pg::DebugPoint("copy_after_object");
  session.InStep([&] { catalog::MarkBuilt(link.id, object.position); });
}

// A mirror has no foreign keys and no triggers of the application's: cascades would write to it, and
// what they check would fail a statement on the source.
bool BelongsToTheSwap(catalog::DeferredKind kind) {
  return kind == catalog::DeferredKind::kForeignKey || kind == catalog::DeferredKind::kTrigger;
}

pg::Error WithObject(const catalog::DeferredObject& object, const Plan& plan,
                     const pg::Error& error) {
  pg::ErrorInfo info = error.info();
  const std::string what = fmt::format("\"{}\" of {} could not be built.", object.name,
                                       plan.target_name);
  info.detail = info.detail.empty() ? what : fmt::format("{} {}", info.detail, what);
  if (info.hint.empty())
    info.hint = fmt::format("The rows stay copied. Mend the cause, then SELECT migrate_resume({}).",
                            plan.job);
  return pg::Error(std::move(info));
}

}  // namespace

void BuildDeferredObjects(job::Session& session, const Plan& plan) {
  const std::vector<catalog::DeferredObject> objects =
      session.InStep([&] { return catalog::DeferredObjects(plan.link.id, true); });
  for (const catalog::DeferredObject& object : objects) {
    if (plan.synced && BelongsToTheSwap(object.kind)) continue;
    session.Pace(core::BatchCost{});
    try {
      Build(session, plan.link, object);
    } catch (const pg::Error& error) {
      throw WithObject(object, plan, error);
    }
  }
}

void Analyze(job::Session& session, const Plan& plan) {
  session.RunTopLevel("ANALYZE " + CurrentName(session, plan));
}

void Vacuum(job::Session& session, const Plan& plan) {
  session.RunTopLevel("VACUUM " + CurrentName(session, plan));
}

void Complete(job::Session& session, const Plan& plan) {
  session.InStep([&] {
    RequirePresent(plan);
    UseSynchronousCommit();
    CheckGuards(plan);
    capture::RequireIntact(plan.link);
    if (const int64_t left = catalog::CountDeferredRows(plan.job))
      pg::Raise(ERRCODE_INTERNAL_ERROR, fmt::format("{} rows are still to be copied", left));
    // Whoever has an older snapshot may see a part of the rows only.
    const uint64_t next = pg::Section(
        []() -> uint64 { return U64FromFullTransactionId(ReadNextFullTransactionId()); });
    catalog::SetComplete(plan.link.id, next);
  });
}

}  // namespace pg_cutover::copy
