// Canonical images: bytes that are equal exactly where two values are the same value.
//
// The same on any server and version of one byte order, and for any physical form of a value
// (TOAST, compression, a left-over null bitmap of an array, the OIDs of enums and of composite
// types); independent of settings of the session; different for 1.0 and 1.00, -0 and 0, and arrays
// with other bounds, which the types' own equality takes for equal. NaNs are one value. Integers of
// every width have one image, so that int4 compares with int8. Values of reg* types are object
// numbers, which mean the same in one database only.
//
//   row    number of values, null bitmap, then for each value that is not NULL its image: fixed
//          width, or a length and bytes
//
// An image says nothing of its type: it is for columns that have the same type on both sides, or
// types of one shape. What is done for a type is decided once, in a plan; per value there is a
// switch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/sketch.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

// How to make the image of one row of values. Lives in the memory context it was made in; made anew
// when the types change. It holds nothing of the catalog that could go stale: enum labels and
// attributes of composite types are looked up again after they have changed.
struct ImagePlan;

// Types of the values; a RECORD is looked up by each value's own type. Raises
// feature_not_supported, with a hint to cast, for a type that has no image (a pseudo-type, an
// extension's type without an immutable binary form). May raise; call through pg::Call or in a
// Section.
ImagePlan* MakeImagePlan(MemoryContext context, const Oid* types, int count);

// The 128-bit hash of the image of a row, seeded. Detoasts what it has to; uses
// CurrentMemoryContext, which the caller resets. May raise; for Sections: leaves nothing behind but
// memory.
core::RowHash HashRow(ImagePlan* plan, uint64_t seed, const Datum* values, const bool* nulls);
core::RowHash HashRow(ImagePlan* plan, uint64_t seed, const NullableDatum* values);

// The 64-bit number a key is known by: for a single int2, int4, int8 or oid column the number
// itself, sign-extended; otherwise, and where that column is NULL, a seeded hash of the image of
// all its values. SketchKeys says which.
core::SketchKeys KeyKind(const Oid* types, int count);
uint64_t KeyNumber(ImagePlan* key_plan, uint64_t seed, const Datum* values, const bool* nulls);
uint64_t KeyNumber(ImagePlan* key_plan, uint64_t seed, const NullableDatum* values);

}  // namespace pg_cutover::compare
