// migrate_cutover and migrate_revert: everything that can be known is checked in the call, before
// there is a job.
#include <fmt/format.h>

#include "catalog/swap_rows.hpp"
#include "catalog/table_names.hpp"
#include "compare/watch.hpp"
#include "entry/arguments.hpp"
#include "entry/cutover_checks.hpp"
#include "job/create.hpp"
#include "link/dropped.hpp"
#include "link/migration.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"
#include "swap/cutover.hpp"
#include "swap/request.hpp"

namespace pg_cutover::entry {

namespace {

constexpr int64_t kLongestLockTimeoutMs = 60'000;

// What both functions take.
swap::Request ReadAttempts(const Arguments& arguments, int lock_timeout, int attempts, int verify,
                           int terminate_after) {
  swap::Request request;
  const std::optional<int64_t> timeout = arguments.OptionalInterval(lock_timeout);
  if (!timeout || *timeout < 1 || *timeout > kLongestLockTimeoutMs)
    pg::Raise(
        ERRCODE_INVALID_PARAMETER_VALUE,
        fmt::format("lock_timeout must be between 1 ms and {} s", kLongestLockTimeoutMs / 1000),
        "Everybody who uses the table waits that long behind an attempt that fails.");
  request.lock_timeout_ms = *timeout;
  request.attempts = arguments.OptionalInt4(attempts).value_or(0);
  if (request.attempts < 1)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "attempts must be at least 1",
              fmt::format("It is {}.", request.attempts));
  request.verify = arguments.Bool(verify, "verify");
  request.terminate_after_ms = arguments.OptionalInterval(terminate_after);
  if (request.terminate_after_ms && *request.terminate_after_ms < 0)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "terminate_blockers_after must not be negative");
  return request;
}

catalog::LinkRow RequireLink(Oid source, Oid target) {
  const std::string from = pg::QuoteLiteral(pg::QualifiedName(source));
  const std::string to = pg::QuoteLiteral(pg::QualifiedName(target));
  if (const std::optional<catalog::LinkRow> link = catalog::FindLink(source, target)) {
    if (!link->dormant) return *link;
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} and {} have been swapped already", pg::QualifiedName(target),
                          pg::QualifiedName(source)),
              {}, fmt::format("SELECT migrate_revert({}) swaps them back.", to));
  }
  if (const std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(source);
      swap && swap->mirror == target)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} has taken the place of {}", pg::QualifiedName(source),
                          pg::QualifiedName(target)),
              {}, fmt::format("SELECT migrate_revert({}) swaps them back.", from));
  pg::Raise(ERRCODE_UNDEFINED_OBJECT,
            fmt::format("there is no link from {} to {}", pg::QualifiedName(source),
                        pg::QualifiedName(target)),
            {}, fmt::format("SELECT migrate_backfill({}, {})", from, to));
}

catalog::JobRow NewJob(const char* kind, const catalog::LinkRow& forward, Oid live, Oid mirror,
                       const swap::Request& request, std::optional<std::string> migration) {
  catalog::JobRow job;
  job.kind = kind;
  job.link = forward.id;
  job.source = live;
  job.target = mirror;
  job.migration = migration ? std::move(migration) : forward.migration;
  job.request = swap::RequestText(request);
  return job;
}

int64_t Cutover(const Arguments& arguments) {
  const Oid source = arguments.Relation(0, "source");
  const Oid target = arguments.Relation(1, "target");
  swap::Request request = ReadAttempts(arguments, 2, 3, 4, 10);
  request.reverse_sync = arguments.Bool(5, "reverse_sync");
  if (!arguments.IsNull(6)) request.retire_as = pg::OutputText(NAMEOID, arguments.OptionalDatum(6));
  const std::string on_reject = arguments.Text(9, "on_reject");
  if (on_reject != "fail" && on_reject != "record")
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("on_reject \"{}\" is not known", on_reject), {},
              "Use fail (a write that the old table rejects fails) or record (it succeeds, and the "
              "row is noted).");
  request.record_rejected = on_reject == "record";
  pg::RequireOwner(source);
  pg::RequireOwner(target);
  const catalog::LinkRow link = RequireLink(source, target);
  for (const Oid table : {source, target})
    link::RequireCounterparts(table);
  RequireSwappable(link);
  RequireCarriedOver(link, request.retire_as, {});
  if (arguments.IsNull(8))
    pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, "reverse_columns must not be null");
  if (request.reverse_sync)
    request.reverse_columns = RequireInverse(
        link, arguments.OptionalDatum(8),
        "Say in reverse_columns what these columns are computed from, or give up the way back with "
        "reverse_sync => false.");
  const std::optional<std::string> migration = arguments.OptionalText(7);
  if (migration) link::JoinMigration(*migration);
  compare::EndWatch(link.id);
  return job::Create(NewJob(swap::kCutover, link, source, target, request, migration));
}

catalog::SwapRow RequireSwap(Oid current) {
  const std::string name = pg::QualifiedName(current);
  const std::optional<catalog::SwapRow> swap = catalog::FindSwapByLive(current);
  if (!swap) {
    const std::optional<catalog::SwapRow> retired = catalog::FindSwapByMirror(current);
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} has not taken the place of another table", name), {},
              retired ? fmt::format("SELECT migrate_revert({})",
                                    pg::QuoteLiteral(pg::QualifiedName(retired->live)))
                      : std::string("Name the table that is in use now."));
  }
  if (swap->retired)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("the table that {} took the place of has been retired", name),
              fmt::format("It is {}.", catalog::TableName(swap->mirror)));
  link::RequireThere(swap->mirror);
  if (!swap->reverse_link)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} is not kept in step with {}", pg::QualifiedName(swap->mirror), name),
              "The cutover was made with reverse_sync => false, or dual-write was ended: swapping "
              "back would lose what was written since.");
  if (!swap->link)
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("the link from {} to {} was removed", pg::QualifiedName(swap->mirror), name));
  return *swap;
}

int64_t Revert(const Arguments& arguments) {
  const Oid current = arguments.Relation(0, "current");
  const swap::Request request = ReadAttempts(arguments, 1, 2, 3, 4);
  pg::RequireOwner(current);
  const catalog::SwapRow swap = RequireSwap(current);
  pg::RequireOwner(swap.mirror);
  const catalog::LinkRow forward = catalog::LoadLink(*swap.link);
  const catalog::LinkRow reverse = catalog::LoadLink(*swap.reverse_link);
  for (const Oid table : {swap.live, swap.mirror})
    link::RequireCounterparts(table);
  RequireSwappable(reverse);
  RequireCarriedOver(reverse, swap.mirror_name, swap.renames);
  return job::Create(NewJob(swap::kRevert, forward, swap.live, swap.mirror, request, std::nullopt));
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_cutover) {
  return Int64GetDatum(pg_cutover::entry::Cutover(pg_cutover::entry::Arguments(fcinfo)));
}

PG_CUTOVER_FUNCTION(pg_cutover_revert) {
  return Int64GetDatum(pg_cutover::entry::Revert(pg_cutover::entry::Arguments(fcinfo)));
}
