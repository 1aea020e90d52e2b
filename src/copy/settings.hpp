// Settings of copy transactions.
#pragma once

namespace pg_cutover::copy {

// For the rest of the current transaction. Safe because rows, cursor and counters commit together: a
// crash that loses the commit loses all of them. The phase change after the last batch is a
// synchronous commit, which makes everything before it durable.
void UseAsynchronousCommit();

// The opposite, whatever the role's own setting: for a commit that something is promised on.
void UseSynchronousCommit();

}  // namespace pg_cutover::copy
