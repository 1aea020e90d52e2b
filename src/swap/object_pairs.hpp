// Which object of the live table is the same thing as which of the mirror: indexes, extended
// statistics, the sequences of columns.
//
// All functions take the Pair as it is now: `columns[].live` are the names that the live table's
// columns have at this moment (see Aligned). They read catalogs only, under CanonicalSettings of
// the caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/swap_rows.hpp"
#include "swap/pair.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// The pair while the live table's columns carry the mirror's names. May be repeated.
Pair Aligned(Pair pair);

// Live and mirror names of the paired columns, for unnest($n::text[], $m::text[]).
std::vector<std::string> LiveNames(const Pair& pair);
std::vector<std::string> MirrorNames(const Pair& pair);

// Of the swap that stands between exactly these two tables; empty where there is none.
std::vector<catalog::RenamedPair> StandingRenames(const Pair& pair);
// This swap takes back one that stands: the mirror is the table that was live before.
bool TakesBack(const Pair& pair);

struct ObjectPair {
  Oid live = InvalidOid;
  Oid mirror = InvalidOid;
  std::string schema;  // of both, unquoted
  std::string live_name;
  std::string mirror_name;
};

// First what an earlier swap exchanged, then what the link remembers, then equal definitions. Each
// object is in one pair at most. Invalid indexes are in none.
std::vector<ObjectPair> PairIndexes(const Pair& pair,
                                    const std::vector<catalog::RenamedPair>& reverted);
// Statistics objects in different schemas are not paired: they could not exchange names.
std::vector<ObjectPair> PairStatistics(const Pair& pair,
                                       const std::vector<catalog::RenamedPair>& reverted);

// A sequence that a column uses or owns.
struct ColumnSequence {
  bool of_live = false;
  std::string column;
  Oid sequence = InvalidOid;
  std::string schema;
  std::string name;
  bool identity = false;
  bool owned = false;       // identity included
  bool in_default = false;  // identity included
};
// Of both tables, in the order of columns and OIDs.
std::vector<ColumnSequence> ColumnSequences(const Pair& pair);

// The two sequences of a column that has one of its own in each table.
struct SequencePair {
  ColumnSequence live;
  ColumnSequence mirror;
};
std::vector<SequencePair> PairSequences(const Pair& pair);
// The sequence that feeds the column, else the one that it owns; nullptr where it has none.
const ColumnSequence* SequenceOf(const std::vector<ColumnSequence>& sequences, bool of_live,
                                 const std::string& column);

}  // namespace pg_cutover::swap
