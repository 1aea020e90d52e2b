// A query that a user gave, planned and known to read only.
//
// One SELECT, VALUES, TABLE or WITH. What changes or locks rows is refused by what it says, before
// it runs; what a function inside it tries is refused while it runs, by ReadOnlyScope.
#pragma once

#include <string>

#include "link/origin.hpp"
#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// PostgreSQL's own guard: nothing can be written inside, and the query itself cannot turn it off.
class ReadOnlyScope {
 public:
  ReadOnlyScope() { settings_.Set("transaction_read_only", "on"); }

 private:
  pg::GucScope settings_;
};

struct PlannedQuery {
  link::Origin origin;
  PlannedStmt* plan = nullptr;
  List* columns = NIL;  // target entries of the query
};

// Parses, analyses and plans with the search_path in force. PostgreSQL's own errors name the origin
// and count positions in its text.
PlannedQuery PlanReadOnly(const link::Origin& origin);

// The same for what is to give one boolean, and may be a bare expression as well.
PlannedQuery PlanBoolean(const link::Origin& origin);

// How one run through the executor went. All rows are made and thrown away.
struct Execution {
  double milliseconds = 0;
  uint64_t rows = 0;
  int64_t buffers = 0;  // shared ones, found or read
};

// Under the active snapshot; parallel workers count.
Execution Execute(const PlannedQuery& query);

}  // namespace pg_cutover::validate
