// Daily windows at the resolution of a minute.
#define PG_CUTOVER_CORE 1
#include "core/window.hpp"

#include <cassert>
#include <optional>

#include <fmt/format.h>

#include "core/invalid_input.hpp"
#include "core/text.hpp"

namespace pg_cutover::core {
namespace {

constexpr std::string_view kHint =
    "Write the first and the last time of the day, such as \"22:00-06:00\"; 24:00 is allowed as "
    "the "
    "end.";

std::optional<int> TwoDigits(std::string_view text) {
  if (text.empty() || text.size() > 2) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// Minutes since midnight, 0..1440.
std::optional<int> ParseClock(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() - colon != 3) return std::nullopt;
  const auto hours = TwoDigits(text.substr(0, colon));
  const auto minutes = TwoDigits(text.substr(colon + 1));
  if (!hours || !minutes || *minutes > 59) return std::nullopt;
  const int clock = *hours * 60 + *minutes;
  if (clock > Window::kMinutesPerDay) return std::nullopt;
  return clock;
}

}  // namespace

Window Window::Parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto start = ParseClock(TrimSpaces(text.substr(0, dash)));
    const auto end = ParseClock(TrimSpaces(text.substr(dash + 1)));
    if (start && end && *start == *end) {
      throw InvalidInput(fmt::format("window \"{}\" begins and ends at the same time", text),
                         "Leave the window out to allow the whole day.");
    }
    if (start && end && *start < kMinutesPerDay) return {*start, *end};
  }
  throw InvalidInput(fmt::format("invalid window: \"{}\"", text), std::string(kHint));
}

bool Window::Contains(int minute_of_day) const {
  assert(0 <= minute_of_day && minute_of_day < kMinutesPerDay);
  if (start_ < end_) return start_ <= minute_of_day && minute_of_day < end_;
  return start_ <= minute_of_day || minute_of_day < end_;
}

std::string Window::ToText() const {
  return fmt::format("{}-{}", ClockText(start_), ClockText(end_));
}

std::string ClockText(int minute_of_day) {
  return fmt::format("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60);
}

}  // namespace pg_cutover::core
