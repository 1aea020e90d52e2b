// Validation on a schedule; see schedule.hpp.
#include <fmt/format.h>

#include "core/names.hpp"

#include "validate/schedule.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/scope.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "validate/run.hpp"

namespace pg_cutover::validate {

namespace {

std::string ThisDatabase() {
  return pg::Call(get_database_name, MyDatabaseId);
}

// pg_cron replaces a job of the same name and role, whatever database it is for, and cuts names off
// at the length of an identifier.
std::string JobName(const std::string& migration) {
  return core::BoundedName(fmt::format("pg_cutover {}: {}", ThisDatabase(), migration), "");
}

// One statement: pg_cron's two ways to run a command agree on that. Qualified: its session has
// another search_path.
std::string Command(const std::string& migration) {
  return fmt::format("SELECT {}.migrate_validate({})", catalog::ExtensionSchema(),
                     pg::QuoteLiteral(migration));
}

std::optional<std::string> Setting(const char* name) {
  const char* const value = pg::Section([=] { return GetConfigOption(name, true, false); });
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

[[noreturn]] void RaiseElsewhere(const std::string& home, const std::string& statement) {
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("pg_cron schedules jobs in database \"{}\" only", home),
            "cron.database_name says where; from there it can run a command in any other database.",
            fmt::format("In database \"{}\", as a role that may call it: {}", home, statement));
}

// Raises unless pg_cron can be called here. `elsewhere` does the same from pg_cron's own database.
void RequireCron(const std::string& elsewhere) {
  pg::Spi spi;
  const bool installed =
      !spi.Query(
              "SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pg_cron'")
           .empty();
  const std::optional<std::string> home = Setting("cron.database_name");
  if (!installed && home && *home != ThisDatabase()) RaiseElsewhere(*home, elsewhere);
  if (!installed)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, "pg_cron is not installed in this database",
              home ? "Its library is loaded, its extension is missing."
                   : "Its library is not in shared_preload_libraries either.",
              home
                  ? "CREATE EXTENSION pg_cron"
                  : fmt::format("Install the package of pg_cron, add pg_cron to "
                                "shared_preload_libraries, set cron.database_name = {}, restart, "
                                "CREATE EXTENSION pg_cron; or call migrate_validate from any other "
                                "scheduler.",
                                pg::QuoteLiteral(ThisDatabase())));
  if (!home)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "pg_cron is installed, but not running",
              "Its library is not in shared_preload_libraries: nothing would run the job.",
              "Add pg_cron to shared_preload_libraries and restart the server.");
  const pg::Rows usage = spi.Query("SELECT pg_catalog.has_schema_privilege('cron', 'USAGE')");
  if (!usage.Bool(0, 1).value())
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
              fmt::format("role \"{}\" may not use pg_cron", pg::RoleName(GetUserId())), {},
              fmt::format("GRANT USAGE ON SCHEMA cron TO {}",
                          pg::QuoteIdentifier(pg::RoleName(GetUserId()))));
}

struct CronJob {
  int64_t id = 0;
  std::string schedule;
  bool active = true;
};

// The caller's own: another role's job of the same name is its own affair. Which rows of cron.job
// are visible is pg_cron's policy, and a superuser sees all of them.
std::optional<CronJob> FindJob(const std::string& migration) {
  const std::string role = pg::RoleName(GetUserId());
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT jobid, schedule, active FROM cron.job WHERE jobname OPERATOR(pg_catalog.=) $1 "
      "AND username OPERATOR(pg_catalog.=) $2",
      {pg::Argument::Text(JobName(migration)), pg::Argument::Text(role)});
  if (rows.empty()) return std::nullopt;
  return CronJob{rows.Int8(0, 1).value(), rows.Text(0, 2).value(), rows.Bool(0, 3).value()};
}

void UnscheduleJob(const CronJob& job) {
  pg::Spi spi;
  (void)spi.Execute("SELECT cron.unschedule($1)", {pg::Argument::Int8(job.id)});
}

void Record(const std::string& migration, const std::string& message, const std::string& inverse) {
  catalog::Event event;
  event.kind = "validation";
  event.message = message;
  event.migration = migration;
  event.inverse = inverse;
  catalog::RecordEvent(event);
}

}  // namespace

int64_t Schedule(const std::string& migration, const std::string& schedule) {
  RequireChecks(migration);
  const std::string command = Command(migration);
  RequireCron(fmt::format("SELECT cron.schedule_in_database({}, {}, {}, {})",
                          pg::QuoteLiteral(JobName(migration)), pg::QuoteLiteral(schedule),
                          pg::QuoteLiteral(command), pg::QuoteLiteral(ThisDatabase())));
  const std::optional<CronJob> previous = FindJob(migration);
  // One that is not active would stay so under its name, and never run. cron.alter_job is not for
  // everybody.
  if (previous && !previous->active) UnscheduleJob(*previous);
  // The job is replaced by its name and the caller's: one step, nothing is lost if this one fails.
  const auto schedule_job = [&] {
    pg::Spi spi;
    return spi
        .Execute("SELECT cron.schedule($1, $2, $3)",
                 {pg::Argument::Text(JobName(migration)), pg::Argument::Text(schedule),
                  pg::Argument::Text(command)})
        .Int8(0, 1)
        .value();
  };
  const int64_t job = schedule_job();
  if (previous)
    pg::Notice(fmt::format("the schedule of migration \"{}\" is replaced: it was {}{}", migration,
                           pg::QuoteLiteral(previous->schedule),
                           previous->active ? "" : ", and not active"));
  Record(migration,
         fmt::format("validation is scheduled at {} by pg_cron, job {}", pg::QuoteLiteral(schedule),
                     job),
         fmt::format("SELECT migrate_unschedule({})", pg::QuoteLiteral(migration)));
  return job;
}

void Unschedule(const std::string& migration) {
  RequireCron(fmt::format("SELECT cron.unschedule({})", pg::QuoteLiteral(JobName(migration))));
  const std::optional<CronJob> job = FindJob(migration);
  if (!job)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT,
              fmt::format("migration \"{}\" is not scheduled by role \"{}\"", migration,
                          pg::RoleName(GetUserId())),
              {}, "SELECT jobid, username, schedule FROM cron.job says what is.");
  UnscheduleJob(*job);
  Record(migration,
         fmt::format("validation is not scheduled any more, it was at {}",
                     pg::QuoteLiteral(job->schedule)),
         fmt::format("SELECT migrate_schedule({}, {})", pg::QuoteLiteral(migration),
                     pg::QuoteLiteral(job->schedule)));
}

}  // namespace pg_cutover::validate
