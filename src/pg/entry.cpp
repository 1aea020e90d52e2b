// Turns C++ exceptions into PostgreSQL errors; see entry.hpp.
#define PG_CUTOVER_BOUNDARY
#include "pg/entry.hpp"

#include <cstring>
#include <new>
#include <string_view>

#include "core/invalid_input.hpp"
#include "pg/call.hpp"

namespace pg_cutover::pg::detail {

namespace {

constexpr size_t kLongestText = 64 * 1024;

// MCXT_ALLOC_NO_OOM: an out-of-memory ERROR here would be a longjmp out of a catch block.
const char* Keep(std::string_view text) noexcept {
  if (text.empty()) return nullptr;
  const size_t size = text.size() < kLongestText ? text.size() : kLongestText;
  auto* const copy = static_cast<char*>(
      MemoryContextAllocExtended(CurrentMemoryContext, size + 1, MCXT_ALLOC_NO_OOM));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), size);
  copy[size] = '\0';
  return copy;
}

}  // namespace

Failure Describe() noexcept {
  Failure failure;
  try {
    throw;
  } catch (const PgError&) {
    failure.from_postgres = true;
  } catch (const Error& error) {
    failure.sqlstate = error.sqlstate();
    failure.message = Keep(error.info().message);
    failure.detail = Keep(error.info().detail);
    failure.hint = Keep(error.info().hint);
    failure.context = Keep(error.info().context);
  } catch (const core::InvalidInput& error) {
    failure.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
    failure.message = Keep(error.what());
    failure.hint = Keep(error.hint());
  } catch (const std::bad_alloc&) {
    failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
    failure.message = "out of memory";
  } catch (const std::exception& error) {
    failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    failure.message = Keep(error.what());
  } catch (...) {
    failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    failure.message = "unexpected C++ exception";
  }
  return failure;
}

void Throw(const Failure& failure) {
  if (failure.from_postgres) PG_RE_THROW();
  ereport(ERROR,
          (errcode(failure.sqlstate),
           errmsg_internal("%s", failure.message != nullptr ? failure.message : "out of memory"),
           failure.detail != nullptr ? errdetail_internal("%s", failure.detail) : 0,
           failure.hint != nullptr ? errhint("%s", failure.hint) : 0,
           failure.context != nullptr ? errcontext("%s", failure.context) : 0));
  pg_unreachable();
}

void Warn(const Failure& failure) noexcept {
  ErrorInfo info;
  try {
    if (failure.from_postgres) {
      info = TakeError();
    } else {
      info.message = failure.message != nullptr ? failure.message : "out of memory";
      if (failure.detail != nullptr) info.detail = failure.detail;
      if (failure.hint != nullptr) info.hint = failure.hint;
    }
  } catch (const std::bad_alloc&) {
    info.message = "out of memory";
  }
  WarnNoError(info);
}

}  // namespace pg_cutover::pg::detail
