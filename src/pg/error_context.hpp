// What we were doing when PostgreSQL raised an error below us, for people who wrote a statement on
// another table and get an error of ours.
#pragma once

#include "pg/memory.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// While it lives, a line of CONTEXT in every error and message, and a HINT in every error that has
// none of its own and of which `hinted` says so by its SQLSTATE. The texts must outlive it; `hint`
// may be nullptr. Errors keep their SQLSTATE and everything else.
class ErrorContext {
 public:
  ErrorContext(const char* context, const char* hint, bool (*hinted)(int sqlstate));
  // Also while an exception unwinds: PostgreSQL must not call into a frame that is gone.
  ~ErrorContext();
  ErrorContext(const ErrorContext&) = delete;
  ErrorContext& operator=(const ErrorContext&) = delete;

 private:
  static void Add(void* self);

  const char* const context_;
  const char* const hint_;
  bool (*const hinted_)(int sqlstate);
  ErrorContextCallback callback_;
};

}  // namespace pg_cutover::pg
