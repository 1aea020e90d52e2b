// Configuration parameters and pinned settings; see settings.hpp.
#include <string>

#include "job/settings.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

namespace {

bool start_jobs = true;
bool launcher = true;
int launcher_naptime_s = 60;
int lock_timeout_ms = 1000;

struct Setting {
  const char* name;
  const char* value;
};

constexpr Setting kPinned[] = {
    // Names in stored expressions are qualified; nothing else may be found.
    {"search_path", "pg_catalog, pg_temp"},
    // A partial copy is worse than an error.
    {"row_security", "off"},
    // A role or database set to replica would write past foreign keys, triggers and rules.
    {"session_replication_role", "origin"},
    // How values look as text, and how text becomes values.
    {"TimeZone", "UTC"},
    {"DateStyle", "ISO, MDY"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"bytea_output", "hex"},
    {"xmloption", "content"},
    {"array_nulls", "on"},
    {"transform_null_equals", "off"},
    {"standard_conforming_strings", "on"},
    {"quote_all_identifiers", "off"},
    // The protocol needs a fresh snapshot in every statement.
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_read_only", "off"},
    {"default_transaction_deferrable", "off"},
    // Not armed in background workers anyway, but inherited by what counts on them.
    {"statement_timeout", "0"},
    {"idle_in_transaction_session_timeout", "0"},
    // Whoever looks for a deadlock first is its victim: that is to be us, and not news for the log.
    {"deadlock_timeout", "50ms"},
    {"log_lock_waits", "off"},
};

}  // namespace

void DefineSettings() {
  pg::Section([] {
    DefineCustomBoolVariable(
        "pg_cutover.start_jobs", "Lets background jobs start.",
        "Turn it off in a copy of a cluster, where jobs must not go on by themselves.", &start_jobs,
        true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_cutover.launcher",
                             "Restarts unfinished jobs of all databases after a server restart.",
                             "Needs pg_cutover in shared_preload_libraries.", &launcher, true,
                             PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_cutover.launcher_naptime", "Time between two looks for jobs without a worker.", nullptr,
        &launcher_naptime_s, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_cutover.lock_timeout",
                            "How long a job's worker waits for a lock before it tries again.",
                            "Others queue behind it while it waits.", &lock_timeout_ms, 1000, 1,
                            3600000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
  });
  pg::DefineDebugSettings();
  pg::Section([] { MarkGUCPrefixReserved("pg_cutover"); });
}

bool MayStartJobs() {
  return start_jobs;
}
bool LauncherEnabled() {
  return launcher;
}
int64_t LauncherNapMs() {
  return int64_t{1000} * launcher_naptime_s;
}

void PinWorkerSettings() {
  pg::Section([] {
    for (const Setting& setting : kPinned)
      SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_SESSION);
  });
  UseLockTimeout(true);
}

void UseLockTimeout(bool limited) {
  const std::string value = std::to_string(limited ? lock_timeout_ms : 0);
  const char* const text = value.c_str();
  pg::Section([=] { SetConfigOption("lock_timeout", text, PGC_USERSET, PGC_S_SESSION); });
}

void UseAsynchronousCommit() {
  pg::Section([] {
    (void)set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
                            GUC_ACTION_LOCAL, true, 0, false);
  });
}

}  // namespace pg_cutover::job
