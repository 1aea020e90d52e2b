// Which types have one shape: their values can be compared by images, or shown as jsonb, alike.
//
// An image says nothing of its type (image.hpp): money '1.00' has that of bigint 100, and a
// timestamp that of the timestamptz with the same number inside. Values of two types may be
// compared so only where one image always means one value.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::compare {

// Of one shape are, whatever domains are over them:
//   the same type, with whatever modifier
//   smallint, integer, bigint and oid, which are numbers
//   text, varchar, character, name and enums, which are texts
//   types of which one is the other by an implicit cast without a function, such as bit and bit
//   varying, cidr and inet
//   arrays, ranges and multiranges of such types
//   composite types with attributes of the same names and such types
// May raise; call through pg::Call or in a Section.
bool OfOneShape(Oid left, Oid right);

// oid and the reg* types.
bool IsObjectNumber(Oid type);
// Texts of every kind, and enums: of a base type, not of a domain.
bool IsText(Oid type);

// How values are shown in a jsonb object.
enum class Shown {
  kAsJson,
  // Not every json is a jsonb: \u0000, half of a surrogate pair, 1e1000000.
  kAsText,
  // As jsonb, which has neither -0 nor bounds of arrays: where two that differ look alike, as text.
  kAsTextWhereAlike,
};
// May raise; call through pg::Call or in a Section.
Shown ShownAs(Oid type);

}  // namespace pg_cutover::compare
