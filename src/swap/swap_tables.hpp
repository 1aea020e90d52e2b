// The one transaction in which two tables change places.
//
// Either way a swap goes, it does the same to its pair: lock both, look at everything once more,
// carry over what refers to the live table, take the mirror's stream away, exchange the names, let
// the rows flow the other way. What differs is which link and which row of migrate.swap go with it:
//
//   cutover   the forward link falls asleep and stays; its inverse is made and kept in step (not
//             with reverse_sync => false); migrate.swap gets a row
//   revert    the forward link wakes up, complete from the first moment; its inverse goes; the row
//             of migrate.swap is ended. Everything is as before the cutover, which can be called
//             again
//
// After a crash the transaction has happened whole or not at all: phase and remaining statements of
// the job are written in it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "catalog/link_rows.hpp"
#include "catalog/swap_rows.hpp"
#include "job/session.hpp"
#include "swap/lock_pair.hpp"
#include "swap/pair.hpp"
#include "swap/request.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// What a job is about to do, as the catalog says.
struct Order {
  // Rows flow along it now: live -> mirror.
  catalog::LinkRow link;
  // Set: this swap is reverted, and `forward` wakes up.
  std::optional<catalog::SwapRow> reverted;
  std::optional<catalog::LinkRow> forward;

  // What the live table is to be called; nullopt: to be chosen.
  std::optional<std::string> RetiredName(const Request& request) const;
  std::vector<catalog::RenamedPair> Renames() const;
};

// In a transaction. Raises object_not_in_prerequisite_state where the tables are not in the state
// that the job was made for.
Order LoadOrder(const catalog::JobRow& job);

// Makes the swap in the current transaction. `dependents`: what was locked besides the pair; where
// that turns out not to be all, it becomes more and lock_not_available is raised, to be tried
// again. Raises besides: what the gate says, and whatever a statement of the dependents fails with.
// nullopt: the job does not run any more, and nothing was done.
std::optional<HeldLocks> SwapTables(const catalog::JobRow& job, const Request& request,
                                    std::vector<Oid>* dependents);

// Rows that the mirror did not take and that were noted (policy "record") are tried once more, in
// the current transaction, with both tables locked. Raises object_not_in_prerequisite_state with
// the rows that still do not fit; otherwise as SwapTables.
std::optional<HeldLocks> TryRejected(const catalog::JobRow& job, const Request& request);

}  // namespace pg_cutover::swap
