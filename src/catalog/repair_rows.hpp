// Rows of migrate.repair_log, and the differences that a repair works through.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct ListedKey {
  int64_t id = 0;   // of the difference
  std::string key;  // jsonb text
};

struct RepairRow {
  int64_t comparison = 0;
  std::string key;     // jsonb text
  std::string action;  // write, delete, none, failed
  bool dry_run = true;
  std::optional<std::string> before;  // jsonb text
  std::optional<std::string> after;
  std::optional<std::string> error;
};

// Differences of a comparison that are not repaired yet, after `id`, in their order.
std::vector<ListedKey> DifferencesAfter(int64_t comparison, int64_t id, int64_t most);
void MarkRepaired(int64_t comparison, int64_t id);
void LogRepair(int64_t job, const RepairRow& row);

struct RepairCounts {
  int64_t written = 0;
  int64_t deleted = 0;
  int64_t unneeded = 0;
  int64_t failed = 0;
};
RepairCounts CountRepairs(int64_t job);

}  // namespace pg_cutover::catalog
