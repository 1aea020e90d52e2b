// Running a utility statement from its tree.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// The grammar's tree of the one statement in `text`, which PostgreSQL itself wrote.
Node* ParseStatement(const std::string& text);

// Runs it as the current role and makes its effects visible. `text` is what event triggers and
// error reports see. The tree is scribbled on.
void RunStatement(Node* statement, const std::string& text);

// For use inside a Section.
RangeVar* RangeOf(Oid relation);

}  // namespace pg_cutover::link
