// What this backend knows about the links it writes through; see cache.hpp.
#include <algorithm>
#include <list>

#include "capture/build.hpp"
#include "capture/cache.hpp"
#include "capture/trigger.hpp"
#include "pg/call.hpp"

namespace pg_cutover::capture {

namespace {

// Made at the first use: nothing allocates when the library is loaded.
std::list<Entry>& Entries() {
  static auto* const entries = new std::list<Entry>();
  return *entries;
}

void Free(Entry* entry) {
  if (entry->context != nullptr) MemoryContextDelete(entry->context);
  Entries().remove_if([=](const Entry& candidate) { return &candidate == entry; });
}

Entry* FindIdleEntry(int64_t link, Oid source) {
  std::list<Entry>& entries = Entries();
  for (auto entry = entries.begin(); entry != entries.end();) {
    const auto current = entry++;
    if (current->busy) continue;
    if (current->stale || !current->made) {
      Free(&*current);
      continue;
    }
    if (current->link == link && current->source == source) return &*current;
  }
  return nullptr;
}

// Making an entry may run a user's function (a default that is computed beforehand), which may
// write to a table of ours: the entry must not be freed under it.
class Making {
 public:
  explicit Making(Entry* entry) : entry_(entry) { entry_->busy = true; }
  ~Making() { entry_->busy = false; }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;

 private:
  Entry* const entry_;
};

// All may come at any time a lock is taken or a catalog is read: they only mark.
void RelationChanged(Datum, Oid relation) {
  for (Entry& entry : Entries())
    if (!OidIsValid(relation) ||
        std::find(entry.watched.begin(), entry.watched.end(), relation) != entry.watched.end())
      entry.stale = true;
}

void DefinitionChanged(Datum, int, uint32) {
  ForgetAll();
}

}  // namespace

void ForgetAll() {
  for (Entry& entry : Entries())
    entry.stale = true;
}

void RegisterCallbacks() {
  pg::Section([] {
    CacheRegisterRelcacheCallback(RelationChanged, Datum{0});
    // A mapping's functions may have been inlined.
    CacheRegisterSyscacheCallback(PROCOID, DefinitionChanged, Datum{0});
    // So have the constraints of domains.
    CacheRegisterSyscacheCallback(CONSTROID, DefinitionChanged, Datum{0});
  });
}

Use::Use(int64_t link, ::Relation relation) : entry_(nullptr) {
  const Oid source = RelationGetRelid(relation);
  for (;;) {
    entry_ = FindIdleEntry(link, source);
    if (entry_ == nullptr) {
      entry_ = &Entries().emplace_back();
      entry_->link = link;
      entry_->source = source;
      {
        const Making making(entry_);
        Build(entry_, relation);
      }
      entry_->made = true;
    }
    entry_->busy = true;
    // Taking the locks makes us hear of changes.
    if (!entry_->idle) pg::Call(Lock, entry_->mirror);
    if (!entry_->stale) return;
    entry_->busy = false;
  }
}

Use::~Use() {
  // Slots believe to hold pins that the abort has released: the entry is not used again.
  if (probe_.Unwinding()) entry_->stale = true;
  entry_->busy = false;
}

}  // namespace pg_cutover::capture
