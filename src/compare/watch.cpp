// Comparing again and again; see watch.hpp.
#include "catalog/capture_rows.hpp"
#include "compare/comparison.hpp"
#include "compare/watch.hpp"
#include "job/control.hpp"
#include "job/create.hpp"

namespace pg_cutover::compare {

namespace {

enum class Turn { kEnd, kLeaveOut, kCompare };

Turn Look(int64_t link) {
  const std::optional<catalog::CaptureRow> capture = catalog::FindCapture(link);
  if (!capture || !capture->complete_xid) return Turn::kEnd;
  const catalog::LinkRow row = catalog::LoadLink(link);
  if (row.dormant) return Turn::kEnd;
  return catalog::UnfinishedJobOn(row.target) ? Turn::kLeaveOut : Turn::kCompare;
}

}  // namespace

void LeadWatch(job::Session& session) {
  const int64_t link = session.row().link.value();
  for (;;) {
    const Turn turn = session.InStep([&] { return Look(link); });
    if (turn == Turn::kEnd) return;
    if (turn == Turn::kCompare) {
      session.SetPhase("compare");
      const catalog::LinkRow row = session.InStep([&] { return catalog::LoadLink(link); });
      if (!CompareNow(session, row).value_or(true))
        session.InStep([&] { RaiseDifferent(session.id()); });
    }
    const int64_t interval_ms = VerificationIntervalMs();
    if (interval_ms == 0) return;
    session.SetPhase("wait");
    session.Sleep(interval_ms * 1000, "PgCutoverVerify");
  }
}

void StartWatch(int64_t link) {
  // A worker that was killed after it had made the job comes here again.
  if (VerificationIntervalMs() == 0 || !catalog::UnfinishedJobsOf(link, kWatch).empty()) return;
  const catalog::LinkRow row = catalog::LoadLink(link);
  catalog::JobRow job;
  job.kind = kWatch;
  job.link = link;
  job.source = row.source;
  job.migration = row.migration;
  (void)job::Create(std::move(job));
}

void EndWatch(int64_t link) {
  for (const int64_t job : catalog::UnfinishedJobsOf(link, kWatch))
    job::CancelForOwner(job);
}

}  // namespace pg_cutover::compare
