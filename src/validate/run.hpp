// Running all checks of a migration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validate/check.hpp"

namespace pg_cutover::validate {

struct CheckResult {
  std::optional<std::string> name;  // nullopt: of no check, the run did not take place
  Finding finding;
};

// Raises undefined_object for a migration that is not there, insufficient_privilege for somebody
// else's, and object_not_in_prerequisite_state for one without checks: nothing that was looked at
// is not a success.
void RequireChecks(const std::string& migration);

// Locks what the checks read, then runs every check, in the order in which they were added, under
// one snapshot, and records the results in the caller's transaction. One run a migration at a time:
// a lock is held until the transaction ends. Where another session has it, nothing is run and
// nothing recorded; the one result says so.
std::vector<CheckResult> Validate(const std::string& migration);

}  // namespace pg_cutover::validate
