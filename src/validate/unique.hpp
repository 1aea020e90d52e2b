// Duplicates under unique indexes, looked for in the heap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "validate/reader.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

struct Duplicates {
  int64_t indexes = 0;     // that were looked at
  int64_t exclusions = 0;  // that were not
  std::vector<std::string> problems;
  std::vector<std::string> failures;  // the indexes whose keys could not be worked out, and why
};

// Partial ones, those over expressions and NULLS NOT DISTINCT as they are declared; an index that
// was left invalid is looked at as well. Of a partitioned table also the indexes that a single
// partition has.
Duplicates FindDuplicates(Reader& reader, Oid relation, int64_t samples);

}  // namespace pg_cutover::validate
