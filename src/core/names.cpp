// Shortening names without letting two of them meet.
#define PG_CUTOVER_CORE 1
#include "core/names.hpp"

#include <cassert>

#include <fmt/format.h>

#include "core/fingerprint.hpp"

namespace pg_cutover::core {
namespace {

constexpr std::size_t kHashBytes = 9;  // "_" and 8 digits
constexpr std::size_t kMostContinuations = 3;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::string_view Utf8Prefix(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && limit - end < kMostContinuations && IsContinuation(text[end]))
    --end;
  // Text in another encoding has no such structure: cut it where the limit is.
  return text.substr(0, IsContinuation(text[end]) ? limit : end);
}

std::string BoundedName(std::string_view base, std::string_view suffix, std::size_t limit) {
  if (base.size() + suffix.size() <= limit) return fmt::format("{}{}", base, suffix);
  assert(suffix.size() + kHashBytes <= limit);
  const auto hash = static_cast<uint32_t>(Fingerprint().Add(base).Add(suffix).Value());
  return fmt::format("{}_{:08x}{}", Utf8Prefix(base, limit - kHashBytes - suffix.size()), hash,
                     suffix);
}

}  // namespace pg_cutover::core
