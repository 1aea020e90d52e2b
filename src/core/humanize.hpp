// Numbers as people read them, in reasons and progress lines. English, independent of locale.
#pragma once

#include <cstdint>
#include <string>

namespace pg_cutover::core {

// "1,234,567"
std::string HumanCount(int64_t count);
// "512 bytes", "12.3 MB", "16 MB": powers of 1024, as pg_size_pretty; one decimal unless it is 0.
std::string HumanBytes(int64_t bytes);
// A duration in milliseconds: "250 ms", "7.2 s", "5 s", "3 min 20 s", "2 h 05 min", "4 d 03 h".
// Below 0 is 0.
std::string HumanDuration(double ms);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
