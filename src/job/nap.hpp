// Sleeping in a process that others may want something from.
#pragma once

#include <cstdint>

namespace pg_cutover::job {

// Waits on the latch for at most `microseconds`, absorbing barriers (DROP DATABASE waits for them)
// and configuration reloads; ends the process on SIGTERM. Returns early when the latch is set. In a
// worker outside any transaction a cancellation only ends the nap: there is no statement to cancel.
// Returns whether there was one. Inside a transaction it is an error as usual.
bool Nap(int64_t microseconds, const char* why);

}  // namespace pg_cutover::job
