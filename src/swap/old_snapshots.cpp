// Old snapshots; see old_snapshots.hpp.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "core/listed.hpp"

#include "swap/old_snapshots.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::swap {

namespace {

constexpr int64_t kLookEveryMicros = 100'000;

// The last transaction id that a too old snapshot may count as running; InvalidTransactionId when
// `complete_xid` is so long ago that no snapshot can be older.
TransactionId Limit(uint64_t complete_xid) {
  const uint64_t next =
      pg::Section([] { return U64FromFullTransactionId(ReadNextFullTransactionId()); });
  if (complete_xid + (uint64_t{1} << 30) < next) return InvalidTransactionId;
  auto limit = static_cast<TransactionId>(complete_xid);
  TransactionIdRetreat(limit);
  return limit;
}

// Holders of snapshots that old, this process left out. Vacuums see no rows of the tables.
std::vector<VirtualTransactionId> Holders(TransactionId limit) {
  struct List {
    const VirtualTransactionId* holders;
    int length;
  };
  const List list = pg::Section([=]() -> List {
    List found = {};
    found.holders = GetCurrentVirtualXIDs(limit, true, false, PROC_IS_AUTOVACUUM | PROC_IN_VACUUM,
                                          &found.length);
    return found;
  });
  return {list.holders, list.holders + list.length};
}

bool Contains(const std::vector<VirtualTransactionId>& list, const VirtualTransactionId& one) {
  return std::any_of(list.begin(), list.end(), [&](const VirtualTransactionId& other) {
    return VirtualTransactionIdEquals(one, other);
  });
}

std::string Describe(TransactionId limit) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT format('pid %s (%s)', a.pid, concat_ws(', ', "
      "  quote_literal(nullif(a.application_name, '')), a.state, "
      "  'transaction since ' || a.xact_start::timestamptz(0)::text)) "
      "FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() "
      "  AND age(a.backend_xmin) >= age($1::text::xid) ORDER BY a.xact_start, a.pid",
      {pg::Argument::Text(std::to_string(limit))});
  if (rows.empty()) return "a session";
  std::vector<std::string> holders;
  for (uint64_t row = 0; row < rows.size(); ++row)
    holders.push_back(rows.Text(row, 1).value());
  return core::Listed(holders);
}

}  // namespace

void AwaitOldSnapshots(job::Session& session, uint64_t complete_xid) {
  const TransactionId limit = Limit(complete_xid);
  if (!TransactionIdIsValid(limit)) return;
  std::vector<VirtualTransactionId> waited_for = session.InStep([&] { return Holders(limit); });
  std::string shown;
  while (!waited_for.empty()) {
    session.Sleep(kLookEveryMicros, "PgCutoverOldSnapshot");
    session.InStep([&] {
      const std::vector<VirtualTransactionId> holders = Holders(limit);
      std::erase_if(waited_for,
                    [&](const VirtualTransactionId& one) { return !Contains(holders, one); });
      const std::string reason =
          waited_for.empty() ? "" : "snapshots older than the end of the copy: " + Describe(limit);
      if (reason == shown) return;
      catalog::SetWaitingFor(session.id(), reason.empty() ? std::nullopt : std::optional(reason));
      shown = reason;
    });
  }
}

}  // namespace pg_cutover::swap
