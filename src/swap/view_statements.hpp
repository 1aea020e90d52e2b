// Statements that give a view another definition, or make it again from nothing.
//
// Definitions are what PostgreSQL prints now; the caller has pinned the settings under which it
// does (link::CanonicalSettings). Nothing here changes anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// Everything about a view that has an identity stays: OID, owner, grants, comments, triggers.
std::string ReplaceViewStatement(Oid view);

// CREATE VIEW and whatever a dropped view takes along, but its rules: they may read views that are
// to be made after it. The view belongs to who runs this until it is given to its owner.
std::vector<std::string> MakeViewStatements(Oid view);
// Rules that users made, with their comments.
std::vector<std::string> MakeRuleStatements(Oid view);

// CREATE OR REPLACE RULE.
std::string ReplaceRuleStatement(Oid rule);

// What a view has that cannot be made again by its statements, as the reason of a refusal.
std::vector<std::string> ObstaclesToMaking(Oid view);

}  // namespace pg_cutover::swap
