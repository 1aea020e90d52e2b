// Rows that the target did not take when they were written, looked at again; see trigger.hpp.
//
// Only while nobody writes: both tables are locked. What counts is the row that is there now, which
// may have been mended or deleted since.
#include <limits>

#include "capture/reject.hpp"
#include "capture/source_row.hpp"
#include "capture/tables.hpp"
#include "capture/trigger.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::capture {

namespace {

enum class Outcome { kNotThere, kFits, kRejected };

Outcome Retry(int64_t link, Oid table, const std::vector<std::string>& key) {
  const pg::OpenRelation relation(table, AccessShareLock);
  const Use entry(link, relation.get());
  if (entry->idle || static_cast<int>(key.size()) != entry->mapping->source_key_columns)
    return Outcome::kRejected;
  const pg::UserScope as_owner(entry->role, SECURITY_NOFORCE_RLS);
  const link::CanonicalSettings settings;
  bool found = false;
  const std::string* const texts = key.data();
  Entry* const used = &*entry;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    pg::Section([&] {
      Open(used->mirror);
      Datum values[INDEX_MAX_KEYS];
      for (int i = 0; i < used->mapping->source_key_columns; ++i) {
        const FormData_pg_attribute* const column =
            TupleDescAttr(RelationGetDescr(relation.get()), used->mapping->source_key[i] - 1);
        Oid input = InvalidOid;
        Oid parameter = InvalidOid;
        getTypeInputInfo(column->atttypid, &input, &parameter);
        values[i] = OidInputFunctionCall(input, const_cast<char*>(texts[i].c_str()), parameter,
                                         column->atttypmod);
      }
      TupleTableSlot* const row = FindByKey(used, relation.get(), values);
      found = row != nullptr;
      if (found && link::Passes(used->mapping, row)) {
        Key target_key;
        KeyOf(*used->mirror, row, &target_key);
        if (used->owner)
          SetRow(used->mirror, target_key, row, Expect::kAnything, Unchanged{}, Carried{});
        else
          SetColumns(used->mirror, target_key, row);
      }
      if (found) ExecClearTuple(row);
      Close(used->mirror);
    });
  });
  if (!failure) return found ? Outcome::kFits : Outcome::kNotThere;
  RequireRejection(*failure);
  // Its slots believe to hold pins that are gone.
  used->stale = true;
  return Outcome::kRejected;
}

}  // namespace

int64_t RetryRejected(int64_t link) {
  const std::vector<Oid> members = TreeOf(catalog::LoadLink(link).source);
  int64_t rejected = 0;
  for (const catalog::RejectedRow& row :
       catalog::RejectedRows(link, std::numeric_limits<int64_t>::max())) {
    Outcome outcome = Outcome::kNotThere;
    for (const Oid table : members) {
      if (!StoresRows(table)) continue;
      outcome = Retry(link, table, row.key);
      if (outcome != Outcome::kNotThere) break;
    }
    if (outcome == Outcome::kRejected)
      ++rejected;
    else
      catalog::DeleteRejectedRow(row.id);
  }
  return rejected;
}

}  // namespace pg_cutover::capture
