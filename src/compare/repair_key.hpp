// How a repair finds the rows of a key that a comparison has listed as jsonb.
//
// The key is one of the target. In the source it is what the mapping makes of a row, and where that
// is a computed value (a number that becomes text) no index serves the condition: each look would
// read the whole table. The value is therefore led back to the source's own column where that is
// exact: whenever the mapping of x equals the key, x equals what the key leads back to. It comes on
// top of the condition and never replaces it, and a key that no row can have (letters, where
// numbers become text) leads to NULL instead of an error.
#pragma once

#include <string>
#include <vector>

#include "compare/sides.hpp"
#include "compare/statements.hpp"

namespace pg_cutover::compare {

class RepairKey {
 public:
  // Raises feature_not_supported where a key's value does not come back from jsonb as it was:
  // arrays, composite types, json, and what an extension casts to json.
  explicit RepairKey(const Sides& sides);

  // Restricts a side to the rows of `key`, an SQL expression of type jsonb.
  std::string Condition(Side side, const std::string& key) const;
  // Some column is led back, and an index of the source serves them. A row that this index does
  // not know is not found.
  bool led_back() const { return led_back_; }

 private:
  struct Column {
    std::string source;
    std::string target;
    std::string equality;
    std::string name;  // as a literal
    std::string type;
    // The source's own column, where the value is led back to it, and its type; else empty.
    std::string origin;
    Oid origin_type = InvalidOid;
    bool is_number = false;  // the key's value is; else it is a text
  };

  static std::string LeadBack(const Column& column, const std::string& value);

  std::vector<Column> columns_;
  bool led_back_ = false;
};

}  // namespace pg_cutover::compare
