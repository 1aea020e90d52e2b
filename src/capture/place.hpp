// One table that stores rows of a target: probing, inserting, replacing and deleting single rows.
//
// Everything runs inside pg::Section.
#pragma once

#include "capture/mirror.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// What a partitioned target's partition was opened with, for one row.
struct Route {
  EState* estate = nullptr;
  ModifyTableState* state = nullptr;
  PartitionTupleRouting* routing = nullptr;
  Place place;
};

// What the executor looks the target's columns up in for its messages.
void MakeRangeTable(EState* estate, Oid target);

// Where rows with this key are. For a partitioned target it opens the partition, with its locks;
// raises check_violation where there is none. LeavePlace closes it.
Place* FindPlace(Mirror* mirror, const Key& key, Route* route);
void LeavePlace(Route* route);

// How rows are looked up by their key, in every place of the target.
void PrepareProbe(Mirror* mirror, ::Relation key_index);

// The root's attribute that is this attribute of the place.
inline AttrNumber RootColumn(const Place& place, AttrNumber column) {
  return place.from_root == nullptr ? column : place.from_root->attnums[column - 1];
}

enum class Found {
  kAbsent,
  kPresent,     // in place->found
  kInProgress,  // it was another transaction's affair, which has ended meanwhile: look again
};
// Waits, with the scan ended, for a transaction that is about to change the key.
Found Probe(Mirror* mirror, Place* place, const Key& key);

// False: somebody has the key; the row was taken back.
bool Insert(EState* estate, Place* place, TupleTableSlot* row);
// Of the row in place->found. False: somebody changed it meanwhile.
bool UpdateFound(EState* estate, Place* place, TupleTableSlot* row);
bool DeleteFound(Place* place);

}  // namespace pg_cutover::capture
