// What this backend knows about the links that its statements write through.
//
// One entry for each link and table that rows come from. An entry lives until something it was made
// from changes (the relation cache tells), and is never freed while it is in use: a mapping may
// call a function that writes to the source again. Such a nested use gets an entry of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/mirror.hpp"
#include "capture/reject.hpp"
#include "catalog/capture_rows.hpp"
#include "pg/error_context.hpp"
#include "pg/memory.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::capture {

struct Entry {
  int64_t link = 0;
  Oid root = InvalidOid;     // the link's source
  Oid source = InvalidOid;   // the table that rows come from
  std::vector<Oid> watched;  // a change to one of these makes the entry stale
  MemoryContext context = nullptr;
  bool made = false;  // false: making it has failed
  bool stale = false;
  bool busy = false;
  // Nothing is mirrored: the link is gone or suspended, or its target was dropped.
  bool idle = true;
  catalog::RejectPolicy policy = catalog::RejectPolicy::kSuspend;
  Oid role = InvalidOid;  // the target's owner, whose rights the mirror's writes have
  bool owner = true;      // of the target's rows; false: it fills some of their columns
  // Links that fill columns of the rows that this one owns.
  std::vector<catalog::LinkRow> siblings;
  // For errors that writing to the target raises: what was being done and, where the statement
  // fails over it, what to do. No catalog can be read while an error is raised.
  std::string doing;
  std::string what_to_do;
  bool alone = false;    // see catalog::Mirrored
  bool guarded = false;  // a row may be rejected, and the statement is to succeed all the same
  bool pinned = false;   // what is evaluated depends on settings
  link::CompiledMapping* mapping = nullptr;
  Mirror* mirror = nullptr;
  // The source's own key, to look rows up by.
  Oid source_index = InvalidOid;
  ScanKeyData source_probe[INDEX_MAX_KEYS];
  TupleTableSlot* source_found = nullptr;
};

// While a row of the entry's source is mirrored.
inline pg::ErrorContext ContextOf(const Entry& entry) {
  return {entry.doing.c_str(), entry.what_to_do.empty() ? nullptr : entry.what_to_do.c_str(),
          IsRejection};
}

// One use of an entry, made where there is none. `relation` is open; it is the link's source or a
// leaf of it.
class Use {
 public:
  Use(int64_t link, ::Relation relation);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  Entry& operator*() const { return *entry_; }
  Entry* operator->() const { return entry_; }

 private:
  pg::UnwindProbe probe_;
  Entry* entry_;
};

// Every entry is made anew at its next use.
void ForgetAll();
void RegisterCallbacks();

}  // namespace pg_cutover::capture
