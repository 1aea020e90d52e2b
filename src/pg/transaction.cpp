// Transactions of background workers; see transaction.hpp.
#include "pg/transaction.hpp"

#include <new>

#include "core/invalid_input.hpp"
#include "pg/subtransaction.hpp"

namespace pg_cutover::pg {

namespace {

// The exception being handled, in PostgreSQL's parts; one of PostgreSQL's own is taken off its stack.
// Throws nothing: the abort has to follow.
ErrorInfo TakeException() noexcept {
  try {
    try {
      throw;
    } catch (const PgError&) {
      return TakeError();
    } catch (const Error& error) {
      return error.info();
    } catch (const core::InvalidInput& error) {
      return {ERRCODE_INVALID_PARAMETER_VALUE, error.what(), {}, error.hint(), {}};
    } catch (const std::bad_alloc&) {
      return {ERRCODE_OUT_OF_MEMORY, "out of memory", {}, {}, {}};
    } catch (const std::exception& error) {
      return {ERRCODE_INTERNAL_ERROR, error.what(), {}, {}, {}};
    } catch (...) {
      return {ERRCODE_INTERNAL_ERROR, "unexpected C++ exception", {}, {}, {}};
    }
  } catch (const std::bad_alloc&) {
    return {ERRCODE_OUT_OF_MEMORY, "out of memory", {}, {}, {}};
  }
}

}  // namespace

namespace detail {

MemoryContext WorkerContext() { return TopMemoryContext; }

void BeginTransaction() {
  Section([] {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
  });
}

void CommitTransaction() {
  Section([] {
    CommitTransactionCommand();
    // Between transactions nothing may allocate in a context that the commit has freed.
    MemoryContextSwitchTo(WorkerContext());
    pgstat_report_stat(false);
  });
}

Error AbortTransaction() {
  ErrorInfo info = TakeException();
  Section([] {
    // A cancel that arrived while the transaction failed must not hit the next one.
    HOLD_INTERRUPTS();
    disable_all_timeouts(false);
    QueryCancelPending = false;
    AbortCurrentTransaction();
    MemoryContextSwitchTo(WorkerContext());
    RESUME_INTERRUPTS();
  });
  return Error(std::move(info));
}

std::optional<Error> RunInSubtransaction(void (*body)(void*), void* argument) {
  const MemoryContext context = CurrentMemoryContext;
  const ResourceOwner owner = CurrentResourceOwner;
  const auto back_to_caller = [=] {
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  };
  Section([=] {
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
  });
  try {
    body(argument);
    Section([=] {
      ReleaseCurrentSubTransaction();
      back_to_caller();
    });
    return std::nullopt;
  } catch (...) {
    // What was thrown may live in memory or on an error stack that the rollback cleans.
    MemoryContextSwitchTo(context);
    ErrorInfo info = TakeException();
    Section([=] {
      RollbackAndReleaseCurrentSubTransaction();
      back_to_caller();
    });
    return Error(std::move(info));
  }
}

}  // namespace detail

void RunTopLevel(const std::string& sql) {
  std::optional<Error> failure;
  // CREATE INDEX CONCURRENTLY and VACUUM commit in the middle: what they still read afterwards must
  // not live in a transaction's context.
  const OwnedContext context(detail::WorkerContext(), "pg_cutover statement");
  try {
    detail::BeginTransaction();
    const char* const text = sql.c_str();
    const MemoryContext memory = context.get();
    Section([=] {
      debug_query_string = text;
      MemoryContextSwitchTo(memory);
      List* const parsed = pg_parse_query(text);
      RawStmt* const statement = linitial_node(RawStmt, parsed);
      PushActiveSnapshot(GetTransactionSnapshot());
      List* const rewritten =
          pg_analyze_and_rewrite_fixedparams(statement, text, nullptr, 0, nullptr);
      List* const plans = pg_plan_queries(rewritten, text, 0, nullptr);
      PopActiveSnapshot();
      const Portal portal = CreatePortal("", true, true);
      portal->visible = false;
      PortalDefineQuery(portal, nullptr, text, CreateCommandTag(statement->stmt), plans, nullptr);
      PortalStart(portal, nullptr, 0, InvalidSnapshot);
      (void)compat::RunPortal(portal, FETCH_ALL, None_Receiver, nullptr);
      PortalDrop(portal, false);
      debug_query_string = nullptr;
    });
    detail::CommitTransaction();
    return;
  } catch (...) {
    debug_query_string = nullptr;
    failure.emplace(detail::AbortTransaction());
  }
  throw std::move(*failure);
}

}  // namespace pg_cutover::pg
