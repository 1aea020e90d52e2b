// The beginning of a text that may be too long to be shown or kept.
#pragma once

#include <string>
#include <string_view>

namespace pg_cutover::pg {

// At most so many bytes of it, in whole characters of the database's encoding.
std::string Prefix(std::string_view text, int bytes);

}  // namespace pg_cutover::pg
