// The one place where a longjmp of PostgreSQL lands; see call.hpp.
#define PG_CUTOVER_BOUNDARY
#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg::detail {

namespace {

// Restores PostgreSQL's stacks on every way out, a C++ exception included: PG_exception_stack must
// never point into a frame that is gone. The memory context goes back as well unless the kernel came
// to its end: a longjmp leaves ErrorContext current, and allocations made while unwinding must not
// land there.
class Stacks {
 public:
  Stacks()
      : exception_stack_(PG_exception_stack),
        context_stack_(error_context_stack),
        context_(CurrentMemoryContext) {}
  ~Stacks() {
    PG_exception_stack = exception_stack_;
    error_context_stack = context_stack_;
    if (!completed_) CurrentMemoryContext = context_;
  }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

  void Complete() { completed_ = true; }

 private:
  sigjmp_buf* const exception_stack_;
  ErrorContextCallback* const context_stack_;
  const MemoryContext context_;
  bool completed_ = false;
};

}  // namespace

bool RunGuarded(void (*kernel)(void*), void* argument) {
  Stacks stacks;
  sigjmp_buf jump;
  // 0: the signal mask is not saved, as in PostgreSQL's own PG_TRY; saving it costs a system call.
  if (sigsetjmp(jump, 0) == 0) {
    PG_exception_stack = &jump;
    kernel(argument);
    stacks.Complete();
    return true;
  }
  return false;
}

}  // namespace pg_cutover::pg::detail
