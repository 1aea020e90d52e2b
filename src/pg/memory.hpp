// Memory contexts from C++.
//
//   MemoryScope   switches CurrentMemoryContext for a block
//   OwnedContext  a context that is created, reset wholesale and deleted with its owner
//   Allocator<T>  lets a Boost container live in a memory context
//
// A context is reset without running destructors, so what lives in one must be trivially
// destructible; Allocator enforces that.
#pragma once

#include <exception>
#include <limits>
#include <new>
#include <type_traits>

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// True while an exception that started after the object's birth unwinds the stack. Destructors of
// resources do nothing then: the abort of the transaction releases what they hold.
class UnwindProbe {
 public:
  bool Unwinding() const { return std::uncaught_exceptions() > at_birth_; }

 private:
  int at_birth_ = std::uncaught_exceptions();
};

// What an ERROR resets although whoever swallows it may run with interrupts held: a commit does, and
// would count below zero afterwards, which holds them for good.
class InterruptState {
 public:
  void Restore() const {
    InterruptHoldoffCount = interrupts_;
    QueryCancelHoldoffCount = cancels_;
  }

 private:
  uint32 interrupts_ = InterruptHoldoffCount;
  uint32 cancels_ = QueryCancelHoldoffCount;
};

class MemoryScope {
 public:
  explicit MemoryScope(MemoryContext context) : saved_(MemoryContextSwitchTo(context)) {}
  ~MemoryScope() { CurrentMemoryContext = saved_; }
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

 private:
  const MemoryContext saved_;
};

class OwnedContext {
 public:
  // `name` must be a literal: PostgreSQL keeps the pointer.
  OwnedContext(MemoryContext parent, const char* name)
      : context_(Section([=] {
          return AllocSetContextCreateInternal(parent, name, ALLOCSET_DEFAULT_SIZES);
        })) {}
  // Deletes in every case: a context below a long-lived parent is not the abort's business.
  ~OwnedContext() { MemoryContextDelete(context_); }
  OwnedContext(const OwnedContext&) = delete;
  OwnedContext& operator=(const OwnedContext&) = delete;

  MemoryContext get() const { return context_; }
  void Reset() { MemoryContextReset(context_); }

 private:
  const MemoryContext context_;
};

template <class T>
class Allocator {
 public:
  static_assert(std::is_trivially_destructible_v<T>,
                "a context reset runs no destructors");
  using value_type = T;

  explicit Allocator(MemoryContext context) : context_(context) {}
  template <class U>
  Allocator(const Allocator<U>& other) : context_(other.context()) {}

  // Throws bad_alloc instead of raising an error: containers may be half-built at this point.
  T* allocate(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / sizeof(T) ||
        !AllocHugeSizeIsValid(count * sizeof(T)))
      throw std::bad_alloc();
    void* const memory = MemoryContextAllocExtended(context_, count * sizeof(T),
                                                    MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t) { pfree(memory); }

  MemoryContext context() const { return context_; }
  template <class U>
  bool operator==(const Allocator<U>& other) const {
    return context_ == other.context();
  }

 private:
  MemoryContext context_;
};

}  // namespace pg_cutover::pg
