// Sketches as values of SQL: a bytea of fixed size, which is the state of the aggregate, its result
// and what is stored and sent.
//
//   nkey, columns   two bytes each: what the rows were that were added
//   sketch          as core/sketch.hpp has it
#pragma once

#include "core/sketch.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

// What sketches have to have in common to be added or subtracted.
struct SketchShape {
  uint64_t seed = 0;
  core::SketchKeys keys = core::SketchKeys::kWholeRow;
  int key_columns = 0;
  int columns = 0;
  bool operator==(const SketchShape&) const = default;
};

// An empty one, in the current memory context. May raise; call through pg::Call or in a Section.
bytea* NewSketch(const SketchShape& shape);

// Whether a bytea that is not compressed and not out of line is a sketch.
bool HoldsSketch(const bytea* value);
SketchShape ShapeOf(const bytea* sketch);
std::byte* StateOf(bytea* sketch);
const std::byte* StateOf(const bytea* sketch);

// A value that somebody passed, detoasted. Refuses (invalid_parameter_value) what is no sketch;
// `name` is the parameter's.
const bytea* SketchFrom(Datum value, const char* name);
// Refuses (invalid_parameter_value) sketches that cannot be added or subtracted.
void RequireMatch(const bytea* a, const bytea* b);

}  // namespace pg_cutover::compare
