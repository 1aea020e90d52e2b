// The two sides of a comparison: which columns of the target are compared, and what they are to be.
//
// With a link that is what its mapping says, the same canonical expressions that copy and capture
// evaluate; the link's filter decides which source rows count. Without a link columns are compared
// by name, in a form that loses nothing of either value (common_form.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/sketch.hpp"

#include "catalog/link_rows.hpp"
#include "compare/shape.hpp"
#include "pg/spi.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

struct Column {
  std::string name;    // of the target
  std::string source;  // over alias source; linked: as the target's type
  std::string target;  // over alias target
  Oid type = InvalidOid;
  Shown shown = Shown::kAsJson;
  // Of key columns: the source's own column, where it holds what the target's is to hold, in the
  // same order. Conditions on it are served by an index, those on `source` often are not.
  std::optional<std::string> plain;
  Oid plain_type = InvalidOid;
  AttrNumber plain_number = InvalidAttrNumber;
  Oid probe_type() const { return plain ? plain_type : type; }
  const std::string& probe() const { return plain ? *plain : source; }
};

struct Sides {
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  std::optional<catalog::LinkRow> link;
  // The key's columns come first.
  std::vector<Column> columns;
  size_t key_columns = 0;  // 0: rows are a multiset
  // No two rows of a side have one key.
  bool unique = false;
  core::SketchKeys keys = core::SketchKeys::kWholeRow;
  // FROM and WHERE, with the aliases source and target.
  std::string source_rows;
  std::string target_rows;
  // " AND ..." that target_rows ends in, over alias target: which of its rows are the source's.
  std::string target_restriction;
  // It reads the tables of other links.
  bool several_sources = false;
  // "OPERATOR(schema.=)" for each key column: an extension's operator is not on the search path.
  std::vector<std::string> key_equality;
};

// Takes AccessShareLock on both for the rest of the transaction: no TRUNCATE and no rewrite then
// comes between a snapshot taken later and the scans. Raises
//   feature_not_supported              without a link: columns that only one side has
//   datatype_mismatch                  without a link: columns without a common form
//   object_not_in_prerequisite_state   the tables no longer fit their link
Sides LoadSides(Oid source, Oid target);

// One for each mapped column, in the mapping's order.
std::vector<Column> LinkedColumns(const catalog::LinkRow& link, ::Relation source,
                                  ::Relation target);

// "OPERATOR(schema.=)" of the type. Raises feature_not_supported where it has none.
std::string EqualityOf(pg::Spi& spi, Oid type);

// Raises wrong_object_type unless it is something that can be selected from.
void RequireRows(Oid relation);

// A table or partitioned table: not something that reads others, nor rows that lie elsewhere.
bool IsTable(Oid relation);

// A column by its name, as long as the relation is open; nullptr where there is none.
Form_pg_attribute Attribute(::Relation relation, const std::string& column);

}  // namespace pg_cutover::compare
