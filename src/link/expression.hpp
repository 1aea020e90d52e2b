// SQL expressions over a row of a source relation: parsed, checked, and turned into canonical text.
//
// Canonical text names everything that is not in pg_catalog with its schema and every column as
// source.column, so that it means the same whoever parses it under CanonicalSettings.
// Analysed trees are plain PostgreSQL memory in the current context; the source's Vars have
// number 1.
#pragma once

#include <string>

#include "link/origin.hpp"
#include "pg/resource.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// The settings under which canonical text is written and read.
class CanonicalSettings {
 public:
  CanonicalSettings();

 private:
  pg::GucScope settings_;
};

// The grammar's tree of a lone expression. Refuses (syntax_error) anything beside it: an alias,
// FROM, WHERE, a second column.
Node* ParseExpression(const Origin& origin);

// Analysed and checked: over the columns of `source` only, not volatile, no set-returning,
// aggregate or window function, no system column, no row locks. `raw` is scribbled on.
Node* AnalyseExpression(const Origin& origin, Node* raw, ::Relation source);

// The same for the text of a link, which was checked when it was made. Nothing of it is computed,
// constants neither, so that no function of the table's owner runs as whoever calls.
Node* TransformExpression(const Origin& origin, Node* raw, ::Relation source);

// The value converted as an assignment to the target's column would; nullptr where there is no
// assignment cast. Raises when the conversion is volatile.
Node* CoerceToColumn(const Origin& origin, Node* value, ::Relation target, AttrNumber attribute);
// PostgreSQL's own error when it is not boolean.
Node* CoerceToCondition(const Origin& origin, Node* value);

std::string CanonicalText(Node* value, ::Relation source);

// Attribute numbers of the source that the expression reads, offset as pull_varattnos does.
Bitmapset* UsedColumns(Node* value);
bool ContainsSubquery(Node* analysed);
bool RawContainsSubquery(Node* raw);

}  // namespace pg_cutover::link
