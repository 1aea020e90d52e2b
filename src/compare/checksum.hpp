// The checksum of a relation: one number that is the same for the same data, whatever the physical
// order of rows and columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::compare {

struct ChecksumRequest {
  Oid relation = InvalidOid;
  std::optional<std::vector<std::string>> columns;  // in this order; else all, ordered by name
  std::optional<std::string> filter;                // one boolean expression over a row
  std::string aggregate;                            // migrate_sketch, qualified
};

struct RelationChecksum {
  uint64_t rows = 0;
  std::string digits;  // 32 of them, hexadecimal
};

// Reads with the caller's rights under the active snapshot; locks the relation in access share
// mode. An error where row security would hide rows.
RelationChecksum ChecksumOf(const ChecksumRequest& request);

}  // namespace pg_cutover::compare
