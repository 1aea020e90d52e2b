// The part of each day in which a job may work.
#pragma once

#include <string>
#include <string_view>

namespace pg_cutover::core {

// Minutes of the day [start, end); wraps midnight where start > end. Never empty.
class Window {
 public:
  static constexpr int kMinutesPerDay = 1440;

  // "22:00-06:00"; the end may be 24:00; equal ends are refused, because they could mean all or
  // nothing. Throws InvalidInput.
  static Window Parse(std::string_view text);

  // `minute_of_day` in 0..1439, in the time zone the caller has chosen.
  bool Contains(int minute_of_day) const;

  // "22:00-06:00", two digits each.
  std::string ToText() const;

  friend bool operator==(const Window&, const Window&) = default;

 private:
  Window(int start, int end) : start_(start), end_(end) {}

  int start_;
  int end_;
};

// "07:05" for 425.
std::string ClockText(int minute_of_day);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
