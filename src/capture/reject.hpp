// What becomes of a write whose row the target does not take (design: the policy of the link).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// An error of this SQLSTATE is about the row, or about a definition that does not fit any more.
bool IsRejection(int sqlstate);
// Throws `error` on unless it is about the row or about a definition that does not fit any more. A
// cancellation, a deadlock, a full disk is not the target's opinion of a row, and stays the
// statement's error.
void RequireRejection(const pg::Error& error);

// In the writer's transaction: the mark goes if the write goes. `key`: the row's key in the source;
// empty: no row in particular. Every backend looks at the link again once this commits.
void Note(int64_t link, Oid source, const std::vector<std::string>& key, const pg::Error& error);

}  // namespace pg_cutover::capture
