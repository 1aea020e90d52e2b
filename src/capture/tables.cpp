// The tables of a link and our triggers on them; see tables.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "capture/tables.hpp"
#include "catalog/table_names.hpp"
#include "link/fingerprint.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

// Fits one tuple of pg_trigger.
struct MaybeTrigger {
  bool found;
  TriggerFacts facts;
};

// For use inside a Section.
MaybeTrigger ReadTrigger(Oid index, ScanKeyData* keys, int count) {
  MaybeTrigger result = {};
  const ::Relation triggers = table_open(TriggerRelationId, AccessShareLock);
  const SysScanDesc scan = systable_beginscan(triggers, index, true, nullptr, count, keys);
  const HeapTuple tuple = systable_getnext(scan);
  if (HeapTupleIsValid(tuple)) {
    const auto* const row = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
    // Raw: freezing the row must not look like a change.
    result = {true,
              {row->oid, row->tgrelid, HeapTupleHeaderGetRawXmin(tuple->t_data), row->tgenabled}};
  }
  systable_endscan(scan);
  table_close(triggers, AccessShareLock);
  return result;
}

std::optional<TriggerFacts> Optional(const MaybeTrigger& trigger) {
  if (!trigger.found) return std::nullopt;
  return trigger.facts;
}

}  // namespace

bool Exists(Oid relation) {
  return catalog::IsThere(relation);
}

bool StoresRows(Oid relation) {
  return pg::Call(get_rel_relkind, relation) == RELKIND_RELATION;
}

std::string NameOf(Oid relation) {
  return catalog::TableName(relation);
}

std::vector<Oid> TreeOf(Oid table) {
  if (!Exists(table)) return {};
  std::vector<Oid> members;
  const List* const all = pg::Section([=] { return find_all_inheritors(table, NoLock, nullptr); });
  for (int i = 0; i < list_length(all); ++i)
    members.push_back(list_nth_oid(all, i));
  return members;
}

std::optional<TriggerFacts> FindTrigger(Oid relation, const std::string& name) {
  const char* const text = name.c_str();
  return Optional(pg::Section([=] {
    NameData wanted;
    namestrcpy(&wanted, text);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
                NameGetDatum(&wanted));
    return ReadTrigger(TriggerRelidNameIndexId, keys, 2);
  }));
}

std::optional<TriggerFacts> FindTrigger(Oid trigger) {
  return Optional(pg::Section([=] {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(trigger));
    return ReadTrigger(TriggerOidIndexId, &key, 1);
  }));
}

int64_t ColumnXmins(Oid relation) {
  return pg::Section([=]() -> int64_t {
    const ::Relation attributes = table_open(AttributeRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTGreaterStrategyNumber, F_INT2GT,
                Int16GetDatum(0));
    const SysScanDesc scan =
        systable_beginscan(attributes, AttributeRelidNumIndexId, true, nullptr, 2, keys);
    uint64 hash = 0;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan))
      hash = hash_combine64(hash, murmurhash32(HeapTupleHeaderGetRawXmin(tuple->t_data)));
    systable_endscan(scan);
    table_close(attributes, AccessShareLock);
    return static_cast<int64_t>(hash);
  });
}

catalog::CapturePart Describe(Oid relation, const std::vector<std::string>& triggers) {
  const pg::OpenRelation open(relation, AccessShareLock);
  catalog::CapturePart part;
  part.relation = relation;
  part.fingerprint = link::TreeFingerprint(open.get());
  part.filenode = pg::compat::RelationFileNumber(open.get());
  part.column_xmins = ColumnXmins(relation);
  for (const std::string& name : triggers) {
    const std::optional<TriggerFacts> trigger = FindTrigger(relation, name);
    if (!trigger) continue;
    part.triggers.push_back(trigger->oid);
    part.trigger_xmins.push_back(trigger->xmin);
  }
  return part;
}

LockSpan::LockSpan()
    : level_(NewGUCNestLevel()), timeout_ms_(LockTimeout), start_(GetCurrentTimestamp()) {
  // The shortest that is not absurd: a writer who waits for us looks later than we do. Not the
  // caller's to set, hence not a GucScope.
  pg::Section([] {
    (void)set_config_option("deadlock_timeout", "50ms", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                            true, 0, false);
  });
}

LockSpan::~LockSpan() {
  pg::ReleaseQuietly(probe_, [this] { AtEOXact_GUC(true, level_); });
}

void LockSpan::Lock(Oid relation, LOCKMODE mode) {
  if (timeout_ms_ > 0) {
    const int64_t spent = (GetCurrentTimestamp() - start_) / 1000;
    const std::string left =
        std::to_string(std::max<int64_t>(1, static_cast<int64_t>(timeout_ms_) - spent));
    const char* const text = left.c_str();
    pg::Section([=] {
      (void)set_config_option("lock_timeout", text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                              true, 0, false);
    });
  }
  pg::Call(LockRelationOid, relation, mode);
}

void LockSpan::LockTree(Oid table, LOCKMODE mode) {
  Lock(table, mode);
  for (const Oid member : TreeOf(table))
    if (member != table) Lock(member, mode);
}

}  // namespace pg_cutover::capture
