// Rows of migrate.comparison_result and migrate.difference_row.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct DifferenceCounts {
  int64_t missing = 0;
  int64_t extra = 0;
  int64_t changed = 0;
  int64_t representation_only = 0;

  int64_t Total() const { return missing + extra + changed + representation_only; }
};

struct DifferenceRow {
  std::optional<std::string> key;  // jsonb text
  std::string kind;                // missing, extra, changed, representation
  std::vector<std::string> columns;
  std::optional<std::string> source_row;  // jsonb text
  std::optional<std::string> target_row;
  int64_t times = 1;
};

struct ComparisonRow {
  int64_t job = 0;
  std::optional<int64_t> link;
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  std::string method;
  std::vector<std::string> columns;
  uint64_t seed = 0;
  std::optional<std::string> verdict;
  std::optional<std::string> reason;  // migrate.comparison_result has its meanings
  int64_t rows_source = 0;
  int64_t rows_target = 0;
  DifferenceCounts counts;
  std::optional<uint64_t> horizon;
  std::optional<std::vector<std::string>> last_key;
};

// What one snapshot showed; `listed` may be fewer than the counts say.
struct ComparedPart {
  int64_t rows_source = 0;
  int64_t rows_target = 0;
  DifferenceCounts counts;
  std::vector<DifferenceRow> listed;
  // Why it proves nothing that no difference was found.
  std::optional<std::string> doubt;
  double snapshot_ms = 0;
};

// A job's comparison begins (again): forgets what it had found before.
void BeginComparison(const ComparisonRow& row);
std::optional<ComparisonRow> FindComparison(int64_t job);
// Adds to the counts, and lists as many rows as leave at most `most` listed. A key that is listed
// already is not counted again; `again`: the part was looked at before, and once the list is full
// nothing more is counted.
void AddPart(int64_t job, const ComparedPart& part, int64_t most, bool again);
// Different where anything was found, else inconclusive where a part was in doubt, else equal.
// Where more rows differ than the `most` that are listed, and more than a tenth of all, says so as
// reason. Returns the verdict.
std::string FinishComparison(int64_t job, int64_t most);

// The newest comparison of a link that found no difference, if it began after the target was
// complete and after the last repair, and at most `max_age_ms` ago.
std::optional<int64_t> CleanComparison(int64_t link, int64_t max_age_ms);

}  // namespace pg_cutover::catalog
