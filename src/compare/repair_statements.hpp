// The SQL of a repair; $1 is a key as jsonb text. See repair.hpp for why they look as they do.
#pragma once

#include <string>
#include <vector>

#include "compare/sides.hpp"

namespace pg_cutover::compare {

struct RepairStatements {
  // One row where the target has the key: its compared columns as jsonb text, NULL when long.
  std::string target_row;
  // The same of what the source says.
  std::string source_row;
  std::string write;
  std::string lock_source;
  std::string lock_target;
  std::string remove;
  // Restrict a side to the key.
  std::string source_key;
  std::string target_key;
  // An index of the source is used although the key is computed; see repair_key.hpp.
  bool led_back = false;
  // Columns that a row gets when it is inserted, and no UPDATE can set.
  std::vector<std::string> insert_only;
  // How many rows of a side have one of the keys $1, an array of jsonb. Keys with a NULL do not
  // count.
  std::string count_in_source;
  std::string count_in_target;
};

RepairStatements BuildRepairStatements(const Sides& sides);

}  // namespace pg_cutover::compare
