// CONTEXT and HINT of errors that PostgreSQL raises below us; see error_context.hpp.
#include "pg/error_context.hpp"

namespace pg_cutover::pg {

namespace {

// Called where an error is being raised, in ErrorContext: of its fields only the SQLSTATE can be
// asked for, the others show in a copy.
bool IsErrorWithoutHint() {
  const MemoryContext outer = MemoryContextSwitchTo(TopTransactionContext);
  ErrorData* const copy = CopyErrorData();
  const bool wanted = copy->elevel == ERROR && copy->hint == nullptr;
  FreeErrorData(copy);
  MemoryContextSwitchTo(outer);
  return wanted;
}

}  // namespace

ErrorContext::ErrorContext(const char* context, const char* hint, bool (*hinted)(int sqlstate))
    : context_(context), hint_(hint), hinted_(hinted) {
  callback_.callback = Add;
  callback_.arg = this;
  callback_.previous = error_context_stack;
  error_context_stack = &callback_;
}

ErrorContext::~ErrorContext() {
  error_context_stack = callback_.previous;
}

void ErrorContext::Add(void* self) {
  const auto* const frame = static_cast<const ErrorContext*>(self);
  errcontext("%s", frame->context_);
  if (frame->hint_ != nullptr && frame->hinted_(geterrcode()) && IsErrorWithoutHint())
    errhint("%s", frame->hint_);
}

}  // namespace pg_cutover::pg
