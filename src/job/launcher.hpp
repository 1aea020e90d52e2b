// The launcher: with pg_cutover in shared_preload_libraries, restarts unfinished jobs of every
// database after a restart or promotion, and looks again every pg_cutover.launcher_naptime.
//
// It is connected to no database, so that none of them is "being accessed by other users" because
// of it. It sends a scout into one database after the other, each a worker of its own that does
// what migrate_recover() does and leaves. It absorbs barriers wherever it waits: DROP DATABASE must
// not hang.
#pragma once

namespace pg_cutover::job {

// Body of the launcher's main function. Does not return.
[[noreturn]] void RunLauncher();

}  // namespace pg_cutover::job
