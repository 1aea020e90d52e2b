// Functions in a mapping whose bodies mean something in the caller's session only.
#pragma once

#include "link/origin.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// An expression keeps its meaning under the search_path of jobs and triggers, since its text is
// stored with every name qualified. The body of a function in language SQL is text of the
// function's own, read when it runs. Raises invalid_function_definition where such a body, or
// planning the expression, fails under that search_path: else the job would, an hour later, or a
// writer. Bodies in other languages are not read before they run, nor are those of functions that
// are called by others and not inlined.
void RequireKnownNames(const Origin& origin, Node* analysed);

}  // namespace pg_cutover::link
