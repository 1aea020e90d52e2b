// Entries that fail: functions, triggers, callbacks. See debug_boundary.hpp and test/t/001_boundary.pl.
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <fmt/format.h>

#include <new>
#include <stdexcept>
#include <string>

#include "core/invalid_input.hpp"
#include "entry/debug_boundary.hpp"
#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "pg/text.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::entry {

namespace {

int64_t live_objects = 0;

constexpr int kBoundaryError = MAKE_SQLSTATE('P', 'C', '0', '0', '2');

// What the next end of a transaction has to do, in text that needs no destructor: the callback runs
// where nothing may be allocated.
enum class Moment { kNever, kBeforeCommit, kAfterCommit, kAbort };
Moment armed = Moment::kNever;
char armed_kind[NAMEDATALEN];

// A copy of the kind that callbacks can hold on to.
void KeepKind(const std::string& kind, char* kept) { strlcpy(kept, kind.c_str(), NAMEDATALEN); }

void FailOnce() {
  armed = Moment::kNever;
  const Counted object;
  Fail(armed_kind);
}

void AtTransactionEnd(XactEvent event, void*) {
  if (event == XACT_EVENT_PRE_COMMIT && armed == Moment::kBeforeCommit) pg::Enter(FailOnce);
  if (event == XACT_EVENT_COMMIT && armed == Moment::kAfterCommit) pg::EnterNoError(FailOnce);
  if (event == XACT_EVENT_ABORT && armed == Moment::kAbort) pg::EnterNoError(FailOnce);
}

void AtReset(void* kind) {
  pg::EnterNoError([kind] {
    const Counted object;
    Fail(static_cast<const char*>(kind));
  });
}

char exit_kind[NAMEDATALEN];

void AtExit(int, Datum) {
  pg::EnterNoError([] {
    const Counted object;
    Fail(exit_kind);
  });
}

}  // namespace

int64_t LiveObjects() { return live_objects; }

Counted::Counted() : payload_(200, 'x') { ++live_objects; }
Counted::~Counted() { --live_objects; }

void PostgresError() {
  pg::Section([] {
    ereport(ERROR, (errcode(MAKE_SQLSTATE('P', 'C', '0', '0', '1')), errmsg("boundary: postgres"),
                    errdetail("Detail of postgres."), errhint("Hint of postgres.")));
  });
}

void Fail(const std::string& kind) {
  if (kind == "none") return;
  if (kind == "postgres") PostgresError();
  if (kind == "error")
    pg::Raise(kBoundaryError, "boundary: error", "Detail of error.", "Hint of error.");
  if (kind == "exception") throw std::runtime_error("boundary: exception");
  if (kind == "bad_alloc") throw std::bad_alloc();
  if (kind == "invalid_input")
    throw core::InvalidInput("boundary: invalid_input", "Hint of invalid_input.");
  if (kind == "int") throw 42;
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("no such failure: {}", kind));
}

std::string TextArgument(FunctionCallInfo fcinfo, int position) {
  return pg::FromText(PG_GETARG_DATUM(position));
}

}  // namespace pg_cutover::entry

using pg_cutover::entry::Counted;
using pg_cutover::entry::Fail;
using pg_cutover::entry::TextArgument;

PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_live) {
  PG_RETURN_INT64(pg_cutover::entry::LiveObjects());
}

PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_throw) {
  const Counted object;
  Fail(TextArgument(fcinfo, 0));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_trigger) {
  const Counted object;
  if (!CALLED_AS_TRIGGER(fcinfo))
    pg_cutover::pg::Raise(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "not called as a trigger");
  const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  Fail(trigger->tg_trigger->tgargs[0]);
  return PointerGetDatum(trigger->tg_trigtuple);
}

// At the named end of this transaction: before_commit, after_commit, abort.
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_at_end) {
  static bool registered = false;
  using pg_cutover::entry::armed;
  using pg_cutover::entry::Moment;
  if (!registered) {
    pg_cutover::pg::Call(RegisterXactCallback, pg_cutover::entry::AtTransactionEnd,
                         static_cast<void*>(nullptr));
    registered = true;
  }
  const std::string moment = TextArgument(fcinfo, 0);
  pg_cutover::entry::KeepKind(TextArgument(fcinfo, 1), pg_cutover::entry::armed_kind);
  armed = moment == "before_commit"  ? Moment::kBeforeCommit
          : moment == "after_commit" ? Moment::kAfterCommit
                                     : Moment::kAbort;
  PG_RETURN_VOID();
}

// A context whose reset fails; deleted at the end of the block, or by what is thrown inside it.
PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_at_reset) {
  const Counted object;
  const pg_cutover::pg::OwnedContext context(CurrentMemoryContext, "pg_cutover boundary test");
  const std::string kind = TextArgument(fcinfo, 0);
  const char* const text = kind.c_str();
  pg_cutover::pg::Section([&] {
    auto* const callback = static_cast<MemoryContextCallback*>(
        MemoryContextAlloc(context.get(), sizeof(MemoryContextCallback)));
    callback->func = pg_cutover::entry::AtReset;
    callback->arg = MemoryContextStrdup(context.get(), text);
    MemoryContextRegisterResetCallback(context.get(), callback);
  });
  Fail(TextArgument(fcinfo, 1));
  PG_RETURN_VOID();
}

PG_CUTOVER_FUNCTION(pg_cutover_debug_boundary_at_exit) {
  pg_cutover::entry::KeepKind(TextArgument(fcinfo, 0), pg_cutover::entry::exit_kind);
  pg_cutover::pg::Call(before_shmem_exit, pg_cutover::entry::AtExit, Datum{0});
  PG_RETURN_VOID();
}

#endif
