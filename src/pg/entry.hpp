// Every way from PostgreSQL into C++: functions, triggers, callbacks, worker mains.
//
// No C++ exception may leave a PostgreSQL frame, and nothing may be reported from inside a catch
// block (the longjmp would leak the exception object and skip __cxa_end_catch). So the wrapper
// catches, notes what happened in plain data, leaves the block, and only then reports.
#pragma once

#include <exception>
#include <type_traits>

#include "pg/error.hpp"
#include "pg/memory.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

namespace detail {

// What was caught, as plain data in the current memory context: nothing here has a destructor.
struct Failure {
  bool from_postgres = false;
  int sqlstate = 0;
  const char* message = nullptr;
  const char* detail = nullptr;
  const char* hint = nullptr;
  const char* context = nullptr;
};

// Describes the exception that is being handled. Call inside a catch block only. Allocates without
// raising errors; when memory is short the texts are dropped, the SQLSTATE stays.
Failure Describe() noexcept;

// Hands the failure to PostgreSQL: PG_RE_THROW or ereport(ERROR). Call outside any catch block.
[[noreturn]] void Throw(const Failure& failure);

// For callbacks that must not fail (after commit, at process exit): a WARNING instead.
void Warn(const Failure& failure) noexcept;

}  // namespace detail

// Runs `body`; any exception becomes a PostgreSQL error.
template <class Body>
auto Enter(Body&& body) -> std::invoke_result_t<Body&> {
  static_assert(std::is_void_v<std::invoke_result_t<Body&>> ||
                std::is_trivially_destructible_v<std::invoke_result_t<Body&>>);
  const MemoryContext context = CurrentMemoryContext;
  detail::Failure failure;
  try {
    return body();
  } catch (...) {
    CurrentMemoryContext = context;
    failure = detail::Describe();
  }
  detail::Throw(failure);
}

// Runs `body` where an error is not an option: after commit an ERROR is a PANIC.
template <class Body>
void EnterNoError(Body&& body) noexcept {
  const MemoryContext context = CurrentMemoryContext;
  const InterruptState interrupts;
  detail::Failure failure;
  bool failed = false;
  try {
    body();
  } catch (...) {
    CurrentMemoryContext = context;
    interrupts.Restore();
    failure = detail::Describe();
    failed = true;
  }
  if (failed) detail::Warn(failure);
}

}  // namespace pg_cutover::pg

// Defines an SQL-callable function: PG_CUTOVER_FUNCTION(pg_cutover_pause) { ... return Datum; }
// The body sees `fcinfo` and may throw.
#define PG_CUTOVER_FUNCTION(name)                                                      \
  static Datum name##_body(FunctionCallInfo fcinfo);                                   \
  extern "C" {                                                                         \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                            \
  PG_FUNCTION_INFO_V1(name);                                                           \
  Datum name(PG_FUNCTION_ARGS) {                                                       \
    return pg_cutover::pg::Enter([fcinfo] { return name##_body(fcinfo); });            \
  }                                                                                    \
  }                                                                                    \
  static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)

// Defines a background worker's main function: PG_CUTOVER_WORKER_MAIN(pg_cutover_job_main) { ... }
// The body sees `argument` and may throw: the worker then ends with that error in the log.
#define PG_CUTOVER_WORKER_MAIN(name)                                                   \
  static void name##_body(Datum argument);                                             \
  extern "C" PGDLLEXPORT void name(Datum argument);                                    \
  extern "C" void name(Datum argument) {                                               \
    pg_cutover::pg::Enter([argument] { name##_body(argument); });                      \
  }                                                                                    \
  static void name##_body([[maybe_unused]] Datum argument)
