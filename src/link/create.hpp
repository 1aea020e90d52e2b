// Making and removing links: everything is validated when a link is made, as the caller, so that a
// mistake is reported then and not by a worker an hour later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "link/columns.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct Request {
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  // jsonb, or 0: none given.
  Datum columns = 0;
  std::optional<std::string> filter = {};
  std::optional<std::vector<std::string>> key = {};
  bool owner = true;
  std::optional<std::string> migration = {};
  // Sources that can be copied once but not kept in step (views, foreign tables, unlogged tables,
  // single partitions, ...) get LinkRow::sync_refusal instead of an error.
  bool allow_unsyncable = false;
  bool created_target = false;
  // What unnamed target columns come from; nullopt: from the source column of the same name.
  std::optional<std::vector<InheritedColumn>> inherited = {};
};

// Validates, inserts the link, records the event, returns the id. Takes AccessShareLock on both
// relations and keeps it until the end of the transaction.
int64_t Create(const Request& request);

// What Create would insert, validated, without inserting anything.
catalog::LinkRow Draft(const Request& request);

// The existing link when it was made with the same columns, filter and key, or when none are given;
// Create when there is none. Raises duplicate_object when different ones are given, and
// wrong_object_type when the link cannot be kept in step and allow_unsyncable is false.
int64_t FindOrCreate(const Request& request);

// The link, where the current role may remove it, or turn its dual-write off, and no unfinished job
// works on it. Raises undefined_object, insufficient_privilege, object_in_use. A table may be gone.
catalog::LinkRow RequireUnlinkable(Oid source, Oid target);

// Removes the link, which must not be kept in step any more (capture is above this layer: its
// caller turns that off first), and gives the target back what a copy had taken off it. Raises
// object_in_use while an unfinished job works on it, undefined_object when there is no such link.
void Unlink(Oid source, Oid target);

// Deletes the link's row, and cancels its failed jobs, which could never go on without it. The
// tables are left as they are.
void Forget(int64_t link);

}  // namespace pg_cutover::link
