// Sketches as values of SQL; see sketch_state.hpp.
#include <fmt/format.h>

#include <span>
#include <string_view>

#include "compare/sketch_state.hpp"
#include "pg/call.hpp"

namespace pg_cutover::compare {

namespace {

struct Preamble {
  uint16_t key_columns;
  uint16_t columns;
};

std::string_view Name(core::SketchKeys keys) {
  switch (keys) {
    case core::SketchKeys::kInteger:
      return "an integer key";
    case core::SketchKeys::kHashed:
      return "a hashed key";
    case core::SketchKeys::kWholeRow:
      break;
  }
  return "no key";
}

std::string Describe(const SketchShape& shape) {
  return fmt::format("seed {}, {} columns and {} ({} columns)", static_cast<int64_t>(shape.seed),
                     shape.columns, Name(shape.keys), shape.key_columns);
}

}  // namespace

std::byte* StateOf(bytea* sketch) {
  return reinterpret_cast<std::byte*>(VARDATA(sketch)) + sizeof(Preamble);
}

const std::byte* StateOf(const bytea* sketch) {
  return reinterpret_cast<const std::byte*>(VARDATA(sketch)) + sizeof(Preamble);
}

bytea* NewSketch(const SketchShape& shape) {
  const Size size = VARHDRSZ + sizeof(Preamble) + core::SketchSize();
  auto* const sketch = static_cast<bytea*>(palloc0(size));
  SET_VARSIZE(sketch, size);
  const Preamble preamble = {static_cast<uint16_t>(shape.key_columns),
                             static_cast<uint16_t>(shape.columns)};
  std::memcpy(VARDATA(sketch), &preamble, sizeof preamble);
  core::InitSketch(StateOf(sketch), shape.seed, shape.keys);
  return sketch;
}

bool HoldsSketch(const bytea* value) {
  return VARATT_IS_4B_U(value) && VARSIZE(value) >= VARHDRSZ + sizeof(Preamble) &&
         core::IsSketch(std::span<const std::byte>(StateOf(value),
                                                   VARSIZE(value) - VARHDRSZ - sizeof(Preamble)));
}

SketchShape ShapeOf(const bytea* sketch) {
  Preamble preamble;
  std::memcpy(&preamble, VARDATA(sketch), sizeof preamble);
  const std::byte* const state = StateOf(sketch);
  return {core::SketchSeed(state), core::KeysOfSketch(state), preamble.key_columns,
          preamble.columns};
}

const bytea* SketchFrom(Datum value, const char* name) {
  auto* const stored = reinterpret_cast<struct varlena*>(DatumGetPointer(value));
  const bytea* const plain = pg::Call(pg_detoast_datum, stored);
  if (!HoldsSketch(plain))
    pg::Raise(
        ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("{} is not a sketch", name),
        fmt::format("It has {} bytes.", VARSIZE(plain) - VARHDRSZ),
        "Pass what migrate_sketch returned, made by this version on a server of the same byte "
        "order.");
  return plain;
}

void RequireMatch(const bytea* a, const bytea* b) {
  const SketchShape left = ShapeOf(a);
  const SketchShape right = ShapeOf(b);
  if (left == right) return;
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "the sketches do not match",
            fmt::format("One has {}; the other {}.", Describe(left), Describe(right)),
            "Make both with the same seed, the same number of columns and keys of the same type.");
}

}  // namespace pg_cutover::compare
