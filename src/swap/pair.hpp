// The two tables of a swap.
//
// `live` is the table that applications use now, `mirror` the one that takes its place. A revert is a
// swap with the roles exchanged: everything in this folder works on a Pair and never asks which way
// the migration originally went.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct ColumnPair {
  std::string live;
  std::string mirror;
  bool same_type = false;  // type, modifier and collation
};

struct Pair {
  // live -> mirror: the direction in which rows flow until the swap.
  catalog::LinkRow link;
  Oid live = InvalidOid;
  Oid mirror = InvalidOid;
  std::string schema;       // of both, unquoted
  std::string live_name;    // unqualified, unquoted
  std::string mirror_name;
  // What the live table is called afterwards.
  std::string retired_name;
  // Columns that are the same column in both, whatever they are called: the link maps one to the other
  // bare or through a cast. Columns that only one table has are not here.
  std::vector<ColumnPair> columns;

  std::string Live() const;    // qualified and quoted, as the table is called now
  std::string Mirror() const;
  // By the name in the live table; nullptr where the mirror has no such column.
  const ColumnPair* ByLive(const std::string& column) const;
};

// `retired_name` nullopt: chosen. Raises object_not_in_prerequisite_state where the tables are in
// different schemas, duplicate_table where `retired_name` is taken, and what LoadLink raises.
Pair LoadPair(const catalog::LinkRow& link, const std::optional<std::string>& retired_name);

}  // namespace pg_cutover::swap
