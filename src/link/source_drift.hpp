// A source that is altered between its link and its copy.
//
// The mapping, and a shadow's columns, are made of the source as it is when it is linked. From T0
// on the triggers' owner (capture::Problems) notices what is altered; before it, nobody but this
// does: the copy would succeed, and a column added in between would be gone with the cutover.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Each column with its type, collation, NOT NULL, and whether it is generated or identity, in words
// that no setting changes and that a dump carries to another server. Positions do not count, nor do
// defaults, statistics targets, storage, grants and comments. Reads the relation cache: what it
// says is committed, whatever snapshot the transaction has. The relation is open and locked.
std::vector<std::string> ColumnDefinitions(::Relation relation);

// Raises object_not_in_prerequisite_state, with the columns that have come and gone, where the link
// was made of another source. The answer stays true while the caller keeps its lock.
void RequireUnaltered(const catalog::LinkRow& link, ::Relation source);

}  // namespace pg_cutover::link
