// The target of a copy, opened for one batch: buffers, multi-insert, index entries, partition routing.
//
// Writes go below the executor: no trigger fires, no rule applies, row security and privileges are not
// looked at (they were checked when the link was made). What the executor would have done besides is
// done here: generated columns, NOT NULL and CHECK, routing to a partition.
//
// Index entries are inserted without waiting: a key that somebody else has, or may get, marks the row
// as conflicting, and the batch takes it back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::copy {

// A source row version that was written to the target in this batch.
struct CopiedRow {
  ItemPointerData source;
  TransactionId source_xmin;
  ItemPointerData target;
  int32_t leaf;
  bool conflict;
  Oid duplicate_in;  // see Duplicates::kNote
};

// What is done about a value that a unique index has already.
enum class Duplicates {
  kTakeBack,  // the row is marked; nobody is waited for
  kRaise,     // PostgreSQL's own unique_violation, after waiting for whoever is about to decide
  kNote,      // as kTakeBack; where a committed row has the value, duplicate_in says in which index
};

class Target {
 public:
  // Rows or bytes that are gathered for one multi-insert.
  static constexpr int kBufferedRows = 512;
  static constexpr size_t kBufferedBytes = 512 * 1024;

  // Locks: RowExclusiveLock on the table, every leaf, their indexes and TOAST tables, all before the
  // first insert, so that no lock is asked for while keys are claimed.
  // `one_by_one`: every row is inserted by itself, so that an error can be pinned on it.
  Target(Oid relation, bool one_by_one, Duplicates duplicates);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  EState* estate() const { return estate_; }
  ::Relation root() const { return root_->ri_RelationDesc; }

  // The following are for use inside pg::Section kernels.

  // Makes room for about so many bytes in an unpartitioned target, for when other workers fill it too.
  void Reserve(int64_t bytes);
  // `row` is in the root's row type. Copies it; may write out what is buffered.
  void Add(TupleTableSlot* row, const CopiedRow& origin);
  void FlushAll();
  // Deletes a row of this batch. Needs a CommandCounterIncrement since it was written.
  void TakeBack(const CopiedRow& row);
  // Looks for the row's key in the target without waiting, as a writer's trigger would see it.
  enum class Presence { kAbsent, kLive, kInProgress };
  struct Found {
    Presence presence;
    TransactionId xmin;  // of the row that was found
  };
  Found Probe(TupleTableSlot* row, const AttrNumber* key, int key_columns);

  const std::vector<CopiedRow>& rows() const { return rows_; }
  std::vector<CopiedRow>& rows() { return rows_; }
  int64_t bytes() const { return bytes_; }
  // The part of them that lies in the heap itself.
  int64_t heap_bytes() const { return heap_bytes_; }
  // The source row that was being written when an error was raised; invalid where unknown.
  const ItemPointerData& at() const { return at_; }
  void SetAt(const ItemPointerData& source) { at_ = source; }

 private:
  struct Leaf {
    int32_t number;  // in leaves_
    ResultRelInfo* info;
    TupleConversionMap* from_root;
    TupleTableSlot* converted;  // where from_root is not null
    BulkInsertState bulk;
    bool has_generated;
    bool has_constraints;
    int used;
    int allocated;
    TupleTableSlot* slots[kBufferedRows];
    size_t first_row[kBufferedRows];  // index into rows_
  };

  void OpenRoot(Oid relation);
  Leaf* AddLeaf(ResultRelInfo* info);
  Leaf* Route(TupleTableSlot* row);
  void Flush(Leaf* leaf);

  pg::UnwindProbe probe_;
  const bool one_by_one_;
  const Duplicates duplicates_;
  EState* estate_ = nullptr;
  ResultRelInfo* root_ = nullptr;
  ModifyTableState* routing_state_ = nullptr;
  PartitionTupleRouting* routing_ = nullptr;
  std::vector<Leaf*> leaves_;
  std::vector<CopiedRow> rows_;
  size_t buffered_bytes_ = 0;
  int64_t bytes_ = 0;
  int64_t heap_bytes_ = 0;
  ItemPointerData at_;
};

}  // namespace pg_cutover::copy
