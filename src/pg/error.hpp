// Errors on both sides of the boundary.
//
// Two kinds travel as C++ exceptions:
//   PgError  an error PostgreSQL raised. It is an empty tag: the ErrorData stays on PostgreSQL's own
//            error stack, so SQLSTATE, DETAIL, HINT, CONTEXT and LOCATION survive untouched. It is not
//            a std::exception, so that no `catch (const std::exception&)` can swallow it: a swallowed
//            one leaves PostgreSQL's error stack filled, and the fifth ends in PANIC.
//   Error    an error of ours, or one taken off PostgreSQL's stack after the transaction was aborted.
//
// Both become ordinary PostgreSQL errors in the entry wrapper (entry.hpp), after its catch block.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pg_cutover::pg {

struct PgError {};

// What an error says, in PostgreSQL's parts. `sqlstate` is packed as MAKE_SQLSTATE packs it.
struct ErrorInfo {
  int sqlstate = 0;
  std::string message;
  std::string detail;
  std::string hint;
  std::string context;
};

class Error : public std::runtime_error {
 public:
  explicit Error(ErrorInfo info) : std::runtime_error(info.message), info_(std::move(info)) {}

  const ErrorInfo& info() const { return info_; }
  int sqlstate() const { return info_.sqlstate; }

 private:
  ErrorInfo info_;
};

// Throws Error. The message is lower-case and without a period, the detail states facts, the hint
// names the next command (PostgreSQL's error style).
[[noreturn]] void Raise(int sqlstate, std::string message, std::string detail = {},
                        std::string hint = {});

// Takes the current error off PostgreSQL's stack. Call it only where the transaction or
// subtransaction that failed is about to be aborted: swallowing an error without that is corruption.
// Errors below it on the stack, on their way further out, stay.
ErrorInfo TakeError();

// The five characters of a packed SQLSTATE, and back. An unparsable text gives XX000.
std::string SqlStateText(int sqlstate);
int SqlStateFromText(const std::string& text);

// Messages to the client or the server log. The only error they raise is a cancellation.
void Notice(const std::string& message, const std::string& detail = {}, const std::string& hint = {});
void Warning(const std::string& message, const std::string& detail = {},
             const std::string& hint = {});
void Log(const std::string& message);

// A warning where an error is not an option: destructors, callbacks after the commit.
void WarnNoError(const ErrorInfo& info) noexcept;

}  // namespace pg_cutover::pg
