// Named points at which tests hold, break or kill a process.
//
// Compiled in with -DPG_CUTOVER_DEBUG_POINTS; otherwise DebugPoint() is nothing. At a point a process
//   waits   while somebody holds the advisory lock pg_advisory_lock(hashtext('<name>'))
//   acts    as pg_cutover.debug_points says: '<name>=error', '=exit', '=kill', comma-separated;
//           '=throw' throws a C++ exception.
// While a process waits, its application_name in pg_stat_activity is the point's name.
#pragma once

namespace pg_cutover::pg {

#ifdef PG_CUTOVER_DEBUG_POINTS
void DebugPoint(const char* name);
void DefineDebugSettings();
#else
inline void DebugPoint(const char*) {}
inline void DefineDebugSettings() {}
#endif

}  // namespace pg_cutover::pg
