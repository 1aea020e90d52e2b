// A sketch that owns its bytes, for the tests of sketches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/sketch.hpp"

namespace pg_cutover::core {

inline constexpr uint64_t kSeed = 42;

using Keys = std::vector<uint64_t>;

class Sketch {
 public:
  explicit Sketch(SketchKeys keys = SketchKeys::kInteger, uint64_t seed = kSeed)
      : bytes_(SketchSize()) {
    InitSketch(state(), seed, keys);
  }
  Sketch& Add(uint64_t key, const RowHash& row) {
    AddRow(state(), key, row);
    return *this;
  }
  // For whole rows, `times` of them.
  Sketch& Add(const RowHash& row, int times = 1) {
    for (int i = 0; i < times; i++)
      AddRow(state(), 0, row);
    return *this;
  }
  Sketch& Add(const Sketch& other) {
    AddSketch(state(), other.state());
    return *this;
  }
  std::byte* state() { return bytes_.data(); }
  const std::byte* state() const { return bytes_.data(); }
  std::vector<std::byte>& bytes() { return bytes_; }
  bool operator==(const Sketch&) const = default;

 private:
  std::vector<std::byte> bytes_;
};

inline SketchDifference Compare(const Sketch& a, const Sketch& b) {
  return Subtract(a.state(), b.state());
}

}  // namespace pg_cutover::core
