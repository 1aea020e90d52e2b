// The copy phase of the direct method: workers claim block ranges until all are done.
//
// The dispenser in shared memory is volatile; the durable truth are the cursors. So the leader plans
// from the cursors, lets the team work, waits for all of it, and plans again until nothing is left:
// a range whose worker died is simply still to be done.
#pragma once

#include "copy/plan.hpp"
#include "job/session.hpp"

namespace pg_cutover::copy {

void LeadDirectCopy(job::Session& session, const Plan& plan);
void HelpDirectCopy(job::Session& session);

}  // namespace pg_cutover::copy
