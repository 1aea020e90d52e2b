// Wording of counts, sizes and durations.
#define PG_CUTOVER_CORE 1
#include "core/humanize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace pg_cutover::core {
namespace {

constexpr std::array<std::string_view, 6> kByteUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};

// One decimal, left out where it is 0.
std::string ShortDecimal(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string HumanCount(int64_t count) {
  std::string text = fmt::format("{}", count);
  const std::size_t sign = count < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > sign + 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string HumanBytes(int64_t bytes) {
  const auto exact = static_cast<double>(bytes);
  if (std::abs(exact) < 1024) return fmt::format("{} bytes", bytes);
  double value = exact / 1024;
  std::size_t unit = 0;
  // From here one decimal would print "1024".
  while (std::abs(value) >= 1023.95 && unit + 1 < kByteUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", ShortDecimal(value), kByteUnits[unit]);
}

std::string HumanDuration(double ms) {
  if (!(ms > 0)) return "0 ms";
  if (ms < 999.5) return fmt::format("{:.0f} ms", ms);
  if (ms < 59'950) return fmt::format("{} s", ShortDecimal(ms / 1000));
  const auto seconds = static_cast<int64_t>(std::llround(std::min(ms / 1000, 1e15)));
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  const int64_t minutes = seconds / 60;
  if (minutes < 24 * 60) return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
  const int64_t hours = minutes / 60;
  return fmt::format("{} d {:02} h", hours / 24, hours % 24);
}

}  // namespace pg_cutover::core
