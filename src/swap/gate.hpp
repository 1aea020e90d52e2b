// Whether a pair of tables may change places: asked in the call, before the swap, and once more
// under its locks, where the answer stays true.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "swap/dependents.hpp"
#include "swap/pair.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// All raise object_not_in_prerequisite_state with every reason in DETAIL, and need a transaction.

// `link` is the direction in which rows flow now: it is kept in step, complete and intact, owns the
// target's rows, has built its deferred indexes and constraints, and no other dual-write touches
// the two tables. Rejected rows are no obstacle where the policy is to record them: the swap tries
// them once more. Takes AccessShareLock on both tables.
void RequireReady(const catalog::LinkRow& link);

// Prepared transactions that hold a table have no process that could be waited for or told to end.
// Younger ones than some seconds are left to the retries of the swap.
void RequireNoForgottenTransaction(const std::vector<Oid>& relations);

// Everything that refers to the live table can be carried over; feature_not_supported instead.
void RequireCarried(const Pair& pair, const Dependents& dependents);

}  // namespace pg_cutover::swap
