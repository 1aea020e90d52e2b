// The swap; see swap_tables.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "swap/swap_tables.hpp"
#include "capture/install.hpp"
#include "capture/trigger.hpp"
#include "catalog/capture_rows.hpp"
#include "catalog/cutover_rows.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/table_names.hpp"
#include "link/inverse.hpp"
#include "link/source_objects.hpp"
#include "pg/debug_point.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/dependents.hpp"
#include "swap/gate.hpp"
#include "swap/late_objects.hpp"

namespace pg_cutover::swap {

namespace {

void Run(const std::string& statement) {
  pg::Spi spi;
  spi.Execute(statement);
}

void Run(const std::vector<std::string>& statements) {
  for (const std::string& statement : statements)
    Run(statement);
}

void Rename(Oid table, const std::string& name) {
  Run(fmt::format("ALTER TABLE {} RENAME TO {}", pg::QualifiedName(table),
                  pg::QuoteIdentifier(name)));
}

// What rejects of the policy "record" are left when nobody writes any more.
void RetryRejected(const catalog::LinkRow& link) {
  const std::optional<catalog::CaptureRow> capture = catalog::FindCapture(link.id);
  if (!capture || capture->rejected_rows == 0) return;
  const int64_t left = capture::RetryRejected(link.id);
  if (left == 0) return;
  std::vector<std::string> rows;
  for (const catalog::RejectedRow& row : catalog::RejectedRows(link.id, 5))
    rows.push_back(fmt::format("({}): {}", fmt::join(row.key, ", "), row.message));
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} {} not fit into {}", left, left == 1 ? "row does" : "rows do",
                        pg::QualifiedName(link.target)),
            fmt::format("{}.", fmt::join(rows, "; ")),
            "They would be lost. Change these rows or that table's constraints, then ask again.");
}

// Mending one now would leave it out of snapshots that were taken before.
void RequireNoneRejected(const catalog::LinkRow& link) {
  const std::optional<catalog::CaptureRow> capture = catalog::FindCapture(link.id);
  if (!capture || capture->rejected_rows == 0) return;
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("{} has rejected rows since the gate was passed", pg::QualifiedName(link.target)),
      fmt::format("{} rows.", capture->rejected_rows),
      "Resume the job with migrate_resume: it tries them once more.");
}

// Dependents under the locks, with all their statements.
Dependents Carry(const Pair& pair, const Order& order, const HeldLocks& held,
                 std::vector<Oid>* dependents, std::vector<catalog::DeferredObject>* remember) {
  // Foreign keys first: their columns are named as they are.
  Dependents carried;
  AddForeignKeys(pair, &carried, remember);
  const Alignment alignment = AlignColumnNames(pair);
  Run(alignment.align);
  Dependents others;
  {
    const pg::ActiveSnapshot now;
    others = FindDependents(pair, true, order.Renames(), nullptr);
  }
  Run(alignment.restore);

  const auto append = [](auto* to, const auto& from) {
    to->insert(to->end(), from.begin(), from.end());
  };
  append(&carried.refusals, others.refusals);
  append(&carried.carried, others.carried);
  append(&carried.lock, others.lock);
  append(&carried.before, others.before);
  append(&carried.after, others.after);
  append(&carried.later, others.later);
  carried.renames = others.renames;
  RequireCarried(pair, carried);

  bool all_locked = true;
  for (const Oid relation : carried.lock) {
    if (std::find(held.relations.begin(), held.relations.end(), relation) != held.relations.end())
      continue;
    all_locked = false;
    dependents->push_back(relation);
  }
  // One that appeared after the others were locked: locking it now would break the order.
  if (!all_locked)
    pg::Raise(ERRCODE_LOCK_NOT_AVAILABLE, "another dependent has appeared while locks were taken");
  return carried;
}

void MarkMade(const catalog::LinkRow& link) {
  for (const catalog::DeferredObject& object : catalog::DeferredObjects(link.id, true))
    catalog::MarkBuilt(link.id, object.position);
}

