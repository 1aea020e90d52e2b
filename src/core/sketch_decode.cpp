// How two sketches differ: their difference is taken apart key by key.
//
// A cell in which one key differs gives that key; the key is taken out of its other cells, one of
// which may then hold one key as well, and so on. What cannot be taken apart so is left over, and
// the answer is not complete.
#define PG_CUTOVER_CORE 1
#include <algorithm>
#include <bitset>
#include <optional>

#include "core/mersenne61.hpp"
#include "core/sketch.hpp"
#include "core/sketch_layout.hpp"

namespace pg_cutover::core {
namespace {

// A key that differs, and the sum of its rows' hashes h in a less that in b.
struct Item {
  uint64_t key;
  uint64_t hash;
};

SketchCell Minus(const SketchCell& a, const SketchCell& b) {
  using mersenne61::Reduce;
  using mersenne61::Subtract;
  return {.hash = Subtract(Reduce(a.hash), Reduce(b.hash)),
          .key_low = Subtract(Reduce(a.key_low), Reduce(b.key_low)),
          .key_high = Subtract(Reduce(a.key_high), Reduce(b.key_high)),
          .check = Subtract(Reduce(a.check), Reduce(b.check))};
}

bool IsEmpty(const SketchCell& cell) {
  return (cell.hash | cell.key_low | cell.key_high | cell.check) == 0;
}

// The key of a cell in which one key differs. Sums of several give a key of 64 bits by chance only,
// and one with this check hash and this place more rarely still.
std::optional<Item> OnlyItem(const SketchCell& cell, uint32_t place, uint64_t seed) {
  if (cell.hash == 0) return {};
  const uint64_t inverse = mersenne61::Inverse(cell.hash);
  const uint64_t low = mersenne61::Multiply(cell.key_low, inverse);
  const uint64_t high = mersenne61::Multiply(cell.key_high, inverse);
  if ((low >> 32) != 0 || (high >> 32) != 0) return {};
  const uint64_t key = high << 32 | low;
  const SketchPlaces places = PlacesOf(seed, key);
  if (places.cells[place / kSketchTableCells] != place) return {};
  if (mersenne61::Multiply(cell.hash, places.check) != cell.check) return {};
  return Item{.key = key, .hash = cell.hash};
}

// Takes out of `cells` all that can be. In the sums of rows each item empties a cell for good;
// other bytes in the form of a sketch could go round in circles without the limit.
std::vector<Item> Peel(std::vector<SketchCell>& cells, uint64_t seed) {
  std::vector<Item> items;
  std::vector<uint32_t> waiting(cells.size());
  for (uint32_t i = 0; i < kSketchCells; i++)
    waiting[i] = kSketchCells - 1 - i;
  while (!waiting.empty() && items.size() < kSketchCells) {
    const uint32_t place = waiting.back();
    waiting.pop_back();
    const std::optional<Item> item = OnlyItem(cells[place], place, seed);
    if (!item) continue;
    items.push_back(*item);
    const SketchPlaces places = PlacesOf(seed, item->key);
    const SketchCell taken = CellOf(item->hash, item->key, places.check);
    for (const uint32_t other : places.cells) {
      cells[other] = Minus(cells[other], taken);
      if (!IsEmpty(cells[other])) waiting.push_back(other);
    }
  }
  return items;
}

// Ascending, each key once; a key that was taken out and put back is none.
void Normalise(std::vector<Item>& items) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
  size_t kept = 0;
  for (size_t i = 0; i < items.size();) {
    Item sum{.key = items[i].key, .hash = 0};
    for (; i < items.size() && items[i].key == sum.key; i++) {
      sum.hash = mersenne61::Add(sum.hash, items[i].hash);
    }
    if (sum.hash != 0) items[kept++] = sum;
  }
  items.resize(kept);
}

bool Differ(const SketchBucket& a, const SketchBucket& b) {
  return a.rows != b.rows || a.low != b.low || a.high != b.high;
}

}  // namespace

SketchDifference Subtract(const std::byte* a, const std::byte* b) {
  const SketchLayout& left = *LayoutOf(a);
  const SketchLayout& right = *LayoutOf(b);
  const uint64_t seed = left.header.seed;
  SketchDifference difference;
  for (uint32_t i = 0; i < kSketchBuckets; i++) {
    if (Differ(left.buckets[i], right.buckets[i])) difference.buckets.push_back(i);
  }
  std::vector<SketchCell> cells(kSketchCells);
  for (uint32_t i = 0; i < kSketchCells; i++)
    cells[i] = Minus(left.cells[i], right.cells[i]);
  const auto empty = [&] { return std::all_of(cells.begin(), cells.end(), IsEmpty); };
  difference.equal = difference.buckets.empty() && empty();
  if (difference.equal) {
    difference.complete = true;
    return difference;
  }

  std::vector<Item> items = Peel(cells, seed);
  Normalise(items);
  std::bitset<kSketchBuckets> named;
  for (const Item& item : items) {
    difference.keys.push_back(item.key);
    if (left.header.keys == SketchKeys::kWholeRow) {
      difference.surplus.push_back(mersenne61::Signed(item.hash));
    }
    named.set(PlacesOf(seed, item.key).bucket);
  }
  // Hashes of a key's rows that cancel in the cells do not in the 128 bits of its bucket.
  difference.complete = empty() && std::all_of(difference.buckets.begin(), difference.buckets.end(),
                                               [&](uint32_t bucket) { return named.test(bucket); });
  return difference;
}

}  // namespace pg_cutover::core
