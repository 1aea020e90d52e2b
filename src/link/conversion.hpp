// Conversions of a value in an analysed expression.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::link {

enum class Conversions {
  // Of one value, whose length they leave alone: for who wants to know whether two values that
  // differ stay different, which a value that is rounded or cut, or an array of such, need not.
  kOfWholeValues,
  // Also those of an array's elements, and to a length or precision: for who looks at what each
  // one loses.
  kAll,
};

inline bool IsInteger(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID;
}

// What `node` converts; nullptr where it is anything but a conversion of these. Casts by functions
// count as they were written: one that is called by its name, or by syntax of its own such as
// trim(x), is not a cast, whatever it returns. For use inside Section kernels.
Node* ConvertedOperand(Node* node, Conversions which);

// Whether the conversion is one to a length or precision.
bool ConvertsLength(const Node* node);

}  // namespace pg_cutover::link
