// The one way core says that text or a value given by a user cannot be accepted.
//
// Must hold: thrown only for what a user can mend. Mistakes of the programmer are assertions. The
// layer above turns this into an SQL error with message and hint.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pg_cutover::core {

class InvalidInput : public std::invalid_argument {
 public:
  explicit InvalidInput(const std::string& message, std::string hint = {})
      : std::invalid_argument(message), hint_(std::move(hint)) {}

  // What to write instead; empty when there is nothing to add.
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
