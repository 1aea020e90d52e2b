// The target of a link, written to row by row in a writer's transaction, at heap level: no SQL, no
// triggers, no rules, no row security. What the executor would do besides is done by hand:
// generated columns, NOT NULL and CHECK, routing to a partition, index entries.
//
// Set(k, image) makes the target hold `image` under key k, or nothing:
//
//   loop
//     look for k in the key's index with a dirty snapshot, and end the scan
//     somebody else is about to insert, change or delete it  wait for that transaction, again
//     it is there     delete it, or replace it; it changed meanwhile: again
//     it is not       insert; the key turns out to be taken: undo the insert, again
//
// A copier inserts its index entry before it looks at the source again, and a writer has changed
// the source before it looks here: one of the two always sees the other. The writer waits for the
// copier's short transaction, never the other way round.
//
// Plain data and kernels: everything here runs inside pg::Section, but for Create.
#pragma once

#include "link/guarantees.hpp"
#include "link/mapping.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// The values of a row's key in the target, in the order of its key index.
struct Key {
  Datum values[INDEX_MAX_KEYS];
  bool nulls[INDEX_MAX_KEYS];
};

// Values of columns that are not mapped, taken from a row that moves to another key.
struct Carried {
  bool present = false;
  Datum* values = nullptr;
  bool* nulls = nullptr;
};

// A table that stores rows: the target itself, or the partition that a key belongs to.
struct Place {
  ResultRelInfo* table;
  int key_index;              // of table->ri_IndexRelationDescs
  const AttrMap* from_root;   // attributes by those of the root; nullptr: the same
  TupleTableSlot* converted;  // a row in this table's type; nullptr without from_root
  TupleTableSlot* found;      // the row that is there
  List* implied;              // see link::Guarantees
  ScanKeyData probe[INDEX_MAX_KEYS];
};

struct Mirror {
  Oid target;
  bool partitioned;
  EState* estate;
  const link::CompiledMapping* mapping;
  TupleDesc row_type;      // of the root, not counted
  TupleTableSlot* stored;  // a whole tuple, for mappings that are identical
  TupleTableSlot* defaults;     // of every column, for links that fill some of them
  ExprState** column_defaults;  // by attribute; nullptr: NULL
  TupleTableSlot* routed;  // holds a key for routing
  Place plain;   // unpartitioned targets; its relations are open between Open and Close
  Oid* indexes;  // their OIDs
  LocalTransactionId locked_in;  // the transaction that holds the locks
};

// In the current memory context, which the mirror lives in. `table` is open and locked.
Mirror* Create(EState* estate, ::Relation table, const link::CompiledMapping* mapping,
               const link::Guarantees& promised, Oid key_index);

// Locks: RowExclusiveLock on the target and its indexes, once in a transaction and to its end,
// whatever becomes of the subtransaction.
void Lock(Mirror* mirror);
// Around the Sets of one row.
void Open(Mirror* mirror);
void Close(Mirror* mirror);
// After an error that was caught: the pin that a slot believes to hold is gone. nullptr is none.
void Abandon(TupleTableSlot* slot);

// `source_row` in the type of the mapping's source; evaluated in the mapping's context.
void KeyOf(const Mirror& mirror, TupleTableSlot* source_row, Key* key);
bool SameKey(Mirror* mirror, const Key& a, const Key& b);

enum class Expect {
  kNothing,  // the key is most probably free: insert first, look afterwards
  kAnything,
};

// What a write knows about the row that it replaces: values in the source that it left alone
// although they are stored out of line need not be stored again.
struct Unchanged {
  TupleTableSlot* old_row = nullptr;
  TupleTableSlot* new_row = nullptr;
};

// The target holds f(source_row) under `key` afterwards.
void SetRow(Mirror* mirror, const Key& key, TupleTableSlot* source_row, Expect expect,
            const Unchanged& unchanged, const Carried& carried);
// The target holds nothing under `key` afterwards. `carried`, if given, gets what was there.
void SetNone(Mirror* mirror, const Key& key, Carried* carried);

// Of a link that fills columns of rows that another link owns: the row under `key` gets this link's
// columns from source_row, or their defaults where that is nullptr. Nothing happens where there is
// no such row: whoever makes it reads the source.
void SetColumns(Mirror* mirror, const Key& key, TupleTableSlot* source_row);

}  // namespace pg_cutover::capture
