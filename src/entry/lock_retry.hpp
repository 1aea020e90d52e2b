// Strong locks on tables that applications use, from a session: a short wait, a pause, another
// attempt.
#pragma once

#include <functional>

#include "pg/pg.hpp"

namespace pg_cutover::entry {

// Runs `body` with pg_cutover.lock_timeout in a subtransaction; where it meets lock_not_available
// or a deadlock, that is rolled back with all its locks, and tried again, 30 times with pauses
// between. Then raises lock_not_available and names who stands in the way of `mode` on the tables
// below `root`.
void WithLockRetry(Oid root, LOCKMODE mode, const std::function<void()>& body);

}  // namespace pg_cutover::entry
