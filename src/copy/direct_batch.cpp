// One batch of the direct method; the protocol is in direct_batch.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "copy/direct_batch.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

DirectBatch::DirectBatch(const Plan& plan, const catalog::JobPart& leaf, BatchMode mode,
                         Failing* failing)
    : plan_(plan),
      mode_(mode),
      failing_(failing),
      source_root_(plan.link.source, AccessShareLock),
      source_(leaf.relation, AccessShareLock),
      target_(plan.link.target, mode.one_by_one,
              mode.report_duplicates  ? Duplicates::kRaise
              : mode.report_committed ? Duplicates::kNote
                                      : Duplicates::kTakeBack),
      source_row_(source_.descriptor(), table_slot_callbacks(source_.get())),
      mapping_(link::Compile(plan.link, target_.estate(), source_.get(), target_.root())) {
  failing_->relation = leaf.relation;
  ItemPointerSetInvalid(&failing_->row);
  CheckUnchanged(plan_, leaf, source_.get());
  CheckGuards(plan_);
}

bool DirectBatch::Young(TransactionId xmin) const {
  // Frozen versions are old whatever their raw xmin says. The 32-bit comparison can err only
  // towards copying, which a conflict turns into nothing.
  return TransactionIdIsNormal(xmin) && !TransactionIdPrecedes(xmin, plan_.boundary);
}

