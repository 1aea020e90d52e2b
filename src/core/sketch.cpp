// Filling and adding sketches. What they differ in is found in sketch_decode.cpp.
#define PG_CUTOVER_CORE 1
#include "core/sketch.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/mersenne61.hpp"
#include "core/sketch_layout.hpp"

namespace pg_cutover::core {
namespace {

// A row's hash for the cells, in 1..p-1: a row that counted for 0 could not be seen in them. Both
// halves take part. A whole row is its own key, and counts for one: what is left in a cell then
// says how many.
uint64_t CellHash(SketchKeys keys, const RowHash& row) {
  if (keys == SketchKeys::kWholeRow) return 1;
  const uint64_t mixed = mersenne61::Reduce(row.low ^ std::rotl(row.high, 32));
  return std::min(mixed, mersenne61::kPrime - 2) + 1;
}

[[gnu::always_inline]] inline void Accumulate(SketchCell& cell, const SketchCell& more) {
  cell.hash = mersenne61::Add(cell.hash, more.hash);
  cell.key_low = mersenne61::Add(cell.key_low, more.key_low);
  cell.key_high = mersenne61::Add(cell.key_high, more.key_high);
  cell.check = mersenne61::Add(cell.check, more.check);
}

void Accumulate(SketchBucket& bucket, const SketchBucket& more) {
  bucket.rows += more.rows;
  bucket.low += more.low;
  bucket.high += more.high;
}

}  // namespace

size_t SketchSize() {
  return sizeof(SketchLayout);
}

void InitSketch(std::byte* state, uint64_t seed, SketchKeys keys) {
  LayoutOf(state)->header = {
      .mark = kSketchMark, .seed = seed, .keys = keys, .size = sizeof(SketchLayout)};
}

bool IsSketch(std::span<const std::byte> state) {
  if (state.size() != sizeof(SketchLayout)) return false;
  SketchHeader header{};
  std::memcpy(&header, state.data(), sizeof(header));
  return header.mark == kSketchMark && header.size == sizeof(SketchLayout) &&
         (header.keys == SketchKeys::kInteger || header.keys == SketchKeys::kHashed ||
          header.keys == SketchKeys::kWholeRow);
}

uint64_t SketchSeed(const std::byte* state) {
  return LayoutOf(state)->header.seed;
}

SketchKeys KeysOfSketch(const std::byte* state) {
  return LayoutOf(state)->header.keys;
}

SketchTotals TotalsOf(const std::byte* state) {
  SketchTotals totals;
  for (const SketchBucket& bucket : LayoutOf(state)->buckets) {
    totals.rows += bucket.rows;
    totals.low += bucket.low;
    totals.high += bucket.high;
  }
  return totals;
}

void AddRow(std::byte* state, uint64_t key, const RowHash& row) noexcept {
  SketchLayout& sketch = *LayoutOf(state);
  const SketchKeys keys = sketch.header.keys;
  const uint64_t number = keys == SketchKeys::kWholeRow ? WholeRowKey(row) : key;
  const SketchPlaces places = PlacesOf(sketch.header.seed, number);
  Accumulate(sketch.buckets[places.bucket], {.rows = 1, .low = row.low, .high = row.high});
  const SketchCell added = CellOf(CellHash(keys, row), number, places.check);
  for (const uint32_t place : places.cells)
    Accumulate(sketch.cells[place], added);
}

bool SketchesMatch(const std::byte* a, const std::byte* b) {
  return SketchSeed(a) == SketchSeed(b) && KeysOfSketch(a) == KeysOfSketch(b);
}

void AddSketch(std::byte* a, const std::byte* b) noexcept {
  SketchLayout& sum = *LayoutOf(a);
  const SketchLayout& more = *LayoutOf(b);
  for (size_t i = 0; i < kSketchBuckets; i++)
    Accumulate(sum.buckets[i], more.buckets[i]);
  for (size_t i = 0; i < kSketchCells; i++)
    Accumulate(sum.cells[i], more.cells[i]);
}

uint32_t BucketOf(uint64_t seed, uint64_t key) noexcept {
  return PlacesOf(seed, key).bucket;
}

uint64_t WholeRowKey(const RowHash& row) noexcept {
  return row.low;
}

}  // namespace pg_cutover::core
