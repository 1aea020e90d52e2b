// Shared by the functions that prove the boundary (debug_boundary*.cpp, test builds only).
//
// Counted stands for any C++ object whose destructor matters: after whatever happened, LiveObjects()
// must be 0. Fail() breaks in each of the ways that code below an entry can break.
#pragma once

#include <cstdint>
#include <string>

#include "pg/entry.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

// Objects alive in this process.
int64_t LiveObjects();

class Counted {
 public:
  Counted();
  ~Counted();
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  // Shows as a leak, and to valgrind, if the destructor does not run.
  std::string payload_;
};

// A PostgreSQL ERROR: sqlstate PC001 with message, DETAIL and HINT.
void PostgresError();

// By name: postgres, error (pg::Error), exception (std::exception), bad_alloc, invalid_input, int. Does
// nothing for "none".
void Fail(const std::string& kind);

// Text arguments of SQL functions.
std::string TextArgument(FunctionCallInfo fcinfo, int position);

}  // namespace pg_cutover::entry
