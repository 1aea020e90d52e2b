// Rows of migrate.swap: pairs of tables that have changed places.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct RenamedPair {
  // As of after the swap. Indexes, sequences or statistics objects that exchanged their names.
  Oid live = InvalidOid;    // of the live table
  Oid mirror = InvalidOid;  // of the mirror
};

struct SwapRow {
  int64_t id = 0;
  std::optional<int64_t> job;
  Oid live = InvalidOid;
  Oid mirror = InvalidOid;
  std::optional<int64_t> link;
  std::optional<int64_t> reverse_link;
  std::string mirror_name;
  std::vector<RenamedPair> renames;
  bool retired = false;
};

int64_t InsertSwap(const SwapRow& row);
// The swap that stands, by either of its tables.
std::optional<SwapRow> FindSwapByLive(Oid live);
std::optional<SwapRow> FindSwapByMirror(Oid mirror);
void EndSwap(int64_t id);
// `retain` in microseconds from now.
void RetireSwap(int64_t id, int64_t retain);

struct RetiredRow {
  int64_t id = 0;
  Oid mirror = InvalidOid;
  std::string safe_after;  // as timestamptz prints it
  bool due = false;
};
// Everything that is retired and not yet purged.
std::vector<RetiredRow> RetiredMirrors();

}  // namespace pg_cutover::catalog
