// The two sides of a check that compares tables: which rows of each count.
//
// Linked tables have the sides of a comparison (compare/sides.hpp), so that the two never disagree:
// only the rows that the link's filter lets through are expected in the target, and after a swap
// rows that the new table never had are not expected of the old one. A spec's own filters leave out
// further rows.
#pragma once

#include <optional>
#include <string>

#include "compare/sides.hpp"
#include "validate/spec.hpp"

namespace pg_cutover::validate {

// SQL conditions with all names qualified, of the spec's own filters; over columns written
// source.column and target.column. Read with the user's search_path in force.
struct Filters {
  std::optional<std::string> source;
  std::optional<std::string> target;
};
Filters FiltersOf(const Spec& spec);

// The sides of a spec with two relations. Without a link they have no columns. Its texts are to be
// read under the settings that are in force now: make a Reader first.
compare::Sides SidesOf(const Spec& spec, const Filters& filters);

// " WHERE (...)", or nothing.
std::string Where(const std::optional<std::string>& condition);

}  // namespace pg_cutover::validate
