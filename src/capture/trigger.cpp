// The trigger body; see trigger.hpp.
//
// AFTER ROW triggers fire at the end of the statement, after all its heap operations, and the
// images they carry may be stale by then: another trigger, a volatile function or a permutation of
// keys in one statement has changed the row again. So nothing is taken from the event but which
// keys to look at, and the target is made to hold what the source holds now:
//
//   OLD key (DELETE; UPDATE that changes the key in the target)
//       the source has a row with that source key, and it maps to the same target key: that row's
//       image otherwise: nothing
//   NEW key (INSERT, UPDATE)
//       this very version is still current: its image, or nothing where the filter leaves it out
//       otherwise: nothing to do, the event that superseded it looks after the key
//
// No firing order is needed, at any isolation level. What is written here fires no triggers, so
// that mirrors in both directions cannot chase each other.
#include <optional>

#include "capture/trigger.hpp"

#include "capture/reject.hpp"
#include "capture/source_row.hpp"
#include "capture/trigger_data.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// What is known about a row before the target is touched.
struct Side {
  TupleTableSlot* row = nullptr;
  bool passes = false;  // the filter
  Key key;
};

class Event {
 public:
  Event(Entry& entry, const TriggerData& data) : entry_(entry), data_(data) {}

  void Mirror() {
    pg::Call(Open, entry_.mirror);
    if (!entry_.owner)
      Contributed();
    else if (TRIGGER_FIRED_BY_INSERT(data_.tg_event))
      Inserted();
    else if (TRIGGER_FIRED_BY_DELETE(data_.tg_event))
      Removed(&old_, data_.tg_trigslot);
    else
      Updated();
    pg::Call(Close, entry_.mirror);
  }

 private:
  void Inserted() {
    new_.row = data_.tg_trigslot;
    Guarded(
        [&] {
          if (!Look(&new_) || !IsCurrent(data_.tg_relation, new_.row)) return;
          SetRow(entry_.mirror, new_.key, new_.row, Expect::kNothing, Unchanged{}, Carried{});
        },
        &new_.row);
    CompleteNew();
  }

  void CompleteNew() {
    if (entry_.siblings.empty() || !new_.passes) return;
    GuardedBody([&] { Complete(new_.key); }, &new_.row);
  }

  void Updated() {
    old_.row = data_.tg_trigslot;
    new_.row = data_.tg_newslot;
    if (!LookAtBoth() || (!old_.passes && !new_.passes)) return;
    bool moved = false;
    Guarded(
        [&] {
          moved = old_.passes != new_.passes || !SameKey(entry_.mirror, old_.key, new_.key);
          if (moved || !IsCurrent(data_.tg_relation, new_.row)) return;
          SetRow(entry_.mirror, new_.key, new_.row, Expect::kAnything, KnownOld(), Carried{});
        },
        &new_.row);
    if (!moved) return;
    Carried carried;
    if (old_.passes) Removed(&old_, old_.row, &carried);
    Guarded(
        [&] {
          if (!new_.passes || !IsCurrent(data_.tg_relation, new_.row)) return;
          SetRow(entry_.mirror, new_.key, new_.row, Expect::kAnything, Unchanged{}, carried);
        },
        &new_.row);
    CompleteNew();
  }

  // A row that cannot be mapped any more leaves its old key all the same, and one that could not be
  // comes in: each side is looked at by itself. False: neither can be.
  bool LookAtBoth() {
    if (!entry_.guarded) {
      pg::Section([&] {
        Look(&old_);
        Look(&new_);
      });
      return true;
    }
    const bool old_known = Guarded([&] { Look(&old_); }, &old_.row);
    const bool new_known = Guarded([&] { Look(&new_); }, &new_.row);
    return old_known || new_known;
  }

  // The source of some columns only: whoever owns the row makes and removes it.
  void Contributed() {
    const bool inserted = TRIGGER_FIRED_BY_INSERT(data_.tg_event);
    const bool deleted = TRIGGER_FIRED_BY_DELETE(data_.tg_event);
    old_.row = inserted ? nullptr : data_.tg_trigslot;
    new_.row = deleted ? nullptr : inserted ? data_.tg_trigslot : data_.tg_newslot;
    Guarded(
        [&] {
          if (old_.row != nullptr && Look(&old_)) {
            TupleTableSlot* const heir = FindByKeyOf(&entry_, data_.tg_relation, old_.row);
            const bool there = heir != nullptr && link::Passes(entry_.mapping, heir);
            SetColumns(entry_.mirror, old_.key, there ? heir : nullptr);
            if (heir != nullptr) ExecClearTuple(heir);
          }
          if (new_.row != nullptr && Look(&new_) && IsCurrent(data_.tg_relation, new_.row))
            SetColumns(entry_.mirror, new_.key, new_.row);
        },
        new_.row != nullptr ? &new_.row : &old_.row);
  }

