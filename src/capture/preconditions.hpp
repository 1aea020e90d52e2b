// Which links can be kept in step.
#pragma once

#include "catalog/link_rows.hpp"

namespace pg_cutover::capture {

enum class Moment {
  // A copy will begin, which takes indexes and outbound foreign keys off an empty target first.
  kBeforeCopy,
  kNow,
};

// Whether the table, or anything below it, has a row that is committed at this moment, whatever the
// snapshot of the transaction. Keeps AccessShareLock on what it reads.
bool HasRows(Oid relation);

// Raises what Install (install.hpp) raises, except for the state of an earlier dual-write. Takes no
// lock that anybody would wait for.
void RequireCapturable(const catalog::LinkRow& link, Moment moment);

// Raises object_not_in_prerequisite_state where links that are kept in step fill columns of the
// rows that this one owns: a copy of its rows would not read their sources, and the columns would
// stay empty. Nothing for a link that is partial itself.
void RequireNoneFillsColumns(const catalog::LinkRow& link);

// The target has no rows but those that other links account for. Asked before the locks and once
// more under them.
void RequireEmpty(const catalog::LinkRow& link);

}  // namespace pg_cutover::capture
