// Who holds the tables that a swap needs, and ending them where the operator asked for it.
#pragma once

#include <string>
#include <vector>

#include "job/session.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct Blocker {
  int pid = 0;      // 0: a prepared transaction
  std::string gid;  // of a prepared transaction
  // For people: "pid 4711 (application, idle in transaction, query since ...) holds ... of ...".
  std::string description;
  // It may be terminated by the rules below.
  bool expendable = false;
};

// Sessions and prepared transactions of this database that have been granted a lock on one of these
// relations, this process left out. In a transaction; search_path is pinned.
std::vector<Blocker> FindBlockers(const std::vector<Oid>& relations);
std::string Describe(const std::vector<Blocker>& blockers);

// Prepared transactions that hold one of these relations for longer than it takes to commit: nobody
// can wait for them or terminate them. As descriptions with their gid. In a transaction.
std::vector<std::string> ForgottenTransactions(const std::vector<Oid>& relations);

// Terminates expendable blockers with the job's own rights; each becomes an event. Never
//   other databases' sessions: OIDs repeat in databases made from one template
//   waiters: only who has been granted a lock stands in the way
//   superusers and anything that is not a client: walsenders, autovacuum, workers, ourselves
//   who locked a table on purpose (SHARE and stronger): it protects something
// Call it outside any transaction.
void TerminateBlockers(job::Session& session, const std::vector<Oid>& relations);

}  // namespace pg_cutover::swap
