// Cutover and revert from start to end; see cutover.hpp.
#include <fmt/format.h>

#include "swap/cutover.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/comparison_rows.hpp"
#include "catalog/cutover_rows.hpp"
#include "catalog/event_rows.hpp"
#include "compare/comparison.hpp"
#include "job/clock.hpp"
#include "pg/debug_point.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/dependents.hpp"
#include "swap/gate.hpp"
#include "swap/late_objects.hpp"
#include "swap/lock_pair.hpp"
#include "swap/old_snapshots.hpp"
#include "swap/swap_tables.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kValidate = "validate";

// What the gate found out for the phases after it.
struct Passed {
  std::vector<Oid> dependents;  // to be locked with the pair
  std::vector<Oid> relations;   // all that are to be locked
  bool rejected_rows = false;
  // Older snapshots see a part of the mirror only; nullopt: it was complete all along.
  std::optional<uint64_t> complete_xid;
};

Passed PassGate(job::Session& session, const Request& request) {
  return session.InStep([&] {
    const Order order = LoadOrder(session.row());
    RequireReady(order.link);
    const Pair pair = LoadPair(order.link, order.RetiredName(request));
    RequireNothingLate(pair);
    std::vector<catalog::DeferredObject> ignored;
    Dependents dependents = FindDependents(pair, false, order.Renames(), &ignored);
    RequireCarried(pair, dependents);
    Passed passed;
    passed.relations = LockOrder(pair.live, pair.mirror, dependents.lock);
    RequireNoForgottenTransaction(passed.relations);
    passed.dependents = std::move(dependents.lock);
    const catalog::CaptureRow capture = catalog::FindCapture(order.link.id).value();
    passed.rejected_rows = capture.rejected_rows > 0;
    if (!order.reverted) passed.complete_xid = capture.complete_xid;
    return passed;
  });
}

// Runs `body` in one transaction after the other until it gets its locks. It returns nullopt where
// the job does not run any more; the session's next step then ends it.
template <class Body>
auto Attempt(job::Session& session, const Request& request, const std::vector<Oid>& relations,
             Body&& body, int* made) {
  Attempts attempts(session, request);
  for (;;) {
    attempts.Begin();
    try {
      if (auto result = session.InBatch(body)) {
        *made = attempts.made();
        return *std::move(result);
      }
      session.AwaitClearance();
    } catch (const pg::Error& error) {
      attempts.Failed(error, relations);
    }
  }
}

// Rows that the mirror has rejected and that were only noted: compared before they are tried again,
// the tables would differ.
void MendRejected(job::Session& session, const Request& request, const Passed& passed) {
  int made = 0;
  (void)Attempt(
      session, request, passed.relations, [&] { return TryRejected(session.row(), request); },
      &made);
}

void RecordVerified(const catalog::JobRow& job, int64_t comparison) {
  catalog::RecordEvent(catalog::EventOf(
      job, job.kind,
      fmt::format("relies on comparison {}, which found no difference", comparison)));
}

// A comparison of this link that is recent and clean is enough, unless rows have been mended since.
void Verify(job::Session& session, bool mended) {
  const catalog::LinkRow link = session.InStep([&] { return LoadOrder(session.row()).link; });
  const std::optional<int64_t> clean = session.InStep(
      [&] { return catalog::CleanComparison(link.id, compare::MaxVerificationAgeMs()); });
  if (clean && !mended) {
    session.InStep([&] { RecordVerified(session.row(), *clean); });
    return;
  }
  const std::optional<bool> equal = compare::CompareNow(session, link);
  // A link that is gone stops the swap under the locks.
  if (equal.value_or(true)) return;
  session.InStep([&] { compare::RaiseDifferent(session.id()); });
}

void RecordDuration(job::Session& session, int64_t locked_us, int64_t waited_us, int attempts) {
  session.InStep([&] {
    const catalog::JobRow& job = session.row();
    catalog::Event event = catalog::EventOf(
        job, job.kind,
        fmt::format("the tables were locked for {:.1f} ms", static_cast<double>(locked_us) / 1000));
    event.details = fmt::format(R"({{"locked_ms": {:.3f}, "waited_ms": {:.3f}, "attempts": {}}})",
                                static_cast<double>(locked_us) / 1000,
                                static_cast<double>(waited_us) / 1000, attempts);
    catalog::RecordEvent(event);
    catalog::SetWaitingFor(job.id, std::nullopt);
    catalog::SetAttempts(job.id, 0);
  });
}

void Swap(job::Session& session, const Request& request, Passed* passed) {
  int made = 0;
  const HeldLocks held = Attempt(
      session, request, passed->relations,
      [&] { return SwapTables(session.row(), request, &passed->dependents); }, &made);
  const int64_t locked_us = job::NowMicros() - held.since_us;
  pg::DebugPoint("cutover_committed");
  RecordDuration(session, locked_us, held.waited_us, made);
}

void RunLater(job::Session& session) {
  for (;;) {
    const std::vector<std::string> statements =
        session.InStep([&] { return catalog::LaterStatements(session.id()); });
    if (statements.empty()) return;
    try {
      session.InStep([&] {
        pg::Spi spi;
        spi.Execute(statements.front());
        catalog::DropFirstLaterStatement(session.id());
      });
    } catch (const pg::Error& error) {
      pg::ErrorInfo info = error.info();
      info.hint = fmt::format(
          "The tables have been swapped; this was left to be done. Mend the cause, then SELECT "
          "migrate_resume({}).",
          session.id());
      throw pg::Error(std::move(info));
    }
  }
}

}  // namespace

bool IsSwapPhase(const std::string& phase) {
  return phase == "gate" || phase == "verify" || phase == "snapshots" || phase == "swap" ||
         phase == kValidate;
}

void LeadSwap(job::Session& session) {
  if (session.row().phase != kValidate) {
    const Request request = session.InStep([&] { return ReadRequest(session.row().request); });
    session.SetPhase("gate");
    Passed passed = PassGate(session, request);
    if (passed.rejected_rows) {
      MendRejected(session, request, passed);
      // An older snapshot does not see what was mended.
      passed.complete_xid = session.InStep([] {
        return pg::Section(
            []() -> uint64 { return U64FromFullTransactionId(ReadNextFullTransactionId()); });
      });
    }
    pg::DebugPoint("cutover_gate");
    if (request.verify) {
      session.SetPhase("verify");
      Verify(session, passed.rejected_rows);
    }
    if (passed.complete_xid) {
      session.SetPhase("snapshots");
      AwaitOldSnapshots(session, *passed.complete_xid);
    }
    session.SetPhase("swap");
    Swap(session, request, &passed);
  }
  RunLater(session);
}

}  // namespace pg_cutover::swap
