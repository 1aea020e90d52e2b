// Resources of a transaction as C++ objects.
//
// Each takes its resource in the constructor and gives it back in Close() or the destructor. While
// an exception unwinds, the destructors do nothing: the abort of the transaction releases
// everything, and a second release would be the bug.
#pragma once

#include <string>

#include "pg/memory.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// Gives a resource back outside unwinding. An error in a release is a broken server, not something
// to recover from: it is reported as a WARNING.
template <class Release>
void ReleaseQuietly(const UnwindProbe& probe, Release&& release) noexcept {
  if (probe.Unwinding()) return;
  const InterruptState interrupts;
  try {
    Section(release);
  } catch (const PgError&) {
    interrupts.Restore();
    WarnNoError(TakeError());
  }
}

// An open relation of any kind. Locks: takes `lock`, and keeps it until the end of the transaction,
// as definitions read under it must stay true.
class OpenRelation {
 public:
  // Raises undefined_table if the relation is gone.
  OpenRelation(Oid relation, LOCKMODE lock) : relation_(Call(try_relation_open, relation, lock)) {
    if (relation_ == nullptr)
      Raise(ERRCODE_UNDEFINED_TABLE,
            "relation with OID " + std::to_string(relation) + " does not exist any more");
  }
  ~OpenRelation() {
    if (relation_ != nullptr) ReleaseQuietly(probe_, [this] { relation_close(relation_, NoLock); });
  }
  OpenRelation(OpenRelation&& other) noexcept : relation_(other.relation_) {
    other.relation_ = nullptr;
  }
  OpenRelation(const OpenRelation&) = delete;
  OpenRelation& operator=(const OpenRelation&) = delete;
  OpenRelation& operator=(OpenRelation&&) = delete;

  ::Relation get() const { return relation_; }
  ::Relation operator->() const { return relation_; }
  TupleDesc descriptor() const { return RelationGetDescr(relation_); }

 private:
  UnwindProbe probe_;
  ::Relation relation_;
};

// A snapshot registered with the current resource owner: it holds back pruning until released.
class RegisteredSnapshot {
 public:
  RegisteredSnapshot() : snapshot_(Section([] { return RegisterSnapshot(GetLatestSnapshot()); })) {}
  ~RegisteredSnapshot() { Release(); }
  RegisteredSnapshot(const RegisteredSnapshot&) = delete;
  RegisteredSnapshot& operator=(const RegisteredSnapshot&) = delete;

  ::Snapshot get() const { return snapshot_; }
  void Release() {
    if (snapshot_ == nullptr) return;
    ReleaseQuietly(probe_, [this] { UnregisterSnapshot(snapshot_); });
    snapshot_ = nullptr;
  }

 private:
  UnwindProbe probe_;
  ::Snapshot snapshot_;
};

// The active snapshot that SQL and expression evaluation need.
class ActiveSnapshot {
 public:
  ActiveSnapshot() {
    Section([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  }
  ~ActiveSnapshot() {
    ReleaseQuietly(probe_, [] { PopActiveSnapshot(); });
  }
  ActiveSnapshot(const ActiveSnapshot&) = delete;
  ActiveSnapshot& operator=(const ActiveSnapshot&) = delete;

 private:
  UnwindProbe probe_;
};

// The active snapshot of this instant, at any isolation level: what others have committed counts,
// whenever this transaction's own snapshot was taken.
class LatestSnapshot {
 public:
  LatestSnapshot() {
    Section([] { PushActiveSnapshot(GetLatestSnapshot()); });
  }
  ~LatestSnapshot() {
    ReleaseQuietly(probe_, [] { PopActiveSnapshot(); });
  }
  LatestSnapshot(const LatestSnapshot&) = delete;
  LatestSnapshot& operator=(const LatestSnapshot&) = delete;

 private:
  UnwindProbe probe_;
};

// A slot that no executor state owns.
class Slot {
 public:
  Slot(TupleDesc descriptor, const TupleTableSlotOps* operations)
      : slot_(Call(MakeSingleTupleTableSlot, descriptor, operations)) {}
  ~Slot() {
    if (slot_ != nullptr) ReleaseQuietly(probe_, [this] { ExecDropSingleTupleTableSlot(slot_); });
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  TupleTableSlot* get() const { return slot_; }

 private:
  UnwindProbe probe_;
  TupleTableSlot* slot_;
};

// Settings changed for a block, as a function's SET clause does it: back at the end, and by the
// abort. Others that were changed meanwhile are put back as well: the code of a table's owner may
// have run, and is not to leave a search_path behind in the session of whoever called us.
class GucScope {
 public:
  GucScope() : level_(NewGUCNestLevel()) {}
  ~GucScope() {
    ReleaseQuietly(probe_, [this] { AtEOXact_GUC(false, level_); });
  }
  GucScope(const GucScope&) = delete;
  GucScope& operator=(const GucScope&) = delete;

  // The ways to read a table by one of its indexes: "on" or "off".
  void SetIndexScans(const char* value) {
    for (const char* const name : {"enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"})
      Set(name, value);
  }

  // Both must be plain text; the value is copied by PostgreSQL.
  void Set(const char* name, const char* value) {
    Section([=] {
      (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                              false);
    });
  }

 private:
  UnwindProbe probe_;
  const int level_;
};

// Acts as another role for a block, the way PostgreSQL's own referential-integrity triggers do: the
// local change cannot be kept by SET ROLE inside, and it ends with the block whatever happens.
class UserScope {
 public:
  UserScope(Oid role, int extra_flags) {
    GetUserIdAndSecContext(&saved_role_, &saved_flags_);
    SetUserIdAndSecContext(role, saved_flags_ | SECURITY_LOCAL_USERID_CHANGE | extra_flags);
  }
  ~UserScope() { SetUserIdAndSecContext(saved_role_, saved_flags_); }
  UserScope(const UserScope&) = delete;
  UserScope& operator=(const UserScope&) = delete;

 private:
  Oid saved_role_ = InvalidOid;
  int saved_flags_ = 0;
};

}  // namespace pg_cutover::pg
