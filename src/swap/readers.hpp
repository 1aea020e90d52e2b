// What a query stored in a view, a rule or a function body needs of the live table, and whether the
// mirror has it. Such a query is carried over as text that PostgreSQL prints with the mirror's
// column names; what that text would say wrongly is found here.
#pragma once

#include <string>
#include <vector>

#include "swap/pair.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// One stored query: a row of pg_rewrite or of pg_proc.
struct Reader {
  const char* catalog = nullptr;
  Oid object = InvalidOid;
};

// The reason where Reorder gives up.
inline constexpr const char* kPositions =
    "it names the columns of a join by their position, which is another one after the swap";

class LiveColumns {
 public:
  // `deparsed`: the live table's columns have the mirror's names (see AddViews). `pair` must
  // outlive it.
  LiveColumns(const Pair& pair, bool deparsed);

  // Why the query cannot read the mirror instead, each as the reason of a refusal.
  std::vector<std::string> Obstacles(const Reader& reader) const;
  // It reads a column whose type is another one in the mirror.
  bool ReadsRetyped(const Reader& reader) const;
  // Where `statement`, printed by PostgreSQL, names the live table's columns by their position
  // (FROM t AS x (a, b), or JOIN USING a column of another name), names the mirror's in their order
  // instead. False: it cannot, as the names are those of a join, and `statement` must not be run.
  bool Reorder(std::string* statement) const;

 private:
  struct Column {
    int number = 0;
    std::string name;
    const ColumnPair* pair = nullptr;
  };

  const Column* Find(int number) const;
  // Both tables have the same columns at the same positions.
  bool SameOrder() const;
  std::vector<std::string> MirrorAliases(const std::vector<std::string>& aliases) const;

  const Pair& pair_;
  std::vector<Column> columns_;
  // In their order.
  std::vector<std::string> mirror_columns_;
};

}  // namespace pg_cutover::swap