  // Columns of the row under this key that other links fill. The row itself is written already: a
  // writer of the other source that does not see it is seen here.
  void Complete(const Key& key) {
    for (const catalog::LinkRow& contributor : entry_.siblings) {
      // Dropped by hand: the gates find out, the owner's writers go on.
      pg::Call(LockRelationOid, contributor.source, AccessShareLock);
      if (pg::Call(get_rel_relkind, contributor.source) == '\0') continue;
      const pg::OpenRelation source(contributor.source, NoLock);
      const Use sibling(contributor.id, source.get());
      if (sibling->idle) continue;
      std::optional<link::CanonicalSettings> settings;
      if (sibling->pinned) settings.emplace();
      Entry* const use = &*sibling;
      pg::Section([&] {
        Open(use->mirror);
        TupleTableSlot* const row = FindForTarget(use, source.get(), key);
        const bool there = row != nullptr && link::Passes(use->mapping, row);
        SetColumns(use->mirror, key, there ? row : nullptr);
        if (row != nullptr) ExecClearTuple(row);
        Close(use->mirror);
      });
    }
  }

  // A row has left its key: another one may have come there.
  void Removed(Side* side, TupleTableSlot* row, Carried* carried = nullptr) {
    side->row = row;
    TupleTableSlot* heir = nullptr;
    Guarded(
        [&] {
          if (!Look(side)) return;
          heir = FindByKeyOf(&entry_, data_.tg_relation, row);
          if (heir != nullptr) {
            Side there;
            there.row = heir;
            if (Look(&there) && SameKey(entry_.mirror, there.key, side->key)) {
              SetRow(entry_.mirror, there.key, heir, Expect::kAnything, Unchanged{}, Carried{});
              ExecClearTuple(heir);
              return;
            }
            ExecClearTuple(heir);
          }
          SetNone(entry_.mirror, side->key, carried);
        },
        &heir);
  }

  // Filter and key; false where the filter leaves the row out. In a kernel.
  bool Look(Side* side) {
    side->passes = false;
    if (!link::Passes(entry_.mapping, side->row)) return false;
    KeyOf(*entry_.mirror, side->row, &side->key);
    side->passes = true;
    return true;
  }

  // The target's row mirrors OLD for certain where OLD is another transaction's: nothing of this
  // transaction has touched the row before this very update.
  Unchanged KnownOld() const {
    const HeapTuple old = reinterpret_cast<BufferHeapTupleTableSlot*>(old_.row)->base.tuple;
    if (!HeapTupleHasExternal(old) ||
        TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(old->t_data)))
      return {};
    return {old_.row, new_.row};
  }

  // Runs a kernel. Where the target may reject a row, in a subtransaction: a rejection is noted
  // under the source key of *row, and the statement goes on. False: it was rejected.
  template <class Kernel>
  bool Guarded(Kernel&& kernel, TupleTableSlot* const* row) {
    return GuardedBody([&] { pg::Section(kernel); }, row);
  }
  template <class Body>
  bool GuardedBody(Body&& body, TupleTableSlot* const* row) {
    if (!entry_.guarded) {
      body();
      return true;
    }
    const std::optional<pg::Error> failure = pg::TryInSubtransaction(body);
    if (!failure) return true;
    RequireRejection(*failure);
    Abandon(entry_.mirror->plain.found);
    Abandon(entry_.source_found);
    Note(entry_.link, entry_.root, SourceKey(*row), *failure);
    return false;
  }

  std::vector<std::string> SourceKey(TupleTableSlot* row) {
    std::vector<std::string> key;
    if (row == nullptr || row == entry_.source_found) row = data_.tg_trigslot;
    for (int i = 0; i < entry_.mapping->source_key_columns; ++i) {
      const AttrNumber column = entry_.mapping->source_key[i];
      bool null = false;
      const Datum value = pg::Section([&] { return slot_getattr(row, column, &null); });
      const Oid type = TupleDescAttr(row->tts_tupleDescriptor, column - 1)->atttypid;
      key.push_back(null ? std::string() : pg::OutputText(type, value));
    }
    return key;
  }

  Entry& entry_;
  const TriggerData& data_;
  Side old_;
  Side new_;
};

}  // namespace

void CaptureRow(FunctionCallInfo call) {
  const TriggerData& data = DataOf(call);
  if (!TRIGGER_FIRED_AFTER(data.tg_event) || !TRIGGER_FIRED_FOR_ROW(data.tg_event))
    pg::Raise(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
              "migrate.capture() is for triggers AFTER ... FOR EACH ROW");
  const Use entry(LinkOf(data), data.tg_relation);
  if (entry->idle) return;
  const pg::ErrorContext context = ContextOf(*entry);
  // As referential integrity's own triggers do: with the rights of the table that is written to.
  const pg::UserScope as_owner(entry->role, SECURITY_NOFORCE_RLS);
  std::optional<link::CanonicalSettings> settings;
  if (entry->pinned) settings.emplace();
  Event(*entry, data).Mirror();
}

}  // namespace pg_cutover::capture
