// Making a cache entry from the catalogs.
#pragma once

#include "capture/cache.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// Fills `entry`, whose link and source are set. Where the link cannot be mirrored any more, because
// a table was altered or dropped, the entry is idle and, unless the link's policy is to fail, the
// reason is noted as a rejected row: the application's statement goes on.
void Build(Entry* entry, ::Relation relation);

}  // namespace pg_cutover::capture
