// Sketches: what two multisets of rows have in common, from one pass over each.
//
// A sketch holds sums over the rows added to it and nothing else, so that sketches of parts
// (workers, partitions, servers) are added and two sides are subtracted:
//
//   buckets   for each of 1024 classes of keys: rows, and both halves of the 128-bit row hashes mod
//             2^64. Where differences are, when there are too many to name; their sums are the
//             totals. A row's image has its key in it, so that two rows of one class that swap all
//             the rest are seen here too
//   cells     1-sparse recovery (an invertible Bloom table whose cells are linear in the rows):
//             each key has one cell in each of three tables, found from the key alone. Mod
//             p = 2^61 - 1 a cell sums h, h*k for each 32-bit limb k of the key, and h*g(key),
//             where h is the row's hash (1 where the row is its own key) and g a check hash. After
//             a subtraction a cell in which one key differs gives that key by division, checked by
//             g and by its place; it is then taken out of its other cells, and so on ("peeling").
//             A missing, an extra and a changed row cost one item each; where the row is its own
//             key a changed row is two of them.
//
// Never XOR: a pair of equal rows cancels in it. Sources: Goodrich and Mitzenmacher, "Invertible
// Bloom Lookup Tables" (arXiv 1101.2245); Ganguly, "Counting distinct items over update streams"
// for 1-sparse recovery with fingerprints.
//
// The bytes of a sketch are a value that can be stored and sent: fixed size, no pointers, native
// byte order with a mark that tells a foreign one. Sketches of the same rows under the same seed
// are the same bytes, in whatever order and parts the rows were added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pg_cutover::core {

// The 128-bit hash of a row's image.
struct RowHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const RowHash&) const = default;
};

// What identifies a row. kInteger: the key itself, as a 64-bit number; kHashed: a seeded hash of
// the key's image; kWholeRow: there is no key, rows are a multiset, and the key is a part of the
// row's hash.
enum class SketchKeys : uint32_t { kInteger = 1, kHashed = 2, kWholeRow = 3 };

inline constexpr uint32_t kSketchBuckets = 1024;
// Three tables of a third each. Of decodes of 9,000 differing keys one in 1,000 is incomplete, as
// two keys share all three cells; of 10,000 keys about every third, of 10,500 each.
inline constexpr uint32_t kSketchCells = 12288;

struct SketchTotals {
  uint64_t rows = 0;
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const SketchTotals&) const = default;
};

size_t SketchSize();

// Makes an empty sketch of SketchSize() zeroed bytes. Here and below, aligned to 4: the data of a
// bytea may be a sketch in place.
void InitSketch(std::byte* state, uint64_t seed, SketchKeys keys);
// Whether bytes are a sketch of this format and byte order; nothing else may be passed to the
// functions below. At any alignment, and cheap: the sums are not looked at. Whatever they are, the
// functions below return, with a wrong answer at worst.
bool IsSketch(std::span<const std::byte> state);
uint64_t SketchSeed(const std::byte* state);
SketchKeys KeysOfSketch(const std::byte* state);
// Of all rows.
SketchTotals TotalsOf(const std::byte* state);

// Adds one row. `key` is ignored for kWholeRow. No allocation, no error: for hot loops.
void AddRow(std::byte* state, uint64_t key, const RowHash& row) noexcept;
// Whether two sketches may be added or subtracted: same seed, same kind of keys.
bool SketchesMatch(const std::byte* a, const std::byte* b);
// a += b. They match.
void AddSketch(std::byte* a, const std::byte* b) noexcept;

// The class of a key under a seed, 0..kSketchBuckets-1, as AddRow counts it; for kWholeRow of the
// key that WholeRowKey gives.
uint32_t BucketOf(uint64_t seed, uint64_t key) noexcept;
uint64_t WholeRowKey(const RowHash& row) noexcept;

// How two sketches differ.
struct SketchDifference {
  bool equal = false;          // totals, buckets and cells: all three are
  bool complete = false;       // `keys` are all that differ; false where there are too many
  std::vector<uint64_t> keys;  // recovered ones, ascending; distinct
  // kWholeRow only, for each of `keys`: how many more such rows a has than b (negative: fewer).
  std::vector<int64_t> surplus;
  std::vector<uint32_t> buckets;  // classes whose sums differ, ascending
};
// They match. Allocates about the size of the cells. Where hashes of rows and keys are as good as
// random:
// - unequal sketches are taken for equal with a probability under 2^-128, as buckets and cells have
//   to cancel both;
// - a key whose rows differ is missed with one of 2^-61; `complete` is false even then, unless
//   another key of its class is named;
// - a cell in which several keys differ passes for one, of which there is no row, with one of 2^-73
//   at most.
SketchDifference Subtract(const std::byte* a, const std::byte* b);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
