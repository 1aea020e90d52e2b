// Work that may fail without taking the transaction with it.
//
// Both run a body in an internal subtransaction, as PL/pgSQL's EXCEPTION blocks do. An error rolls
// back what the body did in the database and comes back as pg::Error with PostgreSQL's own SQLSTATE,
// message, DETAIL, HINT and CONTEXT, of which nothing is left in the server: catching it is legal.
//
//   TryInSubtransaction  gives the error back as a value
//   InSubtransaction     throws it, and gives back what the body returns. To be caught right there: a
//                        resource (resource.hpp) between here and the catch block would take the
//                        exception for the end of its transaction and leave itself to an abort that
//                        does not come
//
// They must be called inside a transaction. The body runs in the caller's memory context: what it
// allocates there stays. A cancellation is among the errors: throw that on. Each subtransaction that
// writes uses up a transaction id, so there is no place for one in a hot loop.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "pg/error.hpp"

namespace pg_cutover::pg {

namespace detail {
std::optional<Error> RunInSubtransaction(void (*body)(void*), void* argument);
}  // namespace detail

template <class Body>
[[nodiscard]] std::optional<Error> TryInSubtransaction(Body&& body) {
  using Function = std::remove_reference_t<Body>;
  static_assert(std::is_void_v<std::invoke_result_t<Body&>>);
  return detail::RunInSubtransaction(
      [](void* argument) { (*static_cast<Function*>(argument))(); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

template <class Body>
auto InSubtransaction(Body&& body) -> std::invoke_result_t<Body&> {
  using Result = std::invoke_result_t<Body&>;
  if constexpr (std::is_void_v<Result>) {
    if (std::optional<Error> failure = TryInSubtransaction(body)) throw std::move(*failure);
  } else {
    std::optional<Result> result;
    std::optional<Error> failure = TryInSubtransaction([&] { result.emplace(body()); });
    if (failure) throw std::move(*failure);
    return std::move(*result);
  }
}

}  // namespace pg_cutover::pg
