// What the bytes of a sketch are, and where in them a key is counted. For the sketch*.cpp files
// alone: XXH3 is compiled in here.
//
// Must hold: words are of alignment 4, which is what the data of a PostgreSQL bytea have; sums in
// cells are below p, so that equal sketches have equal bytes.
#pragma once

#define XXH_INLINE_ALL 1

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <xxhash.h>

#include "core/mersenne61.hpp"
#include "core/sketch.hpp"

namespace pg_cutover::core {

// Read and written by value only: no reference of an ordinary uint64_t may be bound to one.
using SketchWord [[gnu::aligned(4)]] = uint64_t;

// Version in the last letters; read in the other byte order it is another number.
inline constexpr uint64_t kSketchMark = 0x7067637574736b31;  // "pgcutsk1"
inline constexpr uint32_t kSketchTables = 3;
inline constexpr uint32_t kSketchTableCells = kSketchCells / kSketchTables;
static_assert(kSketchTableCells * kSketchTables == kSketchCells);
static_assert((kSketchTableCells & (kSketchTableCells - 1)) == 0);
static_assert((kSketchBuckets & (kSketchBuckets - 1)) == 0);

struct SketchHeader {
  SketchWord mark;
  SketchWord seed;
  SketchKeys keys;
  uint32_t size;  // of the whole
};

struct SketchBucket {
  SketchWord rows;
  SketchWord low;
  SketchWord high;
};

// Sums modulo p over the rows of a cell's keys.
struct SketchCell {
  SketchWord hash;      // of h
  SketchWord key_low;   // of h * the low 32 bits of the key
  SketchWord key_high;  // of h * the high ones
  SketchWord check;     // of h * g(key)
};

struct SketchLayout {
  SketchHeader header;
  std::array<SketchBucket, kSketchBuckets> buckets;
  std::array<SketchCell, kSketchCells> cells;  // table after table
};
static_assert(std::is_trivially_copyable_v<SketchLayout> && alignof(SketchLayout) == 4);
static_assert(sizeof(SketchLayout) == 24 + 24 * kSketchBuckets + 32 * kSketchCells, "no padding");

inline SketchLayout* LayoutOf(std::byte* state) {
  return static_cast<SketchLayout*>(static_cast<void*>(state));
}
inline const SketchLayout* LayoutOf(const std::byte* state) {
  return static_cast<const SketchLayout*>(static_cast<const void*>(state));
}

// Where a key is counted, and its check hash.
struct SketchPlaces {
  uint32_t bucket;
  std::array<uint32_t, kSketchTables> cells;
  uint64_t check;
};

// Both halves of one hash of key and seed: the first is cut into places, the second is g.
inline SketchPlaces PlacesOf(uint64_t seed, uint64_t key) {
  const XXH128_hash_t mixed = XXH3_128bits_withSeed(&key, sizeof(key), seed);
  constexpr uint32_t kMask = kSketchTableCells - 1;
  const uint64_t bits = mixed.low64;
  return {.bucket = static_cast<uint32_t>(bits >> 48) & (kSketchBuckets - 1),
          .cells = {static_cast<uint32_t>(bits) & kMask,
                    (static_cast<uint32_t>(bits >> 16) & kMask) + kSketchTableCells,
                    (static_cast<uint32_t>(bits >> 32) & kMask) + 2 * kSketchTableCells},
          .check = mersenne61::Reduce(mixed.high64)};
}

// What rows whose hashes h add up to `hash` contribute to each cell of their key.
inline SketchCell CellOf(uint64_t hash, uint64_t key, uint64_t check) {
  return {.hash = hash,
          .key_low = mersenne61::Multiply(hash, key & 0xFFFFFFFFU),
          .key_high = mersenne61::Multiply(hash, key >> 32),
          .check = mersenne61::Multiply(hash, check)};
}

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
