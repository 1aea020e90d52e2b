// Which links can be kept in step.
#pragma once

#include "catalog/link_rows.hpp"

namespace pg_cutover::capture {

enum class Moment {
  // A copy will begin, which takes indexes and outbound foreign keys off an empty target first.
  kBeforeCopy,
  kNow,
};

// Raises what Install (install.hpp) raises, except for the state of an earlier dual-write. Takes no
// lock that anybody would wait for.
void RequireCapturable(const catalog::LinkRow& link, Moment moment);

}  // namespace pg_cutover::capture
