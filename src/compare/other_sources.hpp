// Rows of a target that come from other sources than the one it is compared with.
#pragma once

#include <string>
#include <vector>

#include "compare/sides.hpp"

namespace pg_cutover::compare {

// The links that fill the target with rows of their own besides this one.
std::vector<catalog::LinkRow> OtherSources(const catalog::LinkRow& link);

// " AND NOT EXISTS (...)" for each of them, over alias target: leaves out the rows that one of them
// accounts for, unless the source has a row with that key as well. Takes AccessShareLock on their
// sources for the rest of the transaction. `sides` has its link, its columns, and the equality of
// its key.
std::string WithoutOtherSources(const Sides& sides, const std::vector<catalog::LinkRow>& others);

}  // namespace pg_cutover::compare
