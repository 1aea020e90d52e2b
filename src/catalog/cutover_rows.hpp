// What a cutover or revert job keeps beside the rows of links and jobs: statements that are still
// to run after the swap, and deferred objects that a swap makes obsolete.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

// Statements of a job that run after the swap, in their order, each removed by the transaction that
// ran it: some of them cannot be repeated.
void SaveLaterStatements(int64_t job, const std::vector<std::string>& statements);
std::vector<std::string> LaterStatements(int64_t job);
void DropFirstLaterStatement(int64_t job);
// Those that failed jobs on the relation have left to be done.
std::vector<std::string> LeftStatements(Oid relation);

// Rows that copies into this link's target have put off and not looked at again.
int64_t CountDeferredRowsOf(int64_t link);

// A foreign key that was built for this link and has been taken off its target again.
void ForgetDeferredForeignKey(int64_t link, const std::string& name);

// Links other than `except` that are kept in step and touch the relation on either side, each as
// "public.a -> public.b".
std::vector<std::string> OtherSyncedLinks(Oid relation, int64_t except);

}  // namespace pg_cutover::catalog
