// The statements of the sql method.
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
  // A row with a NULL in its key, the keys as text: rows that no range contains. Empty where keys are
  // NOT NULL.
  std::string null_key;
  // Locks rows; one row per due key: the keys as text, and whether it was locked.
  std::string lock_first;
  std::string lock_next;
  std::string lock_listed;
  // Inserts the rows of which the keys are given as one text array a key column.
  std::string insert_listed;
  // Inserts a range as it is read: sources that cannot be locked.
  std::string insert_first;
  std::string insert_next;
  std::vector<std::string> key_names;  // for messages
  bool lockable = false;
};

// Builds them from a link whose expressions are canonical. Needs a transaction.
SqlText BuildSqlText(const catalog::LinkRow& link, bool skip_existing);

}  // namespace pg_cutover::copy
