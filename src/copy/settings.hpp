// Settings of copy transactions.
#pragma once

namespace pg_cutover::copy {

// For the rest of the current transaction. Safe because rows, cursor and counters commit together: a
// crash that loses the commit loses all of them. The phase change after the last batch is a
// synchronous commit, which makes everything before it durable.
void UseAsynchronousCommit();

}  // namespace pg_cutover::copy
