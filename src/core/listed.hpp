// Lists in messages: they must not grow with the number of sessions that a busy server has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pg_cutover::core {

// Of a list, what is named one by one.
inline constexpr std::size_t kMostListed = 5;

// "a; b; c": all items, or the first kMostListed and how many more there are.
std::string Listed(const std::vector<std::string>& items, std::string_view separator = "; ");

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
