// What refers to the live table by its OID, and has to refer to the mirror after the swap.
//
// Research: what a rename-swap loses (views, foreign keys, policies, grants, publications, ...). Each
// kind of object has a file dependents_<kind>.cpp with one function that adds to Dependents. They only
// read catalogs; the swap runs the statements. An object that cannot be carried over becomes a refusal
// that names it: the swap does not begin while there is one.
//
// Statements are whole, with every name qualified, and run under search_path "pg_catalog, pg_temp" in
// this order, all in the swap's transaction:
//   before   while both tables have their old names
//   (the tables change names: live becomes retired, mirror becomes live)
//   after    while the mirror has the live table's name
//
// and `later` each in a transaction of its own once the swap is committed and jobs may take their time.
#pragma once

#include <string>
#include <vector>

#include "catalog/swap_rows.hpp"
#include "swap/pair.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct Refusal {
  std::string object;  // "view public.totals"
  std::string reason;  // "it is a materialized view"
  std::string hint;
};

struct Dependents {
  std::vector<Refusal> refusals;
  // What is carried over, for migrate_preflight and migrate_explain: "view public.totals".
  std::vector<std::string> carried;
  // Relations that statements below change besides the pair: locked AccessExclusive in the order of
  // their OIDs before anything is changed.
  std::vector<Oid> lock;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::vector<std::string> later;
  // What exchanges its name, as of after the swap; `after` does it.
  std::vector<catalog::RenamedPair> renames;
};

// Views, rules and SQL-body functions that read the live table, whole trees of views included.
// Refused: materialized views, rules of other tables, views and functions that the current role does
// not own, anything that uses a column the mirror lacks, anything that uses the table's row type.
//
// `deparsed`: true in the swap, where the caller has, inside this transaction and under
// AccessExclusiveLock, given the live table's columns the mirror's names (see AlignColumnNames), so that
// PostgreSQL itself prints definitions with the new column names. False outside: no statements are
// made, only refusals, carried and lock.
void AddViews(const Pair& pair, bool deparsed, Dependents* dependents);
void AddFunctions(const Pair& pair, bool deparsed, Dependents* dependents);

// Foreign keys that reference the live table, from others and from itself: dropped, made again NOT
// VALID against the mirror, validated later (where they were valid). Outbound ones of the live table
// are dropped from it (what is retired must not be written to by cascades) and remembered, in
// `remember`, as deferred objects of the reverse direction; those of the mirror that are still to be
// built (deferred_object, kind foreign_key) are made NOT VALID, and validated later. User triggers that
// the mirror is still to get (kind trigger) are made.
void AddForeignKeys(const Pair& pair, Dependents* dependents,
                    std::vector<catalog::DeferredObject>* remember);

// Whatever else hangs on the table and cannot follow: reported by name.
void AddRefusals(const Pair& pair, Dependents* dependents);

// Owner, grants (of columns too), comments, row security with its policies, replica identity,
// publications, statistics targets, storage options, cluster mark: the mirror gets what the live table
// has. After the swap the retired table keeps its own.
void AddProperties(const Pair& pair, bool deparsed, Dependents* dependents);

// Sequences: identity and serial columns continue behind the highest value either table's sequence has
// reached, whichever way the swap goes; a sequence owned by a column of the live table becomes owned by
// the mirror's and as wide as its type. Raises nothing; setval is not transactional, which can only
// leave a gap.
void AddSequences(const Pair& pair, Dependents* dependents);

// Indexes (with their constraints), statistics objects and identity sequences whose names should go
// with the table's name. `renames` of the swap that is being reverted, or empty.
void AddNames(const Pair& pair, const std::vector<catalog::RenamedPair>& reverted,
              Dependents* dependents);

// All of the above.
Dependents FindDependents(const Pair& pair, bool deparsed,
                          const std::vector<catalog::RenamedPair>& reverted,
                          std::vector<catalog::DeferredObject>* remember);

// Statements that give the live table's columns the mirror's names, and those that take them back, in
// the same transaction. Columns that only the live table has keep theirs, or move out of the way.
struct Alignment {
  std::vector<std::string> align;
  std::vector<std::string> restore;
};
Alignment AlignColumnNames(const Pair& pair);

}  // namespace pg_cutover::swap
