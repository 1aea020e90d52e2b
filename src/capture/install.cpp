// Turning dual-write on and off; see install.hpp.
//
// Everything is done by the owner of the extension: nobody else may execute the trigger functions,
// so that nobody can attach them to a table of his own with the number of somebody else's link.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "capture/install.hpp"
#include "capture/preconditions.hpp"
#include "capture/problems.hpp"
#include "capture/tables.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/scope.hpp"
#include "catalog/table_names.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

std::string PairCall(const char* function, const catalog::LinkRow& link) {
  return fmt::format("SELECT {}({}, {})", function,
                     pg::QuoteLiteral(pg::QualifiedName(link.source)),
                     pg::QuoteLiteral(pg::QualifiedName(link.target)));
}

void EnableAlways(catalog::Scope& scope, Oid relation, const std::string& name) {
  scope.Execute(fmt::format("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", pg::QualifiedName(relation),
                            pg::QuoteIdentifier(name)));
}

void CreateTriggers(const catalog::LinkRow& link) {
  const std::string rows = TriggerName(link.id);
  const std::string truncate = TruncateTriggerName(link.id);
  const std::vector<Oid> members = TreeOf(link.source);
  catalog::Scope scope;
  scope.Execute(
      fmt::format("CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW "
                  "EXECUTE FUNCTION migrate.capture('{}')",
                  pg::QuoteIdentifier(rows), pg::QualifiedName(link.source), link.id));
  EnableAlways(scope, link.source, rows);
  for (const Oid member : members) {
    // Servers before 15.5 do not pass the state on to the clones of the partitions.
    const std::optional<TriggerFacts> clone = FindTrigger(member, rows);
    if (clone && clone->enabled != TRIGGER_FIRES_ALWAYS) EnableAlways(scope, member, rows);
    // TRUNCATE of a partition fires that partition's triggers only.
    if (!StoresRows(member)) continue;
    scope.Execute(
        fmt::format("CREATE TRIGGER {} BEFORE TRUNCATE ON {} FOR EACH STATEMENT EXECUTE "
                    "FUNCTION migrate.capture_truncate('{}')",
                    pg::QuoteIdentifier(truncate), pg::QualifiedName(member), link.id));
    EnableAlways(scope, member, truncate);
  }
}

struct Truncation {
  std::optional<std::string> heap;
  std::optional<std::string> toast;
};

Truncation OptionsOf(Oid relation) {
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT (SELECT o.option_value FROM pg_options_to_table(c.reloptions) o "
      "WHERE o.option_name = 'vacuum_truncate'), "
      "(SELECT o.option_value FROM pg_class t, pg_options_to_table(t.reloptions) o "
      "WHERE t.oid = c.reltoastrelid AND o.option_name = 'vacuum_truncate') "
      "FROM pg_class c WHERE c.oid = $1",
      {pg::Argument::ObjectId(relation)});
  if (rows.empty()) return {};
  return {rows.Text(0, 1), rows.Text(0, 2)};
}

// Cutting empty blocks off the end takes AccessExclusiveLock: every writer of the source would
// queue behind VACUUM. Remembers what was set before, here or by a link that came earlier.
void KeepVacuumFromTruncating(catalog::CapturePart* part,
                              const std::vector<catalog::CapturePart>& earlier) {
  for (const catalog::CapturePart& other : earlier) {
    if (other.relation != part->relation || !other.triggers.empty()) continue;
    part->vacuum_truncate = other.vacuum_truncate;
    part->toast_vacuum_truncate = other.toast_vacuum_truncate;
    return;
  }
  const Truncation before = OptionsOf(part->relation);
  part->vacuum_truncate = before.heap;
  part->toast_vacuum_truncate = before.toast;
  catalog::Scope scope;
  scope.Execute(
      fmt::format("ALTER TABLE {} SET (vacuum_truncate = off, toast.vacuum_truncate = off)",
                  pg::QualifiedName(part->relation)));
}

void PutBackOption(Oid relation, const char* option, const std::optional<std::string>& value) {
  const std::string action = value ? fmt::format("SET ({} = {})", option, pg::QuoteLiteral(*value))
                                   : fmt::format("RESET ({})", option);
  catalog::Scope scope;
  scope.Execute(fmt::format("ALTER TABLE {} {}", pg::QualifiedName(relation), action));
}

void PutBackVacuum(const catalog::CapturePart& part) {
  if (!part.triggers.empty() || !Exists(part.relation) || !StoresRows(part.relation)) return;
  PutBackOption(part.relation, "vacuum_truncate", part.vacuum_truncate);
  PutBackOption(part.relation, "toast.vacuum_truncate", part.toast_vacuum_truncate);
}

std::vector<catalog::CapturePart> PartsOfOthers(const catalog::LinkRow& link) {
  std::vector<catalog::CapturePart> parts;
  for (const int64_t other : catalog::CapturedInto(link.target))
    if (other != link.id)
      for (catalog::CapturePart& part : catalog::CaptureParts(other))
        parts.push_back(std::move(part));
  return parts;
}

