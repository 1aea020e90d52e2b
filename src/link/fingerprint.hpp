// One number for a table's definition, to notice between two batches that it was altered.
#pragma once

#include <cstdint>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Of everything that a mapping or a heap tuple depends on: the columns in order with name, type,
// type modifier, collation, NOT NULL, generated, identity, default present, dropped, physical
// layout; the kind of relation and its access method. ANALYZE, statistics targets, storage options
// and grants do not change it. Reads the relation cache only, so it is cheap enough for every
// batch. The relation is open and locked.
int64_t TableFingerprint(::Relation relation);

// The same, and for a partitioned table which partitions it has: one attached later was not looked at.
int64_t TreeFingerprint(::Relation relation);

}  // namespace pg_cutover::link
