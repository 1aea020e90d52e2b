// The statements of the sql method.
//
// A link that owns the rows of its target inserts them. A partial link fills its columns of rows
// that are there: one statement locks the target's rows with SKIP LOCKED, updates those that it
// got, and names the others. A source row without a row of the target is dropped: whoever makes
// that row reads the source.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

namespace pg_cutover::copy {

struct SqlText {
  // Parameters of a range: $1.. the key after which it begins (as text), none where `first`.
  // Upper bound: one row, the keys as text, of the last row of a range of at most N rows ($last).
  std::string bound_first;
  std::string bound_next;
  // A row with a NULL in its key, the keys as text: rows that no range contains. Empty where keys
  // are NOT NULL.
  std::string null_key;
  // Locks rows; one row per due key: the keys as text, and whether it was locked.
  std::string lock_first;
  std::string lock_next;
  std::string lock_listed;
  // Writes the rows of which the keys are given as one text array a key column. Of a partial link:
  // one row per row of the target, the source's key as text, and whether it was filled or is to be
  // tried again.
  std::string write_listed;
  // The same for a range as it is read: sources that cannot be locked.
  std::string write_first;
  std::string write_next;
  std::vector<std::string> key_names;  // for messages
  bool lockable = false;
};

// Builds them from a link whose expressions are canonical. Needs a transaction. Raises
// object_not_in_prerequisite_state where the tables no longer fit the link, feature_not_supported
// for a partial link that fills no column.
SqlText BuildSqlText(const catalog::LinkRow& link, bool skip_existing);

}  // namespace pg_cutover::copy
