// Whether two tables of a link hold the same rows, in one number a side.
#pragma once

#include <cstdint>
#include <string>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct Contents {
  int64_t rows = 0;
  // The sum of a 64-bit hash of every row: whatever the order, and a row that is there twice counts
  // twice.
  std::string checksum;

  bool operator==(const Contents&) const = default;
};

struct Comparison {
  Contents source;  // mapped
  Contents target;
};

// Reads both tables in one statement, so under one snapshot: exact while dual-write is on. Only
// mapped columns count. `target_has_more`: rows of the target whose key the source does not have
// are none of its business (the way back of a link with a filter). In a transaction with pinned
// settings; the snapshot lives as long as both scans take.
Comparison CompareContents(const catalog::LinkRow& link, bool target_has_more);

}  // namespace pg_cutover::swap
