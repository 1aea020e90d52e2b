// Beginnings of texts; see prefix.hpp.
#include <algorithm>

#include "pg/prefix.hpp"

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

std::string Prefix(std::string_view text, int bytes) {
  // A length is an int there; no text is looked at beyond what is kept.
  const auto length = static_cast<int>(std::min(text.size(), static_cast<size_t>(bytes) + 1));
  if (length <= bytes) return std::string(text);
  const char* const begin = text.data();
  const int kept = Section([=] { return pg_mbcliplen(begin, length, bytes); });
  return std::string(text.substr(0, static_cast<size_t>(kept)));
}

}  // namespace pg_cutover::pg
