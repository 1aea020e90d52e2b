// Measuring what a throttle looks at.
//
// The server's signals are read as the extension's owner with constant SQL; `query` runs as the
// job's role, read-only and with a time limit. Each on its own: one that fails is "not measurable",
// with the reason, which holds the job, and the others are read all the same.
//
//   max_replication_lag  the worst directly connected standby or subscriber. One that has replayed
//                        everything is 0 behind, whatever it last reported; none connected, or one
//                        that has not reported: not measurable
//   max_slot_lag         WAL retained by the worst replication slot; no slots: 0
//   max_archive_backlog  WAL files ready for the archiver; archive_mode off: 0
//   max_active_backends  client sessions that run a statement, in all databases
//   max_lock_waiters     processes that wait for a heavyweight lock, our own workers left out
//   window               the time of day in the TimeZone that the job's login role has by default
//                        in this database
#pragma once

#include "core/throttle.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

// Reads what `spec` asks for, in the caller's transaction. `zone` is the one of the window.
// `fresh_query` false: the query is left as it is in `previous`.
core::Signals MeasureSignals(const core::ThrottleSpec& spec, pg_tz* zone, bool fresh_query,
                             const core::Signals& previous);

// Whether there is anything to measure.
bool AsksForSignals(const core::ThrottleSpec& spec);

}  // namespace pg_cutover::job
