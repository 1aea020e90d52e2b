// SQL from inside the server.
//
// One connection object a block; constant SQL with parameters, results as C++ values. Text that came
// from a user reaches SQL only as a parameter or through QuoteIdentifier/QuoteLiteral (text.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

// A parameter. Construct with the factory that names its SQL type; std::nullopt is NULL.
struct Argument {
  Oid type = InvalidOid;
  Datum value = 0;
  bool null = true;

  static Argument Int4(std::optional<int32_t> value);
  static Argument Int8(std::optional<int64_t> value);
  static Argument Float8(std::optional<double> value);
  static Argument Bool(std::optional<bool> value);
  static Argument ObjectId(std::optional<Oid> value);
  static Argument RegClass(std::optional<Oid> value);
  static Argument Text(const std::optional<std::string>& value);
  static Argument TextArray(const std::optional<std::vector<std::string>>& value);
  // An SQL value of any type in its text form, to be cast in the statement: $1::jsonb.
  static Argument Of(Oid type, Datum value, bool null) { return {type, value, null}; }
};

class Spi;

// The rows of a statement; valid until its Spi object goes. Columns count from 1; a column that is
// NULL gives nullopt.
class Rows {
 public:
  uint64_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Rows inserted, updated, deleted or selected.
  uint64_t affected() const { return affected_; }

  std::optional<std::string> Text(uint64_t row, int column) const;
  std::optional<int64_t> Int8(uint64_t row, int column) const;
  std::optional<int32_t> Int4(uint64_t row, int column) const;
  std::optional<double> Float8(uint64_t row, int column) const;
  std::optional<bool> Bool(uint64_t row, int column) const;
  std::optional<Oid> ObjectId(uint64_t row, int column) const;
  std::vector<std::string> TextArray(uint64_t row, int column) const;
  Datum Value(uint64_t row, int column, bool* null) const;
  SPITupleTable* table() const { return table_; }

 private:
  friend class Spi;
  SPITupleTable* table_ = nullptr;
  uint64_t count_ = 0;
  uint64_t affected_ = 0;
};

class Spi {
 public:
  // `flags` as for SPI_connect_ext, for procedures that commit.
  explicit Spi(int flags = 0);
  ~Spi();
  Spi(const Spi&) = delete;
  Spi& operator=(const Spi&) = delete;

  // Runs one statement. Needs an active snapshot for anything but utility commands.
  Rows Execute(std::string_view sql, const std::vector<Argument>& arguments = {});
  // Runs a statement that must not write: PostgreSQL raises an error if it tries. Stops after
  // `most` rows; 0: gives all.
  Rows Query(std::string_view sql, const std::vector<Argument>& arguments = {}, int64_t most = 0);

 private:
  Rows Run(std::string_view sql, const std::vector<Argument>& arguments, bool read_only,
           int64_t most);

  UnwindProbe probe_;
};

}  // namespace pg_cutover::pg
