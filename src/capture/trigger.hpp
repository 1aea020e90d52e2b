// The trigger body: one write of an application, mirrored into the target in the writer's
// transaction.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// migrate.capture(), an AFTER INSERT OR UPDATE OR DELETE ... FOR EACH ROW trigger; its argument is
// the link's id.
void CaptureRow(FunctionCallInfo call);
// migrate.capture_truncate(), a BEFORE TRUNCATE ... FOR EACH STATEMENT trigger on a table that
// stores rows; its argument is the link's id.
void CaptureTruncate(FunctionCallInfo call);
// migrate.guard(), a BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ... FOR EACH STATEMENT trigger
// on a mirror: raises object_not_in_prerequisite_state.
void RejectDirectWrite(FunctionCallInfo call);

// Mirrors the current rows behind keys that were rejected before (migrate.rejected_row) once more
// and forgets those that fit now; returns how many still do not. Both tables are locked
// AccessExclusive by the caller: nobody writes.
int64_t RetryRejected(int64_t link);

// When the library is loaded: callbacks that keep this backend's cache true.
void RegisterCallbacks();

}  // namespace pg_cutover::capture
