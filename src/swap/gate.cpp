// Conditions of a swap; see gate.hpp.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "swap/gate.hpp"
#include "capture/install.hpp"
#include "capture/preconditions.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/cutover_rows.hpp"
#include "catalog/table_names.hpp"
#include "compare/other_sources.hpp"
#include "job/lock_holders.hpp"
#include "link/dropped.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

std::string Sentences(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : "; ") + part;
  return text.empty() ? text : text + ".";
}

void AddCaptureProblems(const catalog::LinkRow& link, const catalog::CaptureRow& capture,
                        std::vector<std::string>* problems) {
  if (capture.broken) problems->push_back(*capture.broken);
  if (!capture.complete_xid) problems->push_back("the copy has not been finished");
  if (capture.rejected_rows > 0 && capture.policy != catalog::RejectPolicy::kRecord)
    problems->push_back(fmt::format("the target has rejected {} rows", capture.rejected_rows));
  for (const std::string& problem : capture::Problems(link))
    if (problem != capture.broken) problems->push_back(problem);
}

void AddUnfinished(const catalog::LinkRow& link, std::vector<std::string>* problems) {
  if (const int64_t rows = catalog::CountDeferredRowsOf(link.id); rows > 0)
    problems->push_back(fmt::format("{} rows were put off by the copy", rows));
  for (const catalog::DeferredObject& object : catalog::DeferredObjects(link.id, true))
    if (object.kind == catalog::DeferredKind::kIndex ||
        object.kind == catalog::DeferredKind::kConstraint)
      problems->push_back(fmt::format("\"{}\" has not been built", object.name));
}

void AddOtherLinks(const catalog::LinkRow& link, std::vector<std::string>* problems) {
  for (const Oid table : {link.source, link.target})
    for (const std::string& other : catalog::OtherSyncedLinks(table, link.id))
      problems->push_back(fmt::format("{} is kept in step as well", other));
  // A comparison leaves such rows out, so it would not find those that were copied once.
  for (const catalog::LinkRow& other : compare::OtherSources(link))
    if (!catalog::FindCapture(other.id))
      problems->push_back(fmt::format(
          "it is linked to {} as well and may have rows of it: SELECT migrate_unlink({}, {})",
          catalog::TableName(other.source), catalog::TableLiteral(other.source),
          catalog::TableLiteral(other.target)));
}

// Columns of the target that keep no value when its rows are made again from the source's.
std::vector<std::string> ColumnsWithoutSource(const catalog::LinkRow& link) {
  const pg::OpenRelation target(link.target, AccessShareLock);
  const TupleDesc columns = RelationGetDescr(target.get());
  std::vector<std::string> names;
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
    if (column->attisdropped || column->attgenerated != '\0') continue;
    const std::string name = pg::FromName(column->attname);
    if (std::none_of(link.mapping.begin(), link.mapping.end(),
                     [&](const catalog::MappedColumn& mapped) { return mapped.column == name; }))
      names.push_back(pg::QuoteIdentifier(name));
  }
  return names;
}

// How a target that is not kept in step gets there. Dual-write does not begin with rows that nobody
// has mirrored.
std::string CopyCall(const catalog::LinkRow& link) {
  const std::string target = pg::QualifiedName(link.target);
  const std::string call =
      fmt::format("SELECT migrate_backfill({}, {}) with sync => true",
                  pg::QuoteLiteral(pg::QualifiedName(link.source)), pg::QuoteLiteral(target));
  if (!capture::HasRows(link.target)) return call + ".";
  const std::vector<std::string> lost = ColumnsWithoutSource(link);
  return fmt::format("TRUNCATE {}, then {}.{}", target, call,
                     lost.empty()
                         ? std::string()
                         : fmt::format(" What {} has in columns of its own ({}) is lost then.",
                                       target, fmt::join(lost, ", ")));
}

}  // namespace

void RequireReady(const catalog::LinkRow& link) {
  pg::Section([&] {
    LockRelationOid(link.source, AccessShareLock);
    LockRelationOid(link.target, AccessShareLock);
  });
  link::RequireThere(link);
  const std::string source = pg::QualifiedName(link.source);
  const std::string target = pg::QualifiedName(link.target);
  const std::optional<catalog::CaptureRow> capture = catalog::FindCapture(link.id);
  if (!capture)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} is not kept in step with {}", target, source),
              "Writes made since the copy would be lost.", CopyCall(link));
  std::vector<std::string> problems;
  if (!link.owner) problems.emplace_back("the link fills only some columns of the target");
  AddCaptureProblems(link, *capture, &problems);
  AddUnfinished(link, &problems);
  AddOtherLinks(link, &problems);
  if (problems.empty()) return;
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} is not ready to take the place of {}", target, source),
            Sentences(problems),
            capture->complete_xid && !capture->broken
                ? std::string("Mend it, then ask again.")
                : fmt::format("SELECT migrate_backfill({}, {}) copies what is missing.",
                              pg::QuoteLiteral(source), pg::QuoteLiteral(target)));
}

void RequireNoForgottenTransaction(const std::vector<Oid>& relations) {
  std::vector<job::LockHolder> found;
  for (job::LockHolder& holder : job::LockHolders(relations, AccessExclusiveLock))
    if (holder.forgotten) found.push_back(std::move(holder));
  if (found.empty()) return;
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "a prepared transaction holds a table that is to be swapped",
            job::Describe(found) + ".", "COMMIT PREPARED or ROLLBACK PREPARED it, then ask again.");
}

void RequireCarried(const Pair& pair, const Dependents& dependents) {
  if (dependents.refusals.empty()) return;
  std::vector<std::string> reasons;
  std::string hint;
  for (const Refusal& refusal : dependents.refusals) {
    reasons.push_back(fmt::format("{}: {}", refusal.object, refusal.reason));
    if (hint.empty()) hint = refusal.hint;
  }
  pg::Raise(
      ERRCODE_FEATURE_NOT_SUPPORTED,
      fmt::format("{} has dependents that cannot follow it to {}", pair.Live(), pair.Mirror()),
      Sentences(reasons), hint);
}

}  // namespace pg_cutover::swap
