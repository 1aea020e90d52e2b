// Comparing one part of two tables, or all of them, under one snapshot.
#pragma once

#include <cstdint>
#include <string>

#include "catalog/comparison_rows.hpp"
#include "compare/sides.hpp"
#include "compare/statements.hpp"

namespace pg_cutover::compare {

struct Range {
  // The part that is looked at.
  Conditions rows;
  // Where given, only these rows of it are hashed: those that may have changed since the range was
  // compared before. Rows that were deleted on one side only show in the keys, which are compared
  // first, by number and sum; where these differ, all of the range is.
  Conditions changed;
};

// How many differing rows a comparison lists; the others are counted only.
inline constexpr int64_t kMostListed = 10'000;

// Sketches both sides; where they differ, reads the rows that do and tells how. What it returns was
// true at one instant. In a transaction with pinned settings, with both tables locked (LoadSides)
// before the snapshot that this takes and releases. Raises the errors of the mapping's expressions.
catalog::ComparedPart ComparePart(const Sides& sides, uint64_t seed, const Range& range);
// All of both, with the scans' progress for everybody to see (scan_progress.hpp). `rows_expected`:
// of both sides together.
catalog::ComparedPart CompareAll(const Sides& sides, uint64_t seed, int64_t rows_expected);

// Raises what planning the scans of both sides raises. What a view reads, or a subquery of the
// mapping, is locked (access share) by it.
void PlanScans(const Sides& sides, uint64_t seed);

// A seed that nobody can foresee: a row cannot be made to collide with another one.
uint64_t RandomSeed();

}  // namespace pg_cutover::compare
