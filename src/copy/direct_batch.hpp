// One batch of the direct method, from heap to heap. The protocol, and why each step is where it is:
//
//   1. Open the source, then the target with all its indexes and TOAST: every heavyweight lock before
//      the first insert. Under the locks, check that nothing changed since the copy began.
//   2. Register snapshot S and read the versions it sees. Where a trigger mirrors writes, versions
//      written since the boundary are the trigger's.
//   3. Pre-check: a version that somebody has superseded or is changing is not inserted at all.
//   4. Insert the rows and their index entries, waiting for nobody; a key that is taken or in doubt
//      marks the row as conflicting.
//   5. After all index entries of all rows exist, look at every source version again, under its
//      buffer's lock. A writer that changed it before this look is seen here; a writer that changes it
//      later finds our entry, and waits for this short transaction. There is no third case.
//      S is held until here: it keeps the versions from being pruned and their places from reuse.
//   6. Delete the rows that lost; store the keys to look at again, the cursor and the counters in this
//      same transaction; commit.
//
// The copier waits for no transaction id, so it adds no edge to anybody's deadlock.
#pragma once

#include <string>
#include <vector>

#include "copy/plan.hpp"
#include "copy/target.hpp"
#include "link/mapping.hpp"
#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::copy {

// Which source row an error is about: survives the transaction that failed.
struct Failing {
  Oid relation = InvalidOid;
  ItemPointerData row;
};

struct BatchMode {
  bool one_by_one = false;         // to pin an error on its row
  bool report_duplicates = false;  // a key that exists is an error: the last word on a deferred row
  // The same where a trigger mirrors writes, without ever waiting for a writer: a row is an error that
  // is still current while a committed row of another key has its value in a unique index.
  bool report_committed = false;
};

class DirectBatch {
 public:
  // Step 1. `leaf` is a leaf of the source. Call in a transaction; `failing` is written to while the
  // batch runs.
  DirectBatch(const Plan& plan, const catalog::JobPart& leaf, BatchMode mode, Failing* failing);

  // Makes room in the target for so many bytes, ahead of step 4.
  void Reserve(int64_t bytes);
  // Steps 2 to 4 for a range of the leaf's own block numbers.
  void CopyBlocks(BlockNumber first, BlockNumber count);
  // Steps 2 to 4 for single versions that were looked up by key under snapshot(): with a probe of the
  // target instead of a blind insert, so that a retry cannot starve the writer it collides with.
  // Returns false where the row is still busy.
  bool CopyRow(const ItemPointerData& row);
  // Steps 5 and the deletions of 6. Returns the source keys to look at again.
  std::vector<std::vector<std::string>> Settle();

  ::Snapshot snapshot() const { return snapshot_.get(); }
  int64_t rows_read() const { return rows_read_; }
  int64_t rows_written() const { return static_cast<int64_t>(target_.rows().size()) - taken_back_; }
  int64_t rows_taken_back() const { return taken_back_; }
  int64_t bytes() const { return target_.bytes(); }
  int64_t heap_bytes() const { return target_.heap_bytes(); }

 private:
  enum class Standing { kCurrent, kSuperseded, kBusy };

  // For use inside kernels.
  void Consider(TupleTableSlot* row);
  static Standing Judge(HeapTupleHeader version);
  void Recheck(std::vector<size_t>* bad);

  bool Young(TransactionId xmin) const;
  std::vector<std::string> KeyOf(const ItemPointerData& row);

  const Plan& plan_;
  const BatchMode mode_;
  Failing* const failing_;
  pg::OpenRelation source_root_;
  pg::OpenRelation source_;
  Target target_;
  pg::Slot source_row_;
  link::CompiledMapping* mapping_;
  pg::RegisteredSnapshot snapshot_;
  std::vector<ItemPointerData> deferred_;
  // A unique index that the mapping violates, and a row that shows it.
  Oid violated_ = InvalidOid;
  int64_t rows_read_ = 0;
  int64_t taken_back_ = 0;
};

}  // namespace pg_cutover::copy
