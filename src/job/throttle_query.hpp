// The `query` of a throttle: an SQL boolean that holds the job while it is true.
//
// Given as a SELECT (or WITH, VALUES, TABLE) of one boolean column, or as a bare boolean
// expression.
#pragma once

#include <string>

namespace pg_cutover::job {

// Parses, analyses and plans the query as the caller, with his search_path; raises PostgreSQL's own
// error, with the position, or invalid_parameter_value where it is not one boolean read-only query.
// Returns it with every name qualified, so that it means the same under the worker's search_path.
std::string CanonicalQuery(const std::string& query);

}  // namespace pg_cutover::job
