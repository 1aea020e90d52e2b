// Who may do what to a table.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// Raises insufficient_privilege unless the current role owns the relation or belongs to its owner.
void RequireOwner(Oid relation);
// Raises insufficient_privilege unless the current role may read all of the relation: SELECT on it,
// and no row security that would hide rows.
void RequireReadable(Oid relation);
Oid OwnerOf(Oid relation);

}  // namespace pg_cutover::pg
