// What a copy is bound to: the link, the leaves of the source as they were when it began, and the
// transaction id that separates old row versions from those written since.
//
// The leaves are laid end to end into one space of block numbers, so that one multirange a worker is
// the whole cursor. Parts below zero are not scanned: they guard the definition of the source's and
// the target's roots and of the target's leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/block_ranges.hpp"

#include "catalog/job_rows.hpp"
#include "catalog/link_rows.hpp"
#include "pg/pg.hpp"

namespace pg_cutover::copy {

struct Plan {
  int64_t job = 0;
  catalog::LinkRow link;
  // As they were called when the worker started: for messages about tables that may be gone.
  std::string source_name;
  std::string target_name;
  std::vector<catalog::JobPart> parts;   // source leaves, in block order; some may be empty
  std::vector<catalog::JobPart> guards;  // part < 0
  // Row versions whose xmin does not precede it may have been written after the copy began.
  TransactionId boundary = InvalidTransactionId;
  // Rows of the target whose xmin precedes it were not written by this job.
  TransactionId start = InvalidTransactionId;
  // True: a trigger mirrors what was written since; false: nobody does.
  bool synced = false;
  int64_t total_blocks = 0;

  const catalog::JobPart& PartAt(int64_t block) const;
  // The first block of every leaf: a batch never spans two.
  std::vector<int64_t> Boundaries() const;
};

// Both need a transaction and raise object_not_in_prerequisite_state where the link is gone.
catalog::LinkRow LinkOf(const catalog::JobRow& job);
Plan LoadPlan(const catalog::JobRow& job);

// Fixes the extent of a copy by the direct method: parts, boundary, totals. In the caller's
// transaction. `captured_since`: the boundary of dual-write; nullopt without it. Locks: AccessShareLock
// on the source and its leaves.
void FixExtent(const catalog::JobRow& job, const catalog::LinkRow& link,
               std::optional<uint64_t> captured_since);

// The sql method has no blocks to count: rows only, as the planner estimates them.
void FixRowEstimate(const catalog::JobRow& job, const catalog::LinkRow& link);

// Raises object_not_in_prerequisite_state when the relation is no longer what the plan saw: rewritten,
// truncated, altered, or with other partitions; or when dual-write, where the plan counts on it, is no
// longer intact. Call under a lock on the relation.
void CheckUnchanged(const Plan& plan, const catalog::JobPart& part, ::Relation relation);
void CheckGuards(const Plan& plan);
// Raises undefined_table, by name, when the source or the target was dropped.
void RequirePresent(const Plan& plan);

// The leaves of a table that store rows, the table itself where it is not partitioned; locked.
std::vector<Oid> Leaves(Oid relation, LOCKMODE lock);

}  // namespace pg_cutover::copy
