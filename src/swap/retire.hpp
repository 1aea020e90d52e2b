// What becomes of the table that a cutover has replaced.
//
//   Dissolve  ends a swap where it stands: nothing is mirrored any more, the links are forgotten
//   Retire    dissolves it, archives the old table under a name that says so, and sets a date
//   Purge     drops archived tables whose date has come
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/swap_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// In the current transaction. The guard of the mirror stays: whoever still writes there is told.
// Locks: AccessExclusiveLock on both tables, as far as they are there.
void Dissolve(const catalog::SwapRow& swap);

// Dissolves the swap, renames its mirror and comments on it. `retain` in microseconds. Raises
// object_in_use while a job works on the pair.
void Retire(const catalog::SwapRow& swap, int64_t retain);

struct Purged {
  std::string object;      // qualified; its former OID where it is gone
  std::string safe_after;  // timestamptz as text
  bool dropped = false;
};
// Only tables that belong to the current role. Never drops one before its date, nor one that something
// depends on: a warning says what.
std::vector<Purged> Purge(bool dry_run);

}  // namespace pg_cutover::swap
