// Objects that a target gets after the copy: how they are remembered and how they are built.
//
// One row of migrate.deferred_object is one object, in the order in which they are to be built:
//
//   kIndex       definition: CREATE [UNIQUE] INDEX name ON target ..., without CONCURRENTLY
//   kConstraint  a UNIQUE or PRIMARY KEY constraint: definition is the CREATE UNIQUE INDEX of
//                index_name; constraint_clause is what follows ADD CONSTRAINT name ("UNIQUE USING
//                INDEX i DEFERRABLE"). An EXCLUDE constraint: index_name is absent, definition is
//                what follows ADD CONSTRAINT name; it cannot be built concurrently.
//   kForeignKey  definition is what follows ADD CONSTRAINT name, without NOT VALID; it ends with
//                NOT VALID where the original is not validated, and then stays so.
//   kTrigger     definition: CREATE TRIGGER ... ON target ...
//
// `afterwards` are statements to run once the object exists: comments, statistics targets, the
// cluster mark, a trigger's firing state. Names in all texts are qualified: they mean the same
// under any search_path that has pg_catalog first; run them under "pg_catalog, pg_temp".
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// The statements that build the object, in order. With `concurrently` an index is built by CREATE
// INDEX CONCURRENTLY, which must run alone at top level; every other statement may run in a
// transaction of its own.
std::vector<std::string> BuildStatements(const catalog::LinkRow& link,
                                         const catalog::DeferredObject& object, bool concurrently);

// True for a statement that must run outside a transaction block.
bool RunsAlone(const std::string& statement);

enum class BuildState {
  kAbsent,   // nothing is there: run all statements
  kInvalid,  // a broken index is left from an interrupted concurrent build: it must be dropped
             // first
  kHalf,   // the first statement is done: a constraint's index is there and valid, a foreign key is
           // there and not validated
  kBuilt,  // the object is there; some of `afterwards` may be missing: they can be repeated
};

// How far an interrupted build of this object has come. Reads catalogs only.
BuildState StateOf(const catalog::LinkRow& link, const catalog::DeferredObject& object);

// The statements that are left to run in the state that the object is in now, the drop of an
// invalid index included.
std::vector<std::string> RemainingStatements(const catalog::LinkRow& link,
                                             const catalog::DeferredObject& object,
                                             bool concurrently);

// For an EMPTY plain target, in the current transaction, before a copy: remembers in
// migrate.deferred_object (from_target) and drops every index but the key's, every unique
// constraint and outbound foreign key. What cannot be taken off stays: indexes that other objects
// depend on (another table's foreign key, a view), exclusion constraints, the replica identity,
// invalid indexes. Partitioned targets keep everything. The caller holds AccessExclusiveLock on the
// target; dropping a foreign key takes AccessExclusiveLock on the table it references.
void TakeOffObjects(const catalog::LinkRow& link);

// For migrate_unlink: builds all pending from_target objects in the current transaction, not
// concurrently. Takes the locks that CREATE INDEX and ADD CONSTRAINT take.
void PutBack(const catalog::LinkRow& link);

}  // namespace pg_cutover::link
