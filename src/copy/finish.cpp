// What follows the rows; see finish.hpp.
#include <fmt/format.h>

#include "copy/finish.hpp"
#include "link/deferred.hpp"
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

}  // namespace pg_cutover::copy
