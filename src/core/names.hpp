// Names for objects we create beside the user's: they must fit PostgreSQL's limit and stay
// distinct.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pg_cutover::core {

// Bytes of an identifier in a server with the usual NAMEDATALEN of 64.
inline constexpr std::size_t kMaxNameBytes = 63;

// `base` + `suffix` where that fits into `limit` bytes; else as much of `base` as fits, "_" and 8
// hexadecimal digits that depend on all of `base` and `suffix`, and `suffix`. Never cuts a UTF-8
// sequence. The hash is stable across versions and machines. Asserts that the suffix leaves room
// for the hash.
std::string BoundedName(std::string_view base, std::string_view suffix,
                        std::size_t limit = kMaxNameBytes);

// The longest prefix of `text` of at most `limit` bytes that ends with a whole UTF-8 character.
std::string_view Utf8Prefix(std::string_view text, std::size_t limit);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
