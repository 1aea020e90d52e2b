// The job of migrate_table: a backfill that goes on with the swap.
#pragma once

namespace pg_cutover::job {
class Session;
}

namespace pg_cutover::entry {

inline constexpr const char* kTable = "table";

void LeadTable(job::Session& session);

}  // namespace pg_cutover::entry
