// Reading sizes as people write them in PostgreSQL settings.
#pragma once

#include <cstdint>
#include <string_view>

namespace pg_cutover::core {

// Bytes from "16MB", "512 kB", "1.5 GB" or "1024". Units B, kB, MB, GB, TB, PB are powers of 1024
// and may be written in any case. Throws InvalidInput for anything else, negative sizes and what
// does not fit into int64.
int64_t ParseBytes(std::string_view text);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
