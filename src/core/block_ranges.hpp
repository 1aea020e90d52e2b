// Sets of heap blocks: the durable cursor of a copy worker, and what is left to copy.
//
// Must hold: the ranges of a set are sorted, not empty, disjoint and not adjacent, so that the text
// form is PostgreSQL's canonical int8multirange and stays as short as the set allows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pg_cutover::core {

// Half-open: begin belongs to the range, end does not. Unit: blocks.
struct BlockRange {
  int64_t begin = 0;
  int64_t end = 0;

  constexpr int64_t Size() const { return end - begin; }
  constexpr bool Empty() const { return end <= begin; }
  friend constexpr bool operator==(const BlockRange&, const BlockRange&) = default;
};

class BlockRanges {
 public:
  // Adds the blocks of `range`, which may overlap or touch what is there; an empty range adds
  // nothing. Asserts 0 <= begin <= end.
  void Add(BlockRange range);
  void Add(const BlockRanges& other);

  bool Contains(int64_t block) const;
  // Number of blocks in the set.
  int64_t Total() const;
  bool Empty() const { return ranges_.empty(); }

  // The blocks of [0, total_blocks) that are not in the set. Blocks at or above the bound are
  // ignored.
  BlockRanges Complement(int64_t total_blocks) const;

  const std::vector<BlockRange>& ranges() const { return ranges_; }

  // `{[0,10),[20,30)}`, or `{}`.
  std::string ToMultirange() const;
  // Reads what ToMultirange and PostgreSQL write: finite, not negative, `[a,b)`, spaces anywhere
  // between tokens, in any order. Throws InvalidInput otherwise.
  static BlockRanges FromMultirange(std::string_view text);

  friend bool operator==(const BlockRanges&, const BlockRanges&) = default;

 private:
  std::vector<BlockRange> ranges_;
};

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