DirectBatch::Standing DirectBatch::Judge(HeapTupleHeader version) {
  const uint16 infomask = version->t_infomask;
  if ((infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(infomask))
    return Standing::kCurrent;
  const TransactionId writer = HeapTupleHeaderGetUpdateXid(version);
  if (!TransactionIdIsValid(writer)) return Standing::kCurrent;
  // In this order: a transaction leaves the process array after it is marked committed.
  if (TransactionIdIsInProgress(writer)) return Standing::kBusy;
  return TransactionIdDidCommit(writer) ? Standing::kSuperseded : Standing::kCurrent;
}

void DirectBatch::Consider(TupleTableSlot* row) {
  const HeapTuple version = reinterpret_cast<BufferHeapTupleTableSlot*>(row)->base.tuple;
  const TransactionId xmin = HeapTupleHeaderXminFrozen(version->t_data)
                                 ? FrozenTransactionId
                                 : HeapTupleHeaderGetRawXmin(version->t_data);
  const bool young = Young(xmin);
  if (plan_.synced && young) return;
  target_.SetAt(row->tts_tid);
  failing_->row = row->tts_tid;
  ResetExprContext(mapping_->context);
  if (!link::Passes(mapping_, row)) return;
  ++rows_read_;
  Standing standing = Standing::kCurrent;
  if ((version->t_data->t_infomask & HEAP_XMAX_INVALID) == 0) {
    // The scan holds a pin only: xmax and the flags that say what it means change together under
    // the lock.
    const Buffer buffer = reinterpret_cast<BufferHeapTupleTableSlot*>(row)->buffer;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    standing = Judge(version->t_data);
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
  }
  if (standing != Standing::kCurrent) {
    // Nobody mirrors the newer version of a source that is not kept in step: look for it by its
    // key.
    if (standing == Standing::kBusy || !plan_.synced) deferred_.push_back(row->tts_tid);
    return;
  }
  CopiedRow origin{};
  origin.source = row->tts_tid;
  origin.source_xmin = HeapTupleHeaderGetRawXmin(version->t_data);
  target_.Add(mapping_->identical ? row : link::Project(mapping_, row), origin);
}

void DirectBatch::Reserve(int64_t bytes) {
  pg::Section([&] { target_.Reserve(bytes); });
}

void DirectBatch::CopyBlocks(BlockNumber first, BlockNumber count) {
  pg::DebugPoint("copy_before_insert");
  try {
    pg::Section([&] {
      // VACUUM may have cut empty blocks off the end since the extent was fixed; our lock keeps it
      // from doing so now. A scan that begins or goes beyond the end would wrap or fail.
      const BlockNumber size = RelationGetNumberOfBlocks(source_.get());
      if (first >= size) return;
      // No synchronised scan: it would start where another scan is.
      const TableScanDesc scan =
          table_beginscan_strat(source_.get(), snapshot_.get(), 0, nullptr, true, false);
      heap_setscanlimits(scan, first, std::min(count, size - first));
      while (table_scan_getnextslot(scan, ForwardScanDirection, source_row_.get())) {
        CHECK_FOR_INTERRUPTS();
        Consider(source_row_.get());
      }
      table_endscan(scan);
      ExecClearTuple(source_row_.get());
      target_.FlushAll();
    });
  } catch (const pg::PgError&) {
    failing_->row = target_.at();
    throw;
  }
  pg::DebugPoint("copy_after_insert");
}

bool DirectBatch::CopyRow(const ItemPointerData& position) {
  ItemPointerData tid = position;
  const size_t already_deferred = deferred_.size();
  Target::Found found{Target::Presence::kAbsent, InvalidTransactionId};
  bool moved = false;
  pg::Section([&] {
    failing_->row = tid;
    TupleTableSlot* const row = source_row_.get();
    // Superseded since it was looked up.
    moved = !table_tuple_fetch_row_version(source_.get(), &tid, snapshot_.get(), row);
    if (moved) return;
    const HeapTuple version = reinterpret_cast<BufferHeapTupleTableSlot*>(row)->base.tuple;
    ResetExprContext(mapping_->context);
    if (!link::Passes(mapping_, row)) return;
    found = target_.Probe(mapping_->identical ? row : link::Project(mapping_, row),
                          mapping_->target_key, mapping_->key_columns);
    // A version that was written since the copy began may stand in the target already, in an
    // earlier form: if this job wrote it. Any other row with its key is a duplicate.
    const bool copied_before = !plan_.synced && Young(HeapTupleHeaderGetXmin(version->t_data)) &&
                               !TransactionIdPrecedes(found.xmin, plan_.start);
    const bool due = found.presence == Target::Presence::kAbsent ||
                     (found.presence == Target::Presence::kLive && !plan_.synced && !copied_before);
    if (due) Consider(row);
    ExecClearTuple(row);
    target_.FlushAll();
  });
  if (moved || found.presence == Target::Presence::kInProgress) return false;
  const bool busy = deferred_.size() > already_deferred;
  deferred_.resize(already_deferred);
  return !busy;
}

void DirectBatch::Recheck(std::vector<size_t>* bad) {
  const std::vector<CopiedRow>& rows = target_.rows();
  for (size_t next = 0; next < rows.size();) {
    const BlockNumber block = ItemPointerGetBlockNumber(&rows[next].source);
    const Buffer buffer = ReadBuffer(source_.get(), block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    const Page page = BufferGetPage(buffer);
    for (; next < rows.size() && ItemPointerGetBlockNumber(&rows[next].source) == block; ++next) {
      const CopiedRow& row = rows[next];
      const ItemId item = PageGetItemId(page, ItemPointerGetOffsetNumber(&row.source));
      bool defer = true;
      bool keep = false;
      if (ItemIdIsNormal(item)) {
        auto* const version = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
        const Standing standing = Judge(version);
        const bool same = HeapTupleHeaderGetRawXmin(version) == row.source_xmin;
        keep = same && standing == Standing::kCurrent && !row.conflict;
        // Both rows were there at one time: that of the other key when this one was inserted, and
        // this one before and after.
        if (same && standing == Standing::kCurrent && OidIsValid(row.duplicate_in)) {
          violated_ = row.duplicate_in;
          failing_->row = row.source;
        }
        // Superseded for good: the trigger mirrored what became of it. Without a trigger, and for a
        // conflict, the key is looked at again.
        defer = !(same && standing == Standing::kSuperseded && plan_.synced);
      }
      if (keep) continue;
      bad->push_back(next);
      if (defer) deferred_.push_back(row.source);
    }
    UnlockReleaseBuffer(buffer);
    CHECK_FOR_INTERRUPTS();
  }
}

std::vector<std::vector<std::string>> DirectBatch::Settle() {
  std::vector<size_t> bad;
  bad.reserve(64);
  pg::Section([&] { Recheck(&bad); });
  if (OidIsValid(violated_))
    pg::Raise(ERRCODE_UNIQUE_VIOLATION,
              fmt::format("duplicate key value violates unique constraint \"{}\"",
                          pg::RelationName(violated_)));
  taken_back_ = static_cast<int64_t>(bad.size());
  pg::DebugPoint("copy_after_recheck");
  std::vector<std::vector<std::string>> keys;
  keys.reserve(deferred_.size());
  for (const ItemPointerData& row : deferred_)
    keys.push_back(KeyOf(row));
  snapshot_.Release();
  pg::Section([&] {
    // Our own rows are invisible to our own command until then.
    CommandCounterIncrement();
    for (const size_t index : bad)
      target_.TakeBack(target_.rows()[index]);
  });
  return keys;
}

std::vector<std::string> DirectBatch::KeyOf(const ItemPointerData& position) {
  ItemPointerData tid = position;
  const bool found = pg::Section([&] {
    return table_tuple_fetch_row_version(source_.get(), &tid, snapshot_.get(), source_row_.get());
  });
  if (!found)
    pg::Raise(ERRCODE_INTERNAL_ERROR, "a copied row version vanished under its snapshot",
              fmt::format("Relation {}.", pg::QualifiedName(RelationGetRelid(source_.get()))));
  std::vector<std::string> key;
  for (int i = 0; i < mapping_->source_key_columns; ++i) {
    const AttrNumber column = mapping_->source_key[i];
    bool null = false;
    const Datum value = pg::Section([&] { return slot_getattr(source_row_.get(), column, &null); });
    const Oid type = TupleDescAttr(source_.descriptor(), column - 1)->atttypid;
    key.push_back(pg::OutputText(type, value));
  }
  pg::Section([&] { ExecClearTuple(source_row_.get()); });
  return key;
}

}  // namespace pg_cutover::copy
