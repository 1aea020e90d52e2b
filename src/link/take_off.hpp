// Taking indexes, constraints and foreign keys off an empty table, and putting them back.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct TakeOffRules {
  bool from_target = true;
  // Exclusion constraints too: only where nothing writes to the table before they are built.
  bool exclusion_constraints = false;
  // The name that an object takes at the swap, from the one it has now.
  std::function<std::optional<std::string>(const std::string&)> after_name = {};
};

// Remembers and drops what TakeOffObjects (deferred.hpp) says, under these rules. Returns how many.
int TakeOff(const catalog::LinkRow& link, const TakeOffRules& rules);

}  // namespace pg_cutover::link
