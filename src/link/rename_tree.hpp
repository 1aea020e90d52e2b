// Column names in a statement as the grammar made it, changed from the source's to a shadow's.
#pragma once

#include <string>

#include "link/alterations.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Each changes the tree in place for the shadow and returns the names of the source columns it uses
// that the shadow does not have: when that is not empty, the statement must not be run.
std::vector<std::string> RenameIndex(IndexStmt* statement, const Lineage& lineage, Oid source,
                                     Oid shadow);
std::vector<std::string> RenameExclusion(Constraint* constraint, const Lineage& lineage, Oid source,
                                         Oid shadow);
std::vector<std::string> RenameTrigger(CreateTrigStmt* statement, const Lineage& lineage);

}  // namespace pg_cutover::link
