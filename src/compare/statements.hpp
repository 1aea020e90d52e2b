// The SQL of a comparison.
//
// All statements are run under one snapshot. A restriction is a condition to be added to a side's
// WHERE, over the alias source or target, or empty.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compare/sides.hpp"

namespace pg_cutover::compare {

// Longer rows, as jsonb text, are not kept.
inline constexpr int kLongestRow = 2048;

enum class Side { kSource, kTarget };

// A condition for each side, over the aliases source and target; empty: all rows.
struct Conditions {
  std::string source;
  std::string target;
};

// One column: each row of a side as a jsonb object, as text; NULL where that is too long to be
// shown.
std::string RowStatement(const Sides& sides, Side side, const std::string& restriction);

// One row, one column: the sketch of a side; NULL without rows.
std::string SketchStatement(const Sides& sides, Side side, uint64_t seed,
                            const std::string& restriction);

// Rows of a side whose key is one of those that a sketch has named.
std::string KeysRestriction(const Sides& sides, Side side, uint64_t seed,
                            const std::vector<uint64_t>& keys);

// The differences themselves, at most `most` of them. Columns: kind, key (jsonb as text), differing
// columns, source row, target row (jsonb as text, NULL when longer than 2 kB), how many times; then
// the numbers of all missing, extra, changed and representation-only rows, the same in each row.
// Where Sides::unique does not hold the statement is wrong: clear it to be sure.
std::string DifferenceStatement(const Sides& sides, uint64_t seed, const Conditions& conditions,
                                int64_t most);

// The values of a row as arguments of the sketch aggregate, grouped where they are too many for a
// call; for rows without a key.
std::string RowArguments(const std::vector<std::string>& values);

}  // namespace pg_cutover::compare
