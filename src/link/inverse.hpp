// The way back: from rows of the new table to rows of the old one.
//
// Where it exists: a target column that takes a source column bare, renamed, or through a cast that has
// a cast back. Columns that the new shape lacks keep the value that the old row has, and take their
// default in rows that are new (the mirror works as a lens: unmapped columns are left alone).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct Inverse {
  // The link from target to source, with id 0: mapping, keys, injectivity; no filter.
  catalog::LinkRow link;
  // Why there is none, in words, one entry a column: "column \"total\": source.price * 100 has no
  // inverse". Empty: `link` is good.
  std::vector<std::string> obstacles;
};

// `given`: what the user says old columns are computed from, over the new row, as in migrate_link; it
// goes before what would be found. Its expressions are parsed and checked as the caller (PostgreSQL's
// own errors). Takes AccessShareLock on both tables.
Inverse Invert(const catalog::LinkRow& link, Datum given);

}  // namespace pg_cutover::link