void Remember(std::vector<catalog::DeferredObject> objects, int64_t link) {
  for (catalog::DeferredObject& object : objects) {
    object.link = link;
    catalog::ForgetDeferredForeignKey(link, object.name);
    catalog::InsertDeferredObject(object);
  }
}

Datum Jsonb(const std::string& text) {
  const char* const value = text.c_str();
  return pg::Section([=] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(value)); });
}

int64_t MakeReverseLink(const catalog::LinkRow& forward, const Request& request) {
  link::Inverse inverse = link::Invert(forward, Jsonb(request.reverse_columns));
  if (!inverse.obstacles.empty())
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the mapping has no inverse any more",
              fmt::format("{}.", fmt::join(inverse.obstacles, "; ")));
  inverse.link.migration = forward.migration;
  return catalog::InsertLink(inverse.link);
}

// The stream of the other direction, after the names were exchanged.
void FlowForwards(const Order& order, const Pair& pair, const Dependents& carried,
                  std::vector<catalog::DeferredObject> remember, const Request& request,
                  int64_t job) {
  catalog::SwapRow row;
  row.job = job;
  row.live = pair.mirror;
  row.mirror = pair.live;
  row.link = order.link.id;
  row.mirror_name = pair.mirror_name;
  row.renames = carried.renames;
  catalog::SetDormant(order.link.id, true);
  if (request.reverse_sync) {
    row.reverse_link = MakeReverseLink(order.link, request);
    catalog::InsertSourceObjects(*row.reverse_link,
                                 link::Definitions(link::ObjectsOf(pair.mirror)));
    Remember(std::move(remember), *row.reverse_link);
    capture::InstallComplete(
        catalog::LoadLink(*row.reverse_link),
        request.record_rejected ? catalog::RejectPolicy::kRecord : catalog::RejectPolicy::kFail);
  }
  catalog::InsertSwap(row);
}

void FlowBackwards(const Order& order, std::vector<catalog::DeferredObject> remember) {
  catalog::SetDormant(order.forward->id, false);
  Remember(std::move(remember), order.forward->id);
  capture::InstallComplete(catalog::LoadLink(order.forward->id), catalog::RejectPolicy::kSuspend);
  catalog::EndSwap(order.reverted->id);
  catalog::RememberNames({order.reverted->live, order.reverted->mirror});
  catalog::DeleteLink(order.link.id);
}

// The way back is not refused over what the old table lacks; nor does it pass it over in silence.
void RecordLeftBehind(const catalog::JobRow& job, const Pair& pair) {
  const std::vector<std::string> late = LateObjects(pair);
  if (late.empty()) return;
  catalog::Event event;
  event.kind = "revert";
  event.message = fmt::format(
      "made on {} after the cutover, not on {}: {}; they stay with the former, which is "
      "now {}",
      pair.Live(), pair.Mirror(), fmt::join(late, ", "), pair.retired_name);
  event.migration = job.migration;
  event.link = job.link;
  event.job = job.id;
  event.source = pair.live;
  event.target = pair.mirror;
  catalog::RecordEvent(event);
}

void RecordSwap(const catalog::JobRow& job, const Order& order, const Pair& pair,
                const Request& request, int64_t waited_us) {
  const std::string live = pg::QualifiedName(pair.mirror);
  const std::string retired = pg::QualifiedName(pair.live);
  catalog::Event event;
  event.kind = order.reverted ? "revert" : "cutover";
  event.message =
      fmt::format("{} took the place of {}, which is now {}", pair.Mirror(), pair.Live(), retired);
  event.migration = job.migration;
  event.link = job.link;
  event.job = job.id;
  event.source = pair.live;
  event.target = pair.mirror;
  event.details = fmt::format(R"({{"waited_ms": {:.3f}}})", static_cast<double>(waited_us) / 1000);
  if (order.reverted)
    event.inverse = fmt::format("SELECT migrate_cutover({}, {})", pg::QuoteLiteral(live),
                                pg::QuoteLiteral(retired));
  else if (request.reverse_sync)
    event.inverse = fmt::format("SELECT migrate_revert({})", pg::QuoteLiteral(live));
  catalog::RecordEvent(event);
}

}  // namespace

