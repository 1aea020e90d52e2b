// Calling PostgreSQL from C++.
//
// PostgreSQL errors are longjmps, and a longjmp over a frame that owns an object with a destructor is
// undefined behaviour. So every PostgreSQL call that can raise an error goes through a guard whose
// sigsetjmp frame lies deeper than any such object:
//
//   Call(fn, args...)  one C function
//   Section(kernel)    a lambda that holds only trivially destructible locals and PostgreSQL calls;
//                      for hot loops: guard a batch, not a tuple
//
// The guard restores the exception stack, the error context stack and the memory context and throws
// PgError. A guard costs about 3 ns (sigsetjmp without the signal mask).
#pragma once

#include <type_traits>
#include <utility>

#include "pg/error.hpp"

namespace pg_cutover::pg {

namespace detail {

// The jump itself, out of line so that sigsetjmp appears in one file only. Runs `kernel(argument)`;
// returns false if PostgreSQL raised an error. C++ exceptions pass through, with the stacks restored.
bool RunGuarded(void (*kernel)(void*), void* argument);

}  // namespace detail

template <class Kernel>
auto Section(Kernel&& kernel) -> std::invoke_result_t<Kernel&> {
  using Result = std::invoke_result_t<Kernel&>;
  if constexpr (std::is_void_v<Result>) {
    const bool done = detail::RunGuarded(
        [](void* argument) { (*static_cast<std::remove_reference_t<Kernel>*>(argument))(); },
        const_cast<void*>(static_cast<const void*>(&kernel)));
    if (!done) throw PgError{};
  } else {
    static_assert(std::is_trivially_copyable_v<Result> && std::is_trivially_destructible_v<Result>,
                  "a longjmp would skip the destructor of this result");
    struct Frame {
      std::remove_reference_t<Kernel>* kernel;
      Result result;
    };
    Frame frame{&kernel, Result{}};
    const bool done = detail::RunGuarded(
        [](void* argument) {
          auto* const inner = static_cast<Frame*>(argument);
          inner->result = (*inner->kernel)();
        },
        &frame);
    if (!done) throw PgError{};
    return frame.result;
  }
}

template <class Function, class... Arguments>
auto Call(Function* function, Arguments... arguments) {
  static_assert((std::is_trivially_copyable_v<Arguments> && ...),
                "arguments of a guarded call must be plain data");
  return Section([&] { return function(arguments...); });
}

}  // namespace pg_cutover::pg
