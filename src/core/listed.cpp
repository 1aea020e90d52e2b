// Lists in messages; see listed.hpp.
#define PG_CUTOVER_CORE 1
#include "core/listed.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pg_cutover::core {

std::string Listed(const std::vector<std::string>& items, std::string_view separator) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(items.size(), kMostListed));
  std::string text = fmt::format("{}", fmt::join(items.begin(), items.begin() + shown, separator));
  if (items.size() > kMostListed)
    text += fmt::format("{}and {} more", separator, items.size() - kMostListed);
  return text;
}

}  // namespace pg_cutover::core
