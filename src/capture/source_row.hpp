// The source as this transaction leaves it, whatever the event at hand says.
//
// Everything runs inside pg::Section.
#pragma once

#include "capture/cache.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// True while this very version is the row's current one for this transaction. False: it was changed
// again, by another event that runs or has run.
bool IsCurrent(::Relation relation, TupleTableSlot* row);

// The current row with the source key of `row`, in entry->source_found; nullptr where there is
// none. The caller clears the slot.
TupleTableSlot* FindByKeyOf(Entry* entry, ::Relation relation, TupleTableSlot* row);
// The same by values, in the order of the key's columns.
TupleTableSlot* FindByKey(Entry* entry, ::Relation relation, const Datum* values);

}  // namespace pg_cutover::capture
