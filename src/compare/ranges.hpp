// Ranges of the key in which both sides can be read.
//
// The source's key and the target's must have one order: each key column is a plain column of the
// source, of the same type and collation (or both are integers), and both tables have an index in
// that order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compare/part.hpp"

namespace pg_cutover::compare {

using KeyPosition = std::vector<std::string>;  // a key's columns as text

// Why the tables cannot be compared range by range; nullopt: they can.
std::optional<std::string> RangeObstacle(const Sides& sides);

// Raises feature_not_supported where they cannot.
void RequireRanges(const Sides& sides);

// The greatest key of the source; nullopt: it is empty. In a transaction with an active snapshot.
std::optional<KeyPosition> LastKey(const Sides& sides);

struct RangeEnd {
  KeyPosition key;
  bool beyond = false;  // comes after `last`
};

// The key of the source that is `rows` rows after `after`; nullopt: there are fewer left. In a
// transaction with an active snapshot.
std::optional<RangeEnd> FindRangeEnd(const Sides& sides, const std::optional<KeyPosition>& after,
                                     int64_t rows, const std::optional<KeyPosition>& last);

// Rows with after < key <= end on both sides; without one of them the range is open there, so that
// rows of the target beyond any of the source's belong to a range, too.
Conditions RangeConditions(const Sides& sides, const std::optional<KeyPosition>& after,
                           const std::optional<KeyPosition>& end);

// Row versions written by transactions from this id on.
Conditions ChangedSince(uint64_t horizon);

}  // namespace pg_cutover::compare
