// Ranges of the key in which both sides can be read.
//
// The source's key and the target's must have one order: each key column is a plain column of the
// source, of the same type and collation (or both are integers), and both tables have an index in
// that order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compare/part.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::compare {

using KeyPosition = std::vector<std::string>;  // a key's columns as text

// Why the tables cannot be compared range by range; nullopt: they can.
std::optional<std::string> RangeObstacle(const Sides& sides);

struct RangeEnd {
  KeyPosition key;
  bool beyond = false;  // comes after `last`
};

// The key of one pair of tables, for one transaction. Refers to the sides.
class KeyRanges {
 public:
  // Raises feature_not_supported where they cannot be compared range by range.
  explicit KeyRanges(const Sides& sides);

  // The greatest key of the source; nullopt: it is empty. With an active snapshot.
  std::optional<KeyPosition> Last() const;

  // The key of the source that is `rows` rows after `after`; nullopt: there are fewer left. With an
  // active snapshot.
  std::optional<RangeEnd> FindEnd(const std::optional<KeyPosition>& after, int64_t rows,
                                  const std::optional<KeyPosition>& last) const;

  // Rows with after < key <= end on both sides; without one of them the range is open there, so
  // that rows of the target beyond any of the source's belong to a range, too.
  Conditions Between(const std::optional<KeyPosition>& after,
                     const std::optional<KeyPosition>& end) const;

 private:
  struct Column {
    std::string source;  // source.a
    std::string target;  // target.b
    std::string type;    // that holds the keys of both
  };
  friend std::optional<std::string> RangeObstacle(const Sides& sides);
  static std::vector<Column> Columns(const Sides& sides, std::string* obstacle);

  std::string Listed(std::string Column::*side) const;
  std::string Literals(const KeyPosition& position) const;
  std::string Condition(std::string Column::*side, const std::optional<KeyPosition>& after,
                        const std::optional<KeyPosition>& end) const;
  std::string AsText() const;
  KeyPosition FirstPosition(const pg::Rows& rows) const;

  const Sides& sides_;
  std::vector<Column> columns_;
};

// Row versions written by transactions from this id on.
Conditions ChangedSince(uint64_t horizon);

}  // namespace pg_cutover::compare
