// Transactions of background workers.
//
// InTransaction is the only way a worker touches the database: start, work, commit. An error aborts
// and comes back as pg::Error with PostgreSQL's own SQLSTATE, message, DETAIL, HINT and CONTEXT, so
// that code above it may catch it and decide: by then the transaction is gone and the error stack
// empty, which makes swallowing it legal.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "pg/call.hpp"
#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

namespace detail {
void BeginTransaction();
void CommitTransaction();
// Aborts; turns the exception being handled into an Error. Call inside a catch block only.
Error AbortTransaction();
// Frees what a transaction left in the worker's long-lived context.
MemoryContext WorkerContext();
}  // namespace detail

// Runs `body` in a transaction of its own with an active snapshot. Must be called outside any
// transaction. Memory allocated by `body` is gone afterwards: return C++ values.
template <class Body>
auto InTransaction(Body&& body) -> std::invoke_result_t<Body&> {
  using Result = std::invoke_result_t<Body&>;
  std::optional<Error> failure;
  try {
    detail::BeginTransaction();
    if constexpr (std::is_void_v<Result>) {
      {
        const ActiveSnapshot snapshot;
        body();
      }
      detail::CommitTransaction();
      return;
    } else {
      std::optional<Result> result;
      {
        const ActiveSnapshot snapshot;
        result.emplace(body());
      }
      detail::CommitTransaction();
      return std::move(*result);
    }
  } catch (...) {
    failure.emplace(detail::AbortTransaction());
  }
  throw std::move(*failure);
}

// Runs a statement that manages its own transactions (CREATE INDEX CONCURRENTLY, VACUUM) at top
// level. Must be called outside any transaction; errors come back as Error, after the abort.
void RunTopLevel(const std::string& sql);

}  // namespace pg_cutover::pg
