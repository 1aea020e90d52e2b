// Looking a key up in a btree index.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// "Column `column` of the index, from 0, equals `value`", by the index's own operator and
// collation. `flags` as in ScanKeyEntryInitialize. The look-up of the function stays in the current
// memory context. For use inside a Section.
inline void ProbeFor(ScanKeyData* key, ::Relation index, int column, Datum value, int flags) {
  const Oid type = index->rd_opcintype[column];
  const Oid equality =
      get_opfamily_member(index->rd_opfamily[column], type, type, BTEqualStrategyNumber);
  ScanKeyEntryInitialize(key, flags, static_cast<AttrNumber>(column + 1), BTEqualStrategyNumber,
                         type, index->rd_indcollation[column], get_opcode(equality), value);
}

}  // namespace pg_cutover::pg
