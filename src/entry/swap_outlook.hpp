// What migrate_explain and migrate_preflight both ask before there is a swap: the link of two
// tables, or the one that would be made, and what a swap would carry over or refuse.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "swap/dependents.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

// The stored link, else one by column names that is not stored (its id is 0). Requires ownership of
// both tables and raises what migrate_link does.
catalog::LinkRow LinkOrDraft(Oid source, Oid target);

struct Outlook {
  std::vector<std::string> carried;
  std::vector<swap::Refusal> refusals;
};

// Raises what LoadPair does where the tables cannot change places at all. Changes nothing.
Outlook LookAhead(const catalog::LinkRow& link);
// The same where no target is known, for one like the source: what is refused here is refused for
// any.
Outlook LookAheadWithoutTarget(Oid source);

}  // namespace pg_cutover::entry
