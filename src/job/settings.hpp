// The extension's configuration parameters, and the settings that workers pin.
#pragma once

#include <cstdint>

namespace pg_cutover::job {

// When the library is loaded. Reserves the prefix pg_cutover.
void DefineSettings();

// pg_cutover.start_jobs: nothing is launched while it is off.
bool MayStartJobs();
// pg_cutover.launcher and pg_cutover.launcher_naptime.
bool LauncherEnabled();
int64_t LauncherNapMs();

// What a worker's session must not inherit from the cluster, the database or the role: expressions
// are to mean the same in every worker of every job, and a worker is the one that gives way. In a
// transaction; lasts when that commits.
void PinWorkerSettings();
// lock_timeout as pg_cutover.lock_timeout says, or 0: none. For statements that wait for
// transactions while blocking nobody.
void UseLockTimeout(bool limited);
// In a transaction, for it alone: its commit does not wait for WAL, nor for a synchronous standby.
void UseAsynchronousCommit();

}  // namespace pg_cutover::job
