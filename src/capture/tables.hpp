// The tables of a link and our triggers on them, as the catalogs show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/capture_rows.hpp"
#include "pg/memory.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

// A table and everything below it: partitions of partitions too. No locks: lock the table first.
// Empty where it is gone.
std::vector<Oid> TreeOf(Oid table);
bool Exists(Oid relation);
// Not a parent of partitions.
bool StoresRows(Oid relation);
// "schema.table", or what is left to say of a table that is gone.
std::string NameOf(Oid relation);

struct TriggerFacts {
  Oid oid;
  Oid relation;
  TransactionId xmin;  // raw, of its row in pg_trigger
  char enabled;
};
std::optional<TriggerFacts> FindTrigger(Oid relation, const std::string& name);
std::optional<TriggerFacts> FindTrigger(Oid trigger);

// One number for the transactions that wrote the table's rows in pg_attribute.
int64_t ColumnXmins(Oid relation);

// A table as it is now, with those of the named triggers that it has. It must be locked.
catalog::CapturePart Describe(Oid relation, const std::vector<std::string>& triggers);

// Takes locks one after the other within one span of time, that of lock_timeout, so that nobody who
// queues behind the first of them waits longer than that. While it lives, this session is the first
// to look for a deadlock, and so its victim.
class LockSpan {
 public:
  LockSpan();
  ~LockSpan();
  LockSpan(const LockSpan&) = delete;
  LockSpan& operator=(const LockSpan&) = delete;

  // Raises lock_not_available.
  void Lock(Oid relation, LOCKMODE mode);
  // The table, then everything below it.
  void LockTree(Oid table, LOCKMODE mode);

 private:
  pg::UnwindProbe probe_;
  const int level_;
  const int timeout_ms_;  // 0: none
  const TimestampTz start_;
};

}  // namespace pg_cutover::capture