std::optional<std::string> Order::RetiredName(const Request& request) const {
  return reverted ? std::optional(reverted->mirror_name) : request.retire_as;
}

std::vector<catalog::RenamedPair> Order::Renames() const {
  if (!reverted) return {};
  return reverted->renames;
}

Order LoadOrder(const catalog::JobRow& job) {
  const auto changed = [&](const char* what) {
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("job {} finds the tables otherwise than they were", job.id), what,
              fmt::format("SELECT migrate_cancel({})", job.id));
  };
  if (!job.link) changed("The link was removed.");
  Order order;
  const catalog::LinkRow forward = catalog::LoadLink(*job.link);
  if (job.source == forward.source) {
    if (forward.dormant) changed("They have been swapped by somebody else.");
    order.link = forward;
    return order;
  }
  order.reverted = catalog::FindSwapByLive(job.source);
  if (!order.reverted || order.reverted->mirror != job.target || !order.reverted->reverse_link)
    changed("The swap that was to be reverted does not stand any more.");
  if (order.reverted->retired) changed("The old table has been retired.");
  order.link = catalog::LoadLink(*order.reverted->reverse_link);
  order.forward = forward;
  return order;
}

std::optional<HeldLocks> TryRejected(const catalog::JobRow& job, const Request& request) {
  const std::optional<catalog::JobRow> locked = catalog::LockJob(job.id);
  if (!locked || locked->state != core::JobState::kRunning) return std::nullopt;
  const HeldLocks held = LockPair(job.source, job.target, {}, request.lock_timeout_ms);
  const pg::ActiveSnapshot now;
  RetryRejected(LoadOrder(job).link);
  return held;
}

std::optional<HeldLocks> SwapTables(const catalog::JobRow& job, const Request& request,
                                    std::vector<Oid>* dependents) {
  // A pause or a cancellation comes before the swap or after it, never into the middle.
  const std::optional<catalog::JobRow> locked = catalog::LockJob(job.id);
  if (!locked || locked->state != core::JobState::kRunning) return std::nullopt;
  const HeldLocks held = LockPair(job.source, job.target, *dependents, request.lock_timeout_ms);
  pg::DebugPoint("cutover_locked");

  // What was committed while we waited counts.
  const pg::ActiveSnapshot now;
  const Order order = LoadOrder(job);
  const Pair pair = LoadPair(order.link, order.RetiredName(request));
  RequireReady(order.link);
  RequireNoneRejected(order.link);
  RequireNothingLate(pair);
  if (order.reverted) RecordLeftBehind(job, pair);
  std::vector<catalog::DeferredObject> remember;
  const Dependents carried = Carry(pair, order, held, dependents, &remember);

  Run(carried.before);
  capture::Remove(order.link);
  Rename(pair.live, pair.retired_name);
  Rename(pair.mirror, pair.live_name);
  pg::DebugPoint("cutover_renamed");
  Run(carried.after);
  MarkMade(order.link);
  capture::RemoveGuard(pair.mirror);
  capture::InstallGuard(pair.live);
  if (order.reverted)
    FlowBackwards(order, std::move(remember));
  else
    FlowForwards(order, pair, carried, std::move(remember), request, job.id);
  RecordSwap(job, order, pair, request, held.waited_us);
  catalog::SaveLaterStatements(job.id, carried.later);
  catalog::SetPhase(job.id, "validate");
  // Nobody may have read the new table before it is certain to stay.
  pg::Section([] {
    (void)set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
  });
  pg::DebugPoint("cutover_before_commit");
  return held;
}

}  // namespace pg_cutover::swap
