// What follows the rows: the deferred indexes, constraints and triggers, ANALYZE, VACUUM.
//
// Each object is built by statements that can be interrupted anywhere: before each, the catalog is
// asked how far an earlier attempt came (an invalid index of an interrupted concurrent build is
// dropped first).
#pragma once

#include "copy/plan.hpp"
#include "job/session.hpp"

namespace pg_cutover::copy {

// With dual-write, foreign keys and triggers stay pending: the swap makes them.
void BuildDeferredObjects(job::Session& session, const Plan& plan);
void Analyze(job::Session& session, const Plan& plan);
// Sets the visibility map, so that index-only scans work from the first query on.
void Vacuum(job::Session& session, const Plan& plan);
// With dual-write: says durably that the target equals the mapped source, if nothing speaks against it.
void Complete(job::Session& session, const Plan& plan);

}  // namespace pg_cutover::copy
