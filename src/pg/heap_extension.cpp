// Growing a heap by many blocks at once; see heap_extension.hpp. After RelationAddExtraBlocks of
// PostgreSQL 15 (src/backend/access/heap/hio.c).
#include "pg/heap_extension.hpp"

namespace pg_cutover::pg {

void ExtendHeap(::Relation heap, BlockNumber blocks) {
  if (blocks == 0) return;
  BlockNumber first = InvalidBlockNumber;
  BlockNumber last = InvalidBlockNumber;
  // The ring keeps these writes from evicting what others need.
  const BufferAccessStrategy ring = GetAccessStrategy(BAS_BULKWRITE);
  LockRelationForExtension(heap, ExclusiveLock);
  for (BlockNumber i = 0; i < blocks; ++i) {
    const Buffer buffer = ReadBufferExtended(heap, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, ring);
    const Page page = BufferGetPage(buffer);
    PageInit(page, BufferGetPageSize(buffer), 0);
    MarkBufferDirty(buffer);
    last = BufferGetBlockNumber(buffer);
    if (first == InvalidBlockNumber) first = last;
    const Size space = BufferGetPageSize(buffer) - SizeOfPageHeaderData;
    UnlockReleaseBuffer(buffer);
    RecordPageWithFreeSpace(heap, last, space);
  }
  UnlockRelationForExtension(heap, ExclusiveLock);
  // Makes them visible to searches from the root of the map.
  FreeSpaceMapVacuumRange(heap, first, last + 1);
  FreeAccessStrategy(ring);
}

}  // namespace pg_cutover::pg
