// Growing a heap by many blocks at once.
#pragma once

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// For use inside Section kernels. Appends `blocks` empty, initialised blocks and offers them through
// the free space map. Where several workers fill one heap, one block at a time makes them queue for
// the extension lock; PostgreSQL 15 helps only once there is a queue. Locks: the relation's extension
// lock, for some microseconds a block. Blocks that stay unused are found by later inserts.
void ExtendHeap(::Relation heap, BlockNumber blocks);

}  // namespace pg_cutover::pg
