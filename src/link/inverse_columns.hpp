// What the columns of the old table are filled from when rows flow back; see inverse.hpp.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "link/columns.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct WayBack {
  // Old columns with their expression over the new row.
  std::vector<InheritedColumn> columns;
  // Why others have none, in words, in the order of the old table's columns.
  std::vector<std::string> obstacles;
};

// Leaves out generated columns, columns in `given` and dropped columns that can do without a value.
// Both relations are open and locked. Raises what PostgreSQL says where the tables no longer fit
// the link's mapping.
WayBack FindWayBack(const catalog::LinkRow& link, ::Relation source, ::Relation target,
                    const std::set<std::string>& given);

}  // namespace pg_cutover::link
