// The job that compares a pair of tables again and again while it waits for its cutover.
//
// It belongs to a link, not to a target: other jobs may work on the pair, and a comparison is left
// out while one does. It ends with the link, with its dual-write, or when a cutover begins, and
// fails when it finds a difference.
#pragma once

#include "job/session.hpp"

namespace pg_cutover::compare {

inline constexpr const char* kWatch = "verify";

void LeadWatch(job::Session& session);

// In a worker or a call, for a link that is complete: queues the job unless
// pg_cutover.verification_interval is 0, or there is one already.
void StartWatch(int64_t link);
// Cancels it: the pair is about to be swapped.
void EndWatch(int64_t link);

}  // namespace pg_cutover::compare
