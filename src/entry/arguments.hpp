// Arguments of SQL-callable functions as C++ values.
//
// A required argument that is NULL is refused with null_value_not_allowed, by its name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::entry {

class Arguments {
 public:
  explicit Arguments(FunctionCallInfo call) : call_(call) {}

  bool IsNull(int index) const;
  // Raises undefined_table for one that was dropped: regclass takes any number.
  Oid Relation(int index, const char* name) const;
  // For the calls that clean up after a table.
  Oid RelationOrDropped(int index, const char* name) const;
  int64_t Int8(int index, const char* name) const;
  bool Bool(int index, const char* name) const;
  std::string Text(int index, const char* name) const;

  std::optional<std::string> OptionalText(int index) const;
  std::optional<int32_t> OptionalInt4(int index) const;
  std::optional<std::vector<std::string>> OptionalTextArray(int index) const;
  // Milliseconds; a month counts 30 days.
  std::optional<int64_t> OptionalInterval(int index) const;
  // The datum, or 0 where it is NULL.
  Datum OptionalDatum(int index) const;

 private:
  Datum Required(int index, const char* name) const;

  FunctionCallInfo call_;
};

}  // namespace pg_cutover::entry
