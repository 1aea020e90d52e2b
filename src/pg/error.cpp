// Raising, taking and reporting errors; see error.hpp.
#include "pg/error.hpp"

#include <new>

#include "pg/pg.hpp"

#include "pg/call.hpp"
#include "pg/memory.hpp"

namespace pg_cutover::pg {

namespace {

std::string OrEmpty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

void Report(int level, const std::string& message, const std::string& detail,
            const std::string& hint) {
  const char* const detail_text = detail.empty() ? nullptr : detail.c_str();
  const char* const hint_text = hint.empty() ? nullptr : hint.c_str();
  const char* const message_text = message.c_str();
  Section([&] {
    ereport(level, (errmsg_internal("%s", message_text),
                    detail_text != nullptr ? errdetail_internal("%s", detail_text) : 0,
                    hint_text != nullptr ? errhint("%s", hint_text) : 0));
  });
}

// Drops the newest entry of PostgreSQL's error stack, and no other.
//
// FlushErrorState drops them all, and with them an error that is still on its way further out: the
// one whose unwinding runs the destructor we are in, or the one that a PG_CATCH block above us is
// going to re-throw. What pops a single entry is errfinish, for anything less than an ERROR. So the
// entry is demoted and finished. The only door to it is the log hook, which a message of our own
// goes through that lies on top of it.
void Demote(ErrorData* own) {
  own->output_to_server = false;
  own->output_to_client = false;
  ErrorData* const newest = own - 1;
  newest->elevel = DEBUG5;
  newest->output_to_server = false;
  newest->output_to_client = false;
}

void PopError() {
  ErrorContextCallback* const callbacks = error_context_stack;
  const emit_log_hook_type hook = emit_log_hook;
  const int threshold = log_min_messages;
  HOLD_INTERRUPTS();
  error_context_stack = nullptr;
  emit_log_hook = Demote;
  log_min_messages = DEBUG5;
  if (errstart(LOG, nullptr)) errfinish(__FILE__, __LINE__, __func__);
  errfinish(__FILE__, __LINE__, __func__);
  log_min_messages = threshold;
  emit_log_hook = hook;
  error_context_stack = callbacks;
  RESUME_INTERRUPTS();
}

}  // namespace

void Raise(int sqlstate, std::string message, std::string detail, std::string hint) {
  throw Error(ErrorInfo{sqlstate, std::move(message), std::move(detail), std::move(hint), {}});
}

ErrorInfo TakeError() {
  ErrorData* data = nullptr;
  try {
    // CopyErrorData refuses to run in ErrorContext, which is where a longjmp may have left us.
    data = Section([] {
      if (CurrentMemoryContext == ErrorContext) MemoryContextSwitchTo(TopMemoryContext);
      return CopyErrorData();
    });
  } catch (const PgError&) {
    PopError();
  }
  PopError();
  if (data == nullptr) return {ERRCODE_OUT_OF_MEMORY, "out of memory", {}, {}, {}};
  ErrorInfo info{data->sqlerrcode, OrEmpty(data->message), OrEmpty(data->detail),
                 OrEmpty(data->hint), OrEmpty(data->context)};
  FreeErrorData(data);
  return info;
}

void WarnNoError(const ErrorInfo& info) noexcept {
  const InterruptState interrupts;
  // The report ends by looking for a cancellation, which would be an error.
  HOLD_INTERRUPTS();
  try {
    Warning(info.message, info.detail, info.hint);
  } catch (const PgError&) {
    PopError();
  } catch (const std::bad_alloc&) {
    write_stderr("pg_cutover: out of memory while reporting a warning\n");
  }
  interrupts.Restore();
}

std::string SqlStateText(int sqlstate) {
  std::string text(5, '0');
  for (char& character : text) {
    character = PGUNSIXBIT(sqlstate);
    sqlstate >>= 6;
  }
  return text;
}

int SqlStateFromText(const std::string& text) {
  if (text.size() != 5) return ERRCODE_INTERNAL_ERROR;
  return MAKE_SQLSTATE(text[0], text[1], text[2], text[3], text[4]);
}

void Notice(const std::string& message, const std::string& detail, const std::string& hint) {
  Report(NOTICE, message, detail, hint);
}

void Warning(const std::string& message, const std::string& detail, const std::string& hint) {
  Report(WARNING, message, detail, hint);
}

void Log(const std::string& message) { Report(LOG, message, {}, {}); }

}  // namespace pg_cutover::pg
