// From what the user gave to a complete mapping: one expression for every target column that has
// one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// What a target column comes from although the user did not name it in `columns`: how a shadow
// table remembers renames and USING expressions.
struct InheritedColumn {
  std::string column;
  // Canonical, over the source row.
  std::string expression;
};

// A target column and what feeds it, analysed: `value` has been coerced to the column's type.
struct ResolvedColumn {
  AttrNumber attribute;
  std::string name;
  // Canonical, before the coercion.
  std::string expression;
  Node* value;
};

struct Resolution {
  std::vector<ResolvedColumn> columns;
  std::optional<std::string> source_filter;
  // Source columns that no target column takes; target columns that take their default.
  std::vector<std::string> unused;
  std::vector<std::string> defaulted;
};

struct ColumnRequest {
  // jsonb, or 0: none.
  Datum columns = 0;
  std::optional<std::string> filter = {};
  // Nullopt: unnamed columns map by name.
  std::optional<std::vector<InheritedColumn>> inherited = {};
  // False: target columns without a source need no default, other links own the rows.
  bool owner = true;
};

// Parses and checks everything with the caller's search_path and rights. Both relations are open.
Resolution Resolve(const ColumnRequest& request, ::Relation source, ::Relation target);

}  // namespace pg_cutover::link
