// CALL migrate_wait: follows a job to its end in the caller's session.
#pragma once

#include <cstdint>
#include <optional>

namespace pg_cutover::job {

// Must run as a procedure outside a transaction block: it commits between looks, so that no
// snapshot is held while it waits. Says how far the job is in notices; launches the job where it
// has no worker although it should.
//
// Returns when the job has succeeded. Raises the job's own error when it failed, query_canceled
// when it was cancelled or `timeout_ms` have passed, undefined_object when it does not exist (any
// more). A paused job is waited for.
void Wait(int64_t id, std::optional<int64_t> timeout_ms);

}  // namespace pg_cutover::job
