// Whole numbers are read exactly; only a fraction goes through floating point.
#define PG_CUTOVER_CORE 1
#include "core/byte_size.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "core/invalid_input.hpp"
#include "core/text.hpp"

namespace pg_cutover::core {
namespace {

struct Unit {
  std::string_view lower_name;
  int shift;
};

constexpr std::array<Unit, 7> kUnits = {
    {{"", 0}, {"b", 0}, {"kb", 10}, {"mb", 20}, {"gb", 30}, {"tb", 40}, {"pb", 50}}};

std::string Lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

std::optional<int64_t> Scale(std::string_view number, int shift) {
  const char* const last = number.data() + number.size();
  const int64_t unit = int64_t{1} << shift;
  int64_t whole = 0;
  if (const auto [end, error] = std::from_chars(number.data(), last, whole);
      error == std::errc{} && end == last) {
    int64_t bytes = 0;
    return __builtin_mul_overflow(whole, unit, &bytes) ? std::nullopt : std::optional(bytes);
  }
  double fractional = 0;
  const auto [end, error] =
      std::from_chars(number.data(), last, fractional, std::chars_format::fixed);
  const double bytes = fractional * static_cast<double>(unit);
  if (error != std::errc{} || end != last || !(bytes < 0x1p63)) return std::nullopt;
  return static_cast<int64_t>(std::floor(bytes));
}

}  // namespace

int64_t ParseBytes(std::string_view text) {
  const std::string_view trimmed = TrimSpaces(text);
  const std::size_t digits = std::min(trimmed.find_first_not_of("0123456789."), trimmed.size());
  const std::string unit_name = Lower(TrimSpaces(trimmed.substr(digits)));
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& known) { return known.lower_name == unit_name; });
  if (digits > 0 && unit != kUnits.end()) {
    if (const auto bytes = Scale(trimmed.substr(0, digits), unit->shift)) return *bytes;
  }
  throw InvalidInput(fmt::format("invalid size: \"{}\"", text),
                     "Write a number of bytes, or a number with one of the units B, kB, MB, GB, TB "
                     "and PB, such as \"16MB\"; at most 8 EiB.");
}

}  // namespace pg_cutover::core
