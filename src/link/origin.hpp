// Where a piece of SQL comes from, said in every error about it.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Where an expression comes from, for messages.
struct Origin {
  std::string what;  // as in: column mapping for "price"
  std::string text;
};

// While it lives, PostgreSQL's errors get the origin as context. Positions count in the origin's
// text, not in the statement that the client sent, so they are moved to where PL/pgSQL reports its
// own. Must surround the Sections that it explains, never be inside one.
class OriginScope {
 public:
  explicit OriginScope(const Origin& origin) : origin_(origin) {
    callback_.callback = Explain;
    callback_.arg = this;
    callback_.previous = error_context_stack;
    error_context_stack = &callback_;
  }
  ~OriginScope() { error_context_stack = callback_.previous; }
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;

 private:
  static void Explain(void* argument) {
    const auto* const self = static_cast<const OriginScope*>(argument);
    const int position = geterrposition();
    if (position > 0) {
      errposition(0);
      internalerrposition(position);
      internalerrquery(self->origin_.text.c_str());
    }
    errcontext("%s", self->origin_.what.c_str());
  }

  const Origin& origin_;
  ErrorContextCallback callback_ = {};
};

}  // namespace pg_cutover::link
