// What the definitions of source and target promise about every row the source can hold.
//
// The trigger pays for safety only where something can go wrong: a subtransaction for a row that
// the target may reject, pinned settings for an expression that depends on them, a check of
// uniqueness that the source has not made already. Everything here errs towards paying.
#pragma once

#include "link/mapping.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct Guarantees {
  // The mapping cannot fail, and what it gives meets every NOT NULL, CHECK, domain and unique
  // constraint of the target: by its form, or because the source has the same constraint.
  bool rows_fit = false;
  // Nothing that is evaluated for a row runs a user's function or depends on a setting.
  bool fixed_meaning = false;
  // OIDs of the target's unique indexes, the key's among them, whose uniqueness follows from a
  // unique index of the source: a conflict there can only be one that this transaction is about to
  // resolve itself. In the current memory context.
  List* implied = NIL;
};

// `mapping` was compiled for these two relations, both open and locked. A target that is
// partitioned promises nothing: a row may find no partition.
Guarantees Examine(const CompiledMapping& mapping, ::Relation source, ::Relation target,
                   Oid key_index);

}  // namespace pg_cutover::link
