// Hands the blocks that are left to copy to the parallel workers of one job.
//
// A worker's durable cursor is the set of ranges it finished, so each worker must walk long
// contiguous stretches: it eats its own stretch from the front; when that is used up it takes the
// largest pending one; when none is pending it steals the upper half of the largest stretch that
// another worker still has.
//
// Must hold: within one plan no block is handed out twice, and when Drained() each block of the
// plan (but the `leftover` ones) has been handed out, unless it was given back. The object lives in
// shared memory: trivially copyable, no pointers, no allocation outside Plan; zeroed memory is an
// empty plan. It does no locking: the caller holds the lock around every call, and around nothing
// else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "core/block_ranges.hpp"

namespace pg_cutover::core {

struct RangeDispenser {
 public:
  static constexpr int kMaxWorkers = 64;
  static constexpr int kMaxPending = 4096;
  // A stretch with fewer blocks than this is left to its owner.
  static constexpr int64_t kMinSteal = 128;

  // Forgets everything and starts a round over `todo` for `workers` (1..kMaxWorkers) workers:
  // ranges longer than a fair share are cut into shares. The largest kMaxPending stretches make up
  // the round; the rest is counted in leftover(), and the caller plans again when the round is
  // drained. Allocates process-local memory before it changes anything, so std::bad_alloc leaves
  // the old state.
  void Plan(const BlockRanges& todo, int workers);

  // At most `blocks` (>= 1) consecutive blocks for `worker` (0..kMaxWorkers-1), all on one side of
  // each of the ascending `boundaries` (a boundary is the first block of a leaf). nullopt: nothing
  // for this worker; others may still be busy with theirs.
  std::optional<BlockRange> Claim(int worker, int64_t blocks,
                                  std::span<const int64_t> boundaries = {});

  // Returns the unused tail of the worker's latest claim: a batch that ended early. Asserts that it
  // is one.
  void GiveBack(int worker, BlockRange tail);

  // The worker is gone: what it had not claimed becomes claimable by everybody. What it claimed and
  // did not finish is not known here: the caller plans again from the durable cursors after
  // Drained().
  void Abandon(int worker);

  // True when every block of the round has been claimed.
  bool Drained() const { return Remaining() == 0; }
  // Blocks of the round not claimed yet.
  int64_t Remaining() const;
  // Blocks that did not fit into this round.
  int64_t leftover() const { return leftover_; }

 private:
  bool TakePending(int worker);
  bool TakeAbandoned(int worker);
  bool Steal(int worker);

  // Largest first; [next_pending_, pending_count_) are still to be taken.
  std::array<BlockRange, kMaxPending> pending_ = {};
  int32_t pending_count_ = 0;
  int32_t next_pending_ = 0;
  std::array<BlockRange, kMaxWorkers> current_ = {};
  std::array<bool, kMaxWorkers> abandoned_ = {};
  int64_t leftover_ = 0;
};

static_assert(std::is_trivially_copyable_v<RangeDispenser>);
static_assert(std::is_standard_layout_v<RangeDispenser>);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
