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

// For an entry that fills columns of rows that another link owns: its source row for the target's
// row under `key`, in entry->source_found. Whoever is about to write it is waited for: between the
// two links each writer takes its own row first and looks at the other's then, so that one of two
// always sees the other (and where both wait, one of them is a deadlock's victim).
TupleTableSlot* FindForTarget(Entry* entry, ::Relation relation, const Key& key);

}  // namespace pg_cutover::capture
