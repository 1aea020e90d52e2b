// Which way a copy takes, and why.
//
//   direct  heap to heap inside the server: range scan, multi-insert, index entries
//   sql     batched INSERT ... SELECT, or UPDATE of rows that another link owns, in key order:
//           everything that the direct method refuses
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

namespace pg_cutover::copy {

struct MethodChoice {
  std::string method;
  // Why the direct method does not apply; empty where it does.
  std::vector<std::string> obstacles;
};

// `requested`: auto, direct or sql. Raises feature_not_supported where `direct` is asked for and
// does not apply, invalid_parameter_value for an unknown name. `before_start`: foreign keys of an
// empty target do not count, as the copy takes them off; object_not_in_prerequisite_state where
// other links fill columns of the rows that the copy would make.
MethodChoice ChooseMethod(const catalog::LinkRow& link, const std::string& requested,
                          bool before_start);

// True where no visible row is in the table. Needs an active snapshot.
bool IsEmpty(Oid relation);

}  // namespace pg_cutover::copy
