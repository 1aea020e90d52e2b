// Which relations can be linked. Each refusal is its own error with the reason and the way out.
#pragma once

#include <optional>
#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

// What can be copied once but not kept in step; nullopt where both work. Raises for a source that
// cannot be read by a worker at all, or that hides rows from the caller. Takes AccessShareLock on
// the leaves of a partitioned source.
std::optional<std::string> CheckSource(::Relation source);

// Raises the refusal that CheckSource returned.
[[noreturn]] void RaiseUnsyncable(Oid source, const std::string& reason);

// The same for the target: what can be written but not kept in step (an access method that is not
// heap).
std::optional<std::string> CheckTarget(::Relation target);

}  // namespace pg_cutover::link
