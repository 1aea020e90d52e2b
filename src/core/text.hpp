// Small helpers for reading what users write.
#pragma once

#include <string_view>

namespace pg_cutover::core {

// Without the spaces at both ends.
constexpr std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
