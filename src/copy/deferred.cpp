// Rows that were busy when their batch was copied; see deferred.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "copy/deferred.hpp"
#include "copy/diagnose.hpp"
#include "copy/direct_batch.hpp"
#include "copy/settings.hpp"
#include "pg/debug_point.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

constexpr int kRowsARound = 500;
// With dual-write, a key that is taken is in general a writer's, and passes. One that never does is
// a second unique index that the mapping violates: every so many rounds without progress, ask.
constexpr int kRoundsBeforeReport = 10;

struct Found {
  const catalog::DeferredRow* row;
  ItemPointerData position;
};

std::string LookupStatement(const catalog::LinkRow& link) {
  const pg::OpenRelation source(link.source, AccessShareLock);
  std::string condition;
  int parameter = 0;
  for (const std::string& column : link.source_key) {
    const char* const name = column.c_str();
    const AttrNumber number =
        pg::Section([&] { return get_attnum(RelationGetRelid(source.get()), name); });
    if (number == InvalidAttrNumber)
      pg::Raise(
          ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          fmt::format("key column \"{}\" of {} is gone", column, pg::QualifiedName(link.source)));
    const Form_pg_attribute attribute = TupleDescAttr(source.descriptor(), number - 1);
    condition += fmt::format("{}source.{} = CAST(${} AS {})", condition.empty() ? "" : " AND ",
                             pg::QuoteIdentifier(column), ++parameter,
                             pg::TypeName(attribute->atttypid, attribute->atttypmod));
  }
  return fmt::format("SELECT source.tableoid, source.ctid::text FROM {} AS source WHERE {}",
                     pg::QualifiedName(link.source), condition);
}

ItemPointerData ParsePosition(const std::string& text) {
  unsigned block = 0;
  unsigned offset = 0;
  if (std::sscanf(text.c_str(), "(%u,%u)", &block, &offset) != 2)
    pg::Raise(ERRCODE_INTERNAL_ERROR, fmt::format("not a row position: {}", text));
  ItemPointerData position;
  ItemPointerSet(&position, block, static_cast<OffsetNumber>(offset));
  return position;
}

// One leaf's rows of a round.
void RetryLeaf(const Plan& plan, const catalog::JobPart& leaf, const std::vector<Found>& rows,
               int worker, bool report_duplicates, Failing* failing) {
  BatchMode mode;
  mode.one_by_one = true;
  // With dual-write a writer may come between the look and the insert, and must not be waited for.
  mode.report_duplicates = report_duplicates && !plan.synced;
  mode.report_committed = report_duplicates && plan.synced;
  DirectBatch batch(plan, leaf, mode, failing);
  for (const Found& found : rows) {
    if (batch.CopyRow(found.position))
      catalog::DeleteDeferredRow(plan.job, found.row->id);
    else
      catalog::CountDeferredAttempt(plan.job, found.row->id);
  }
  pg::DebugPoint("copy_after_insert");
  for (const std::vector<std::string>& key : batch.Settle())
    catalog::InsertDeferredRow(plan.job, leaf.relation, key);
  catalog::BatchCounters counters;
  counters.rows_written = batch.rows_written();
  counters.rows_taken_back = batch.rows_taken_back();
  counters.bytes_written = batch.bytes();
  catalog::SaveBatch(plan.job, worker, core::BlockRange{0, 0}, counters);
}

void RetryRound(const Plan& plan, int worker, bool report_duplicates, Failing* failing) {
  RequirePresent(plan);
  UseAsynchronousCommit();
  const std::vector<catalog::DeferredRow> rows = catalog::DeferredRows(plan.job, kRowsARound);
  if (rows.empty()) return;
  const std::string lookup = LookupStatement(plan.link);
  std::map<Oid, std::vector<Found>> by_leaf;
  {
    pg::Spi spi;
    for (const catalog::DeferredRow& row : rows) {
      std::vector<pg::Argument> key;
      for (const std::string& value : row.key)
        key.push_back(pg::Argument::Text(value));
      const pg::Rows found = spi.Query(lookup, key);
      if (found.empty())
        catalog::DeleteDeferredRow(plan.job, row.id);
      else
        by_leaf[found.ObjectId(0, 1).value()].push_back(
            {&row, ParsePosition(found.Text(0, 2).value())});
    }
  }
  CheckGuards(plan);
  for (const auto& [relation, found] : by_leaf) {
    const Oid leaf = relation;
    const auto part = std::find_if(plan.parts.begin(), plan.parts.end(),
                                   [=](const auto& known) { return known.relation == leaf; });
    if (part == plan.parts.end())
      pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                fmt::format("a row of {} moved to {}, which the copy does not know",
                            plan.source_name, pg::QualifiedName(leaf)));
    RetryLeaf(plan, *part, found, worker, report_duplicates, failing);
  }
}

}  // namespace

int64_t RetryDeferred(job::Session& session, const Plan& plan, bool report_duplicates) {
  for (;;) {
    Failing failing;
    try {
      return session.InBatch([&] {
        RetryRound(plan, session.worker(), report_duplicates, &failing);
        return catalog::CountDeferredRows(plan.job);
      });
    } catch (const pg::Error& error) {
      if (!session.IsTransient(error)) throw WithRow(session, plan, failing, error);
      session.BackOff(error);
    }
  }
}

void DrainDeferred(job::Session& session, const Plan& plan) {
  session.InStep([&] { catalog::OpenCursor(plan.job, session.worker()); });
  int64_t before = RetryDeferred(session, plan, !plan.synced);
  for (int stalled = 0; before > 0;) {
    session.Pace(core::BatchCost{});
    const bool ask = stalled % kRoundsBeforeReport == kRoundsBeforeReport - 1;
    const int64_t left = RetryDeferred(session, plan, !plan.synced || ask);
    stalled = left < before ? 0 : stalled + 1;
    // Without progress the wait grows, and says why.
    if (left < before)
      session.Succeeded();
    else
      session.BackOff(
          pg::Error(pg::ErrorInfo{ERRCODE_LOCK_NOT_AVAILABLE,
                                  fmt::format("{} source rows are held by open transactions", left),
                                  {},
                                  {},
                                  {}}));
    before = left;
  }
}

}  // namespace pg_cutover::copy
