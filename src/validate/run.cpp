// Running all checks of a migration; see run.hpp.
//
// Each check has a subtransaction: one that fails by itself (a table that is gone, a missing right,
// a division by zero in somebody's CHECK) is INCONCLUSIVE with that error, and the others go on. A
// cancellation or statement_timeout is none of that and ends the run, with nothing recorded.
//
// Everything that the checks read is locked first, and the snapshot taken then: see run_locks.hpp.
// A transaction above READ COMMITTED keeps its own snapshot. Whether storage is newer than the
// snapshot is looked at after each check, when whatever it read is locked for good.
#include <map>

#include <fmt/format.h>

#include "validate/run.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/migration_rows.hpp"
#include "catalog/table_names.hpp"
#include "catalog/validation_rows.hpp"
#include "link/migration.hpp"
#include "pg/debug_point.hpp"
#include "pg/prefix.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/checks.hpp"
#include "validate/read_only_query.hpp"
#include "validate/roles.hpp"
#include "validate/run_locks.hpp"

namespace pg_cutover::validate {

namespace {

// Field 4 of an advisory lock's tag; the others of ours are in job/locks.cpp.
constexpr uint16 kRunSpace = 0x7066;
constexpr double kMicrosecondsAMillisecond = 1000;
// Details quote values, of samples and in PostgreSQL's own errors, and those can be of any length.
constexpr int kLongestDetails = 10000;

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
            fmt::format("table {} was dropped", catalog::TableName(relation)), {},
            "Drop the check, and add one of the table that took its place.");
}

// Does something with a check as the role whose rights it has. What fails is undone, its locks too.
template <class Body>
std::optional<pg::Error> Attempt(const catalog::CheckRow& check, Body&& body) {
  std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    RequireRelation(check.source);
    RequireRelation(check.target);
    const Kind& kind = FindKind(check.kind);
    const Oid role = RoleFor(check.created_by, check.source, check.target);
    RequireMember(role, check);
    const CheckScope scope(role, check.search_path);
    const Spec spec(kind.shape(), check.spec, check.source, check.target, check.created_by);
    const ReadOnlyScope read_only;
    body(kind, spec);
    read_only.RequireNothingWritten("the check");
  });
  if (failure && failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw std::move(*failure);
  return failure;
}

Finding Inconclusive(const pg::ErrorInfo& error) {
  return {Status::kInconclusive,
          fmt::format("{} (SQLSTATE {}){}{}", error.message, pg::SqlStateText(error.sqlstate),
                      error.detail.empty() ? "" : ": ", error.detail)};
}

// At most so many bytes, in whole characters.
std::string Shortened(const std::string& details) {
  const std::string kept = pg::Prefix(details, kLongestDetails);
  if (kept.size() == details.size()) return details;
  return fmt::format("{}... ({} bytes in all)", kept, details.size());
}

Finding Run(const catalog::CheckRow& check) {
  pg::DebugPoint("validation_check");
  Finding finding;
  if (const std::optional<pg::Error> failure =
          Attempt(check, [&](const Kind& kind, const Spec& spec) { finding = kind.run(spec); }))
    return Inconclusive(failure->info());
  if (const std::optional<std::string> newer = NewerStorage())
    return {Status::kInconclusive, *newer};
  return finding;
}

struct Locked {
  catalog::CheckRow check;
  // Why its relations could not be locked: it is not run then, as what it saw would prove nothing.
  std::optional<pg::Error> failure;
};

std::vector<Locked> Lock(const std::string& migration) {
  std::vector<Locked> locked;
  for (catalog::CheckRow& check : catalog::ChecksOf(migration)) {
    std::optional<pg::Error> failure =
        Attempt(check, [&](const Kind&, const Spec& spec) { LockRelations(check, spec); });
    locked.push_back({std::move(check), std::move(failure)});
  }
  return locked;
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
  const std::optional<Oid> owner = catalog::MigrationOwner(migration);
  if (!owner)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, fmt::format("migration \"{}\" does not exist", migration),
              {}, "migrate_add_check makes a migration with its first check.");
  link::RequireMigrationMember(migration, *owner);
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
  const std::vector<Locked> checks = Lock(migration);
  std::optional<pg::LatestSnapshot> snapshot;
  if (!IsolationUsesXactSnapshot()) snapshot.emplace();
  std::vector<CheckResult> results;
  for (const auto& [check, failure] : checks) {
    catalog::ResultRow row;
    row.run = run;
    row.started_at = GetCurrentTimestamp();
    Finding finding = failure ? Inconclusive(failure->info()) : Run(check);
    finding.details = Shortened(finding.details);
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
