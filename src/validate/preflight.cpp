// The table of checks, and running them; see preflight.hpp.
#include "validate/preflight.hpp"

#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::validate {

namespace {

struct Check {
  const char* name;
  Answer (*ask)(const Subject&);
};

constexpr Check kChecks[] = {
    {"source", Source},
    {"shadow", Shadow},
    {"cutover", Cutover},
    {"source_key", SourceKey},
    {"row_security", RowSecurity},
    {"triggers", Triggers},
    {"foreign_keys", ForeignKeys},
    {"invalid_indexes", InvalidIndexes},
    {"publications", Publications},
    {"wraparound", Wraparound},
    {"table_size", TableSize},
    {"growth", Growth},
    {"duration", Duration},
    {"disk_space", DiskSpace},
    {"wal_space", WalSpace},
    {"worker_slots", WorkerSlots},
    {"connections", Connections},
    {"long_transactions", LongTransactions},
    {"prepared_transactions", PreparedTransactions},
    {"replication_lag", ReplicationLag},
    {"replication_slots", ReplicationSlots},
    {"server", Server},
    {"job_role", JobRole},
    {"start_jobs", StartJobs},
    {"launcher", Launcher},
    {"lock_timeout", LockTimeout},
    {"wal_level", WalLevel},
    {"autovacuum", Autovacuum},
};

// A check that fails says nothing about the others.
Answer Ask(const Check& check, const Subject& subject) {
  Answer answer;
  const std::optional<pg::Error> failure =
      pg::TryInSubtransaction([&] { answer = check.ask(subject); });
  if (!failure) return answer;
  if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
  return {Status::kUnknown, failure->info().message, failure->info().hint};
}

}  // namespace

std::vector<Oid> Subject::Relations() const {
  std::vector<Oid> relations = {source};
  if (OidIsValid(target)) relations.push_back(target);
  return relations;
}

const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kWarning:
      return "warning";
    case Status::kRefused:
      return "refused";
    case Status::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Answer Refusal(const pg::Error& error) {
  std::string details = error.info().message;
  if (!error.info().detail.empty()) details += ": " + error.info().detail;
  return {Status::kRefused, std::move(details), error.info().hint};
}

bool IsOfTheMoment(const pg::Error& error) {
  switch (ERRCODE_TO_CATEGORY(error.sqlstate())) {
    case ERRCODE_TRANSACTION_ROLLBACK:
    case ERRCODE_INSUFFICIENT_RESOURCES:
    case ERRCODE_OPERATOR_INTERVENTION:
    case ERRCODE_SYSTEM_ERROR:
    case ERRCODE_INTERNAL_ERROR:
      return true;
    default:
      return error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE;
  }
}

std::vector<Finding> Preflight(const Subject& subject) {
  pg::GucScope settings;
  settings.Set("search_path", "pg_catalog, pg_temp");
  {
    // What is known of other sessions is otherwise remembered until the end of the transaction.
    pg::Spi spi;
    spi.Execute("SELECT pg_catalog.pg_stat_clear_snapshot()");
  }
  std::vector<Finding> findings;
  for (const Check& check : kChecks)
    findings.push_back({check.name, Ask(check, subject)});
  return findings;
}

}  // namespace pg_cutover::validate
