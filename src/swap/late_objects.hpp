// What was made on the live table after the mirror was made of it, and would be gone with the swap.
//
// Whoever copies a table for hours works beside people who go on with theirs: an index made on the
// source in the meantime is not on the shadow, and a swap that went on would lose it without a
// word.
#pragma once

#include <string>
#include <vector>

#include "swap/pair.hpp"

namespace pg_cutover::swap {

// Indexes, constraints, triggers and statistics objects of the live table that are not among those
// known when the link was made, and have no equal in the mirror: "index orders_by_day". A foreign
// key to itself that the swap gives to the mirror is none of them. Empty for links whose target the
// user made: what that one has is his choice.
std::vector<std::string> LateObjects(const Pair& pair);

// Raises object_not_in_prerequisite_state with all of them. The way back does not ask: it may be
// needed at once, and what was made on the new table stays with that, which goes on as the mirror.
void RequireNothingLate(const Pair& pair);

}  // namespace pg_cutover::swap
