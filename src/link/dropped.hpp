// Tables that somebody has dropped by hand while they belonged to a migration: what is left of it,
// and the one call that cleans up.
#pragma once

#include <optional>

#include "catalog/link_rows.hpp"
#include "pg/error.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// undefined_table with the table's last name, what is left of its migration in DETAIL, and in HINT
// migrate_unlink of the pair; without a hint where no link and no swap knows the table. nullopt: it
// is there.
std::optional<pg::ErrorInfo> Dropped(Oid table);

// Raises what Dropped returns.
void RequireThere(Oid table);
void RequireThere(const catalog::LinkRow& link);

// The same for the other side of every link that is kept in step and has the table on one side.
void RequireCounterparts(Oid table);

}  // namespace pg_cutover::link
