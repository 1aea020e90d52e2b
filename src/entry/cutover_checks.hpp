// What migrate_cutover, migrate_revert and migrate_table check before there is a job. All run as
// the caller or as the role that the job will act as, and change nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "catalog/swap_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

// The role of the job may rename the tables, and everything that refers to the link's source can
// follow it to the target. Raises insufficient_privilege, feature_not_supported with every
// dependent that cannot, and what LoadPair raises.
void RequireCarriedOver(const catalog::LinkRow& link,
                        const std::optional<std::string>& retired_name,
                        const std::vector<catalog::RenamedPair>& reverted);

// The link is ready to be swapped now (swap/gate.hpp), and no prepared transaction is in the way.
void RequireSwappable(const catalog::LinkRow& link);

// There is a way back for rows of the target. `given`: jsonb, or 0; returned as jsonb text with all
// names qualified, so that it means the same to a worker. Raises feature_not_supported with the
// columns that have no inverse.
std::string RequireInverse(const catalog::LinkRow& link, Datum given, const char* hint);

}  // namespace pg_cutover::entry
