// Settings of the server that decide whether a migration runs, goes on after a restart, and how
// others feel it; see preflight.hpp.
#include <fmt/format.h>

#include "core/humanize.hpp"

#include "validate/preflight.hpp"

#include "job/rights.hpp"
#include "job/settings.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

using pg::Argument;

// Others queue behind a lock that a worker waits for: longer than this is noticed.
constexpr double kNoticedMs = 5000;

// RESET would leave them as postgresql.conf has them, and that may be what switches them off. What
// wins over files has to be changed where it is.
std::string HowToSwitchOn(const std::vector<std::string>& settings) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT CASE WHEN s.source IN ('default', 'configuration file') "
      "    THEN format('ALTER SYSTEM SET %s = on, SELECT pg_reload_conf()', s.name) "
      "    ELSE format('switch %s on where it is set: %s', s.name, s.source) END "
      "  FROM pg_settings s WHERE s.name = ANY ($1) ORDER BY s.name",
      {Argument::TextArray(settings)});
  std::vector<std::string> steps;
  for (uint64_t row = 0; row < rows.size(); ++row)
    steps.push_back(rows.Text(row, 1).value());
  return fmt::format("{}", fmt::join(steps, ", "));
}

}  // namespace

Answer Server(const Subject&) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT current_setting('server_version'), pg_is_in_recovery(), "
      "  current_setting('default_transaction_read_only') = 'on'");
  const std::string version = rows.Text(0, 1).value();
  if (rows.Bool(0, 2).value())
    return {Status::kRefused,
            fmt::format("PostgreSQL {}, in recovery: nothing can be written", version),
            "Call it on the primary."};
  if (rows.Bool(0, 3).value())
    return {Status::kWarning,
            fmt::format(
                "PostgreSQL {}, transactions are read-only by default: the calls that make links "
                "and jobs fail, workers are not affected",
                version),
            "SET default_transaction_read_only = off"};
  return {Status::kOk, fmt::format("PostgreSQL {}, a primary", version), {}};
}

Answer StartJobs(const Subject&) {
  if (job::MayStartJobs()) return {Status::kOk, "pg_cutover.start_jobs is on", {}};
  return {Status::kRefused, "pg_cutover.start_jobs is off: jobs stay queued",
          HowToSwitchOn({"pg_cutover.start_jobs"})};
}

Answer Launcher(const Subject&) {
  pg::Spi spi;
  const bool preloaded =
      spi.Query(
             "SELECT 'pg_cutover' = ANY (string_to_array(replace(replace("
             "  current_setting('shared_preload_libraries'), ' ', ''), '\"', ''), ','))")
          .Bool(0, 1)
          .value();
  if (!preloaded)
    return {
        Status::kWarning,
        "pg_cutover is not in shared_preload_libraries: after a restart unfinished jobs wait for a "
        "call",
        "ALTER SYSTEM SET shared_preload_libraries and restart, or SELECT migrate_recover() after "
        "each restart."};
  if (!job::LauncherEnabled())
    return {Status::kWarning,
            "pg_cutover.launcher is off: after a restart unfinished jobs wait for a call",
            HowToSwitchOn({"pg_cutover.launcher"})};
  return {Status::kOk, "unfinished jobs are restarted after a restart", {}};
}

Answer LockTimeout(const Subject&) {
  pg::Spi spi;
  const double ms =
      spi.Query("SELECT setting::float8 FROM pg_settings WHERE name = 'pg_cutover.lock_timeout'")
          .Float8(0, 1)
          .value();
  std::string details = fmt::format(
      "a worker waits at most {} for a lock (pg_cutover.lock_timeout); statements queue behind it "
      "that long",
      core::HumanDuration(ms));
  if (ms <= kNoticedMs) return {Status::kOk, std::move(details), {}};
  return {Status::kWarning, std::move(details), "SET pg_cutover.lock_timeout = '1s'"};
}

Answer WalLevel(const Subject&) {
  pg::Spi spi;
  const std::string level = spi.Query("SELECT current_setting('wal_level')").Text(0, 1).value();
  if (level == "minimal")
    return {Status::kWarning,
            "wal_level is minimal: no standby and no point-in-time recovery can hold the copy",
            "Take a base backup before the swap, or set wal_level to replica and restart."};
  return {Status::kOk,
          fmt::format("wal_level is {}; dual-write and copy need no more than that", level),
          {}};
}

Answer Autovacuum(const Subject& subject) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT ARRAY(SELECT name FROM unnest('{autovacuum,track_counts}'::text[]) AS name "
      "    WHERE current_setting(name) <> 'on'), "
      "  (SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.relname COLLATE \"C\") FROM "
      "pg_class c, "
      "     pg_options_to_table(c.reloptions) AS o "
      "    WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean "
      "      AND (c.oid = $1 OR c.oid IN (SELECT relid FROM pg_partition_tree($1))))",
      {Argument::RegClass(subject.source)});
  if (const std::vector<std::string> off = rows.TextArray(0, 1); !off.empty())
    return {Status::kWarning,
            fmt::format("{} {} off: rows that are copied, taken back and updated leave dead "
                        "versions behind, and the new table's statistics grow old",
                        fmt::join(off, " and "), off.size() == 1 ? "is" : "are"),
            HowToSwitchOn(off)};
  if (const std::optional<std::string> tables = rows.Text(0, 2))
    return {
        Status::kWarning,
        fmt::format("autovacuum is on but not for {}; a target that takes over the option is not "
                    "vacuumed either",
                    *tables),
        fmt::format("ALTER TABLE {} RESET (autovacuum_enabled)", *tables)};
  return {Status::kOk, "autovacuum is on", {}};
}

Answer JobRole(const Subject& subject) {
  job::Roles roles = {};
  if (const std::optional<pg::Error> failure =
          TryForRefusal([&] { roles = job::ChooseRoles(subject.source, subject.target); }))
    return Refusal(*failure);
  return {Status::kOk,
          fmt::format("workers log in as \"{}\" and act as \"{}\"", pg::RoleName(roles.login),
                      pg::RoleName(roles.effective)),
          {}};
}

}  // namespace pg_cutover::validate