// Step 2 and 3 of T0; the locks are held.
uint64_t Begin(const catalog::LinkRow& link, catalog::RejectPolicy policy) {
  const std::vector<catalog::CapturePart> earlier = PartsOfOthers(link);
  CreateTriggers(link);
  const uint64_t boundary =
      pg::Section([]() -> uint64 { return U64FromFullTransactionId(ReadNextFullTransactionId()); });
  catalog::InsertCapture(link.id, policy, boundary);
  const std::vector<std::string> names{TriggerName(link.id), TruncateTriggerName(link.id)};
  for (const Oid table : {link.source, link.target})
    catalog::RememberNames(TreeOf(table));
  for (const Oid member : TreeOf(link.source))
    catalog::InsertCapturePart(link.id, Describe(member, names));
  for (const Oid member : TreeOf(link.target)) {
    catalog::CapturePart part = Describe(member, {});
    if (StoresRows(member)) KeepVacuumFromTruncating(&part, earlier);
    catalog::InsertCapturePart(link.id, part);
  }
  return boundary;
}

void Record(const catalog::LinkRow& link, catalog::RejectPolicy policy, uint64_t boundary) {
  catalog::Event event =
      catalog::EventOf(link, "sync",
                       fmt::format("dual-write from {} to {} is on", pg::QualifiedName(link.source),
                                   pg::QualifiedName(link.target)));
  event.details = fmt::format("{{\"policy\": \"{}\", \"boundary\": {}}}",
                              catalog::RejectPolicyName(policy), boundary);
  event.inverse = PairCall("migrate_unsync", link);
  catalog::RecordEvent(event);
}

// Dropping a partitioned table's trigger drops its clones, which cannot be dropped one by one. By
// OID too: a trigger may have been renamed.
void DropTriggers(const catalog::LinkRow& link, const std::vector<catalog::CapturePart>& parts) {
  std::vector<std::string> known;
  for (const catalog::CapturePart& part : parts)
    for (const Oid trigger : part.triggers)
      known.push_back(std::to_string(trigger));
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname) "
      "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
      "JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE t.tgparentid = 0 AND (t.oid = ANY ($1::oid[]) OR t.tgname = ANY ($2::name[])) "
      "AND t.tgfoid IN ('migrate.capture()'::regprocedure, "
      "'migrate.capture_truncate()'::regprocedure)",
      {pg::Argument::TextArray(known), pg::Argument::TextArray(std::vector<std::string>{
                                           TriggerName(link.id), TruncateTriggerName(link.id)})});
  std::vector<std::string> statements;
  for (uint64_t i = 0; i < rows.size(); ++i)
    statements.push_back(rows.Text(i, 1).value());
  for (const std::string& statement : statements)
    scope.Execute(statement);
}

// Writers of other links into the target have cached who fills columns of its rows, and whether
// anybody else accounts for rows of it.
void TellOthers(const catalog::LinkRow& link) {
  if (Exists(link.target)) pg::Call(CacheInvalidateRelcacheByRelid, link.target);
}

}  // namespace

std::string TriggerName(int64_t link) {
  return fmt::format("~pg_cutover_{}", link);
}
std::string TruncateTriggerName(int64_t link) {
  return fmt::format("~pg_cutover_truncate_{}", link);
}

uint64_t Install(const catalog::LinkRow& link, catalog::RejectPolicy policy) {
  if (const std::optional<catalog::CaptureState> state = catalog::LoadCapture(link.id)) {
    RequireIntact(link);
    return state->row.boundary;
  }
  // Before the lock: nobody is to wait while we look.
  RequireCapturable(link, Moment::kNow);
  {
    LockSpan span;
    span.LockTree(link.source, ShareRowExclusiveLock);
    // For columns of rows that another link owns: no writer of that link, who would not look at
    // this one's source, is in the middle of anything.
    span.LockTree(link.target, link.created_target || !link.owner ? ShareRowExclusiveLock
                                                                  : ShareUpdateExclusiveLock);
  }
  RequireEmpty(link);
  const uint64_t boundary = Begin(link, policy);
  TellOthers(link);
  if (link.created_target) InstallGuard(link.target);
  Record(link, policy, boundary);
  return boundary;
}

void InstallComplete(const catalog::LinkRow& link, catalog::RejectPolicy policy) {
  const uint64_t boundary = Begin(link, policy);
  TellOthers(link);
  catalog::SetComplete(link.id, boundary);
}

void Remove(const catalog::LinkRow& link) {
  const std::optional<catalog::CaptureState> state = catalog::LoadCapture(link.id);
  if (!state) return;
  const bool last = PartsOfOthers(link).empty();
  const bool guarded = last && Exists(link.target) && HasGuard(link.target);
  {
    LockSpan span;
    if (Exists(link.source)) span.LockTree(link.source, AccessExclusiveLock);
    if (guarded)
      span.LockTree(link.target, AccessExclusiveLock);
    else if (!link.owner && Exists(link.target))
      span.LockTree(link.target, ShareRowExclusiveLock);
  }
  DropTriggers(link, state->parts);
  TellOthers(link);
  if (guarded) RemoveGuard(link.target);
  if (last)
    for (const catalog::CapturePart& part : state->parts)
      PutBackVacuum(part);
  catalog::DeleteCapture(link.id);
}

}  // namespace pg_cutover::capture
