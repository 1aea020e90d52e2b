// A query that a user gave, planned and known to read only.
//
// One SELECT, VALUES, TABLE or WITH. What changes or locks rows is refused by what it says, before
// it runs; what a function inside it tries is refused while it runs or right after, by
// ReadOnlyScope.
#pragma once

#include <string>

#include "link/origin.hpp"
#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// PostgreSQL's own guard, which the query itself cannot turn off, and a look at what gets past it:
// a read-only transaction may write to temporary tables and, before PostgreSQL 16, large objects.
class ReadOnlyScope {
 public:
  ReadOnlyScope();

  // Raises read_only_sql_transaction if a row of any table was written since; `what` ran inside.
  // The caller lets the error roll that back.
  void RequireNothingWritten(const std::string& what) const;

 private:
  pg::GucScope settings_;
  const CommandId command_;
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

// Refuses temporary relations, which a query that is kept would look for in vain in other sessions.
void RequirePermanent(const PlannedQuery& query);

// How one run through the executor went. All rows are made and thrown away.
struct Execution {
  double milliseconds = 0;
  uint64_t rows = 0;
  int64_t buffers = 0;  // shared ones, found or read
};

// Under the active snapshot; parallel workers count.
Execution Execute(const PlannedQuery& query);

}  // namespace pg_cutover::validate
