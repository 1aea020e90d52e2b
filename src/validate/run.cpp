// Running all checks of a migration; see run.hpp.
//
// Each check has a subtransaction: one that fails by itself (a table that is gone, a missing right,
// a division by zero in somebody's CHECK) is INCONCLUSIVE with that error, and the others go on. A
// cancellation or statement_timeout is none of that and ends the run, with nothing recorded.
#include <map>

#include <fmt/format.h>

#include "validate/run.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/validation_rows.hpp"
#include "pg/debug_point.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/roles.hpp"

namespace pg_cutover::validate {

namespace {

// Field 4 of an advisory lock's tag; the others of ours are in job/locks.cpp.
constexpr uint16 kRunSpace = 0x7066;
constexpr double kMicrosecondsAMillisecond = 1000;

bool TryLockRun(const std::string& migration) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(migration.data());
  const uint64 key = hash_bytes_extended(bytes, static_cast<int>(migration.size()), 0);
  return pg::Section([=] {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32),
                         static_cast<uint32>(key), kRunSpace);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
  });
}

void RequireRelation(Oid relation) {
  if (!OidIsValid(relation) || pg::Call(get_rel_relkind, relation) != '\0') return;
  pg::Raise(ERRCODE_UNDEFINED_TABLE,
            fmt::format("relation with OID {} does not exist any more", relation), {},
            "Drop the check, and add one of the table that took its place.");
}

Finding Run(const catalog::CheckRow& check) {
  Finding finding;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    RequireRelation(check.source);
    RequireRelation(check.target);
    const Kind& kind = FindKind(check.kind);
    const Oid role = RoleFor(check.created_by, check.source, check.target);
    RequireMember(role, check);
    pg::DebugPoint("validation_check");
    const CheckScope scope(role, check.search_path);
    const Spec spec(kind.shape(), check.spec, check.source, check.target, check.created_by);
    finding = kind.run(spec);
  });
  if (!failure) return finding;
  if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
  const pg::ErrorInfo& error = failure->info();
  return {Status::kInconclusive,
          fmt::format("{} (SQLSTATE {}){}{}", error.message, pg::SqlStateText(error.sqlstate),
                      error.detail.empty() ? "" : ": ", error.detail)};
}

void RequireWritable() {
  if (!XactReadOnly && !RecoveryInProgress()) return;
  pg::Raise(ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "a validation cannot be recorded in a read-only transaction", {},
            "Call migrate_validate on the primary, in a transaction that may write.");
}

void RecordRun(const std::string& migration, int64_t run, const std::vector<CheckResult>& results) {
  std::map<std::string, int> counts;
  for (const CheckResult& result : results)
    ++counts[StatusName(result.finding.status)];
  catalog::Event event;
  event.kind = "validation";
  event.migration = migration;
  event.message = fmt::format("validation {}: {} passed, {} failed, {} inconclusive", run,
                              counts["PASS"], counts["FAIL"], counts["INCONCLUSIVE"]);
  catalog::RecordEvent(event);
}

}  // namespace

void RequireChecks(const std::string& migration) {
  if (!catalog::MigrationExists(migration))
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, fmt::format("migration \"{}\" does not exist", migration),
              {}, "migrate_add_check makes a migration with its first check.");
  if (catalog::ChecksOf(migration).empty())
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("migration \"{}\" has no checks", migration), {},
        fmt::format("SELECT migrate_add_check({}, ...) adds one.", pg::QuoteLiteral(migration)));
}

std::vector<CheckResult> Validate(const std::string& migration) {
  RequireWritable();
  RequireChecks(migration);
  if (!TryLockRun(migration)) {
    const std::string message =
        fmt::format("migration \"{}\" is being validated already", migration);
    pg::Notice(message, "Nothing was run, and nothing recorded.");
    return {{std::nullopt, {Status::kInconclusive, message + ": nothing was run"}}};
  }
  const int64_t run = catalog::NextValidationRun();
  std::vector<CheckResult> results;
  for (const catalog::CheckRow& check : catalog::ChecksOf(migration)) {
    catalog::ResultRow row;
    row.run = run;
    row.started_at = GetCurrentTimestamp();
    const Finding finding = Run(check);
    row.duration_ms =
        static_cast<double>(GetCurrentTimestamp() - row.started_at) / kMicrosecondsAMillisecond;
    row.status = StatusName(finding.status);
    row.details = finding.details;
    catalog::InsertResult(check, row);
    results.push_back({check.name, finding});
  }
  RecordRun(migration, run, results);
  return results;
}

}  // namespace pg_cutover::validate
