// A kind of job that only test builds know; see debug_job.cpp.
#pragma once

namespace pg_cutover::entry {

#ifdef PG_CUTOVER_DEBUG_POINTS
void RegisterDebugKinds();
#else
inline void RegisterDebugKinds() {}
#endif

}  // namespace pg_cutover::entry
