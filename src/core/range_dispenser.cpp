// Planning sorts stretches by size once; a claim then looks at no more than kMaxWorkers stretches.
#define PG_CUTOVER_CORE 1
#include "core/range_dispenser.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

namespace pg_cutover::core {
namespace {

// `range` in pieces of nearly equal size, none longer than `share`.
void AppendPieces(std::vector<BlockRange>& pieces, BlockRange range, int64_t share) {
  const int64_t count = (range.Size() + share - 1) / share;
  for (int64_t left = count; left > 0; --left) {
    const int64_t size = (range.Size() + left - 1) / left;
    pieces.push_back({range.begin, range.begin + size});
    range.begin += size;
  }
}

}  // namespace

void RangeDispenser::Plan(const BlockRanges& todo, int workers) {
  assert(1 <= workers && workers <= kMaxWorkers);
  const int64_t share = std::max<int64_t>(1, (todo.Total() + workers - 1) / workers);
  std::vector<BlockRange> pieces;
  pieces.reserve(todo.ranges().size() + static_cast<std::size_t>(workers));
  for (const BlockRange& range : todo.ranges())
    AppendPieces(pieces, range, share);
  std::sort(pieces.begin(), pieces.end(), [](const BlockRange& a, const BlockRange& b) {
    return a.Size() != b.Size() ? a.Size() > b.Size() : a.begin < b.begin;
  });

  const std::size_t kept = std::min<std::size_t>(pieces.size(), kMaxPending);
  std::copy_n(pieces.begin(), kept, pending_.begin());
  pending_count_ = static_cast<int32_t>(kept);
  next_pending_ = 0;
  current_.fill({});
  abandoned_.fill(false);
  leftover_ = 0;
  for (std::size_t i = kept; i < pieces.size(); ++i)
    leftover_ += pieces[i].Size();
}

std::optional<BlockRange> RangeDispenser::Claim(int worker, int64_t blocks,
                                                std::span<const int64_t> boundaries) {
  assert(0 <= worker && worker < kMaxWorkers && blocks >= 1);
  abandoned_[worker] = false;
  BlockRange& stretch = current_[worker];
  if (stretch.Empty() && !TakePending(worker) && !TakeAbandoned(worker) && !Steal(worker)) {
    return std::nullopt;
  }
  BlockRange claim{stretch.begin, stretch.begin + std::min(blocks, stretch.Size())};
  const auto boundary = std::upper_bound(boundaries.begin(), boundaries.end(), claim.begin);
  if (boundary != boundaries.end()) claim.end = std::min(claim.end, *boundary);
  stretch.begin = claim.end;
  return claim;
}

void RangeDispenser::GiveBack(int worker, BlockRange tail) {
  assert(0 <= worker && worker < kMaxWorkers);
  BlockRange& stretch = current_[worker];
  assert(tail.begin <= tail.end && tail.end == stretch.begin);
  stretch.begin = tail.begin;
}

void RangeDispenser::Abandon(int worker) {
  assert(0 <= worker && worker < kMaxWorkers);
  abandoned_[worker] = !current_[worker].Empty();
}

int64_t RangeDispenser::Remaining() const {
  int64_t blocks = 0;
  for (int32_t i = next_pending_; i < pending_count_; ++i)
    blocks += pending_[i].Size();
  for (const BlockRange& stretch : current_)
    blocks += stretch.Size();
  return blocks;
}

bool RangeDispenser::TakePending(int worker) {
  if (next_pending_ == pending_count_) return false;
  current_[worker] = pending_[next_pending_++];
  return true;
}

bool RangeDispenser::TakeAbandoned(int worker) {
  const auto found = std::find(abandoned_.begin(), abandoned_.end(), true);
  if (found == abandoned_.end()) return false;
  *found = false;
  BlockRange& stretch = current_[static_cast<std::size_t>(found - abandoned_.begin())];
  current_[worker] = stretch;
  stretch = {};
  return true;
}

bool RangeDispenser::Steal(int worker) {
  BlockRange& victim = *std::max_element(
      current_.begin(), current_.end(),
      [](const BlockRange& a, const BlockRange& b) { return a.Size() < b.Size(); });
  if (victim.Size() < kMinSteal) return false;
  const int64_t middle = victim.begin + victim.Size() / 2;
  current_[worker] = {middle, victim.end};
  victim.end = middle;
  return true;
}

}  // namespace pg_cutover::core
