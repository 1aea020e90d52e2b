// What the values of two columns are compared as where no link says what one makes of the other.
//
// Never as what a cast may lose: two values are equal only where they are the same value. So no
// value is converted to a type that does not hold all values of its own. Where the types are
//
//   of one shape (shape.hpp)      values as they are, whatever their lengths; texts as text
//   numbers                       numeric without trailing zeros; a float is the number it is
//                                 printed as; two floats are float8, integers stay what they are
//   numeric, of other scales      numeric without trailing zeros
//   one wider than the other      the wider one: date, timestamp, timestamptz (in UTC); time,
//                                 timetz; macaddr, macaddr8; json, jsonb
//   one the other by a cast that leaves the bytes alone   that other
//   anything, and a text in the target                    text
//
// All others, and those without an assignment cast from the source's type to the target's, are
// refused.
#pragma once

#include <optional>
#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::compare {

struct CommonForm {
  std::string source;
  std::string target;
  Oid type = InvalidOid;  // of both, or of the target where they have one shape
};

// `source` and `target` are expressions for the two columns. nullopt: there is no common form. A
// key's values have to be of types that have one equality.
std::optional<CommonForm> FindCommonForm(Form_pg_attribute from, const std::string& source,
                                         Form_pg_attribute to, const std::string& target,
                                         bool in_key);

// The expression with an implicit collation. An explicit one is at odds with any other in the same
// call, as of a row's hash, and without any = cannot tell which of two to use. The planner takes
// the row away.
std::string Collated(const std::string& expression, Oid collation);

}  // namespace pg_cutover::compare
