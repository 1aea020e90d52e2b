// Whether a mapping keeps different keys different.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::link {

// The source column that `value` takes through conversions that keep different values different,
// seen from a btree index with `collation` on the result; 0 where that cannot be shown. `value` is
// an analysed expression, coerced to its column's type.
AttrNumber InjectiveColumn(Node* value, Oid collation);

}  // namespace pg_cutover::link
