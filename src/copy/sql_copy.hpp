// The copy phase of the sql method: INSERT ... SELECT, or UPDATE for a partial link, in batches of
// the source's key order.
//
// For a local table with a key, in one READ COMMITTED transaction a batch:
//   1. lock the rows of the next key range FOR SHARE SKIP LOCKED; keys that were skipped go to the
//      deferred list in this transaction
//   2. insert what is locked, read again under a newer snapshot: what we hold cannot change until
//      we commit, so it is current whatever the first statement saw
//   3. the last key and the counters, in this transaction
//
// With the share lock held no writer of those rows is in progress, so the copier waits for none in
// the target. It costs writes to source pages and holds up their writers for a batch.
//
// A partial link updates rows of the target that another link owns, of which a writer may be at
// work on any: those are skipped as well, and go to the deferred list (sql_text.hpp).
//
// Views, materialized views and foreign tables have nothing to lock: they are read batch by batch
// as they are.
#pragma once

#include "copy/plan.hpp"
#include "job/session.hpp"

namespace pg_cutover::copy {

void RunSqlCopy(job::Session& session, const Plan& plan);

}  // namespace pg_cutover::copy
