// The two sides of a check that compares tables: which rows of each count.
//
// Where the tables are linked, only the rows that the link's filter lets through are expected in
// the target, unless the spec has a filter of its own.
#pragma once

#include <optional>
#include <string>

#include "validate/spec.hpp"

namespace pg_cutover::validate {

// SQL conditions with all names qualified, over columns written source.column. Call with the user's
// search_path in force.
std::optional<std::string> SourceCondition(const Spec& spec);
std::optional<std::string> TargetCondition(const Spec& spec);

// " WHERE (...)", or nothing.
std::string Where(const std::optional<std::string>& condition);

}  // namespace pg_cutover::validate
