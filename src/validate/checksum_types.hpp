// Which columns can be compared by the images of their values.
//
// An image says nothing of its type (compare/image.hpp): money '1.00' has that of bigint 100, and a
// timestamp that of the timestamptz with the same number inside. Values of two types may be
// compared so only where one image always means one value.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::validate {

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

}  // namespace pg_cutover::validate
