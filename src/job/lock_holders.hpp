// Who keeps others from a lock on some tables.
#pragma once

#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::job {

struct LockHolder {
  int pid = 0;      // 0: a prepared transaction
  std::string gid;  // of a prepared transaction
  // For people: "pid 4711 ('application', idle in transaction, query since ...) holds ... of ...".
  std::string description;
  // A prepared transaction from longer ago than a two-phase commit that works should take.
  bool forgotten = false;
  // A client's session that nothing is lost with but its own transaction. Never
  //   superusers and anything that is not a client: walsenders, autovacuum, workers, ourselves
  //   who locked a table on purpose (SHARE and stronger): it protects something
  //   whose session the current role may not look at
  bool expendable = false;
};

// Sessions and prepared transactions of this database (OIDs repeat in databases made from one
// template) that have been granted a lock on one of these relations that conflicts with `mode`,
// this process left out; who waits for one is not in the way. As they are at this moment, and with
// what the current role may know of them. In a transaction.
std::vector<LockHolder> LockHolders(const std::vector<Oid>& relations, LOCKMODE mode);

// Their descriptions, as many as core::Listed names; empty where there is none.
std::string Describe(const std::vector<LockHolder>& holders);

}  // namespace pg_cutover::job
