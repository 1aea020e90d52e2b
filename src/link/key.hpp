// Which columns identify a row, in the target and in the source.
//
// Both keys are those of an index that makes it so: unique, valid, immediate, btree, without
// predicate or expressions, all columns NOT NULL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "link/columns.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct Keys {
  // In the order of their index's columns; `source` is empty where the source has no key and needs
  // none.
  std::vector<std::string> target;
  std::vector<std::string> source;
  // Different source keys always give different target keys. False: not known; rows that collide
  // fail the copy.
  bool injective = false;
};

struct UniqueKey {
  Oid index = InvalidOid;
  bool primary = false;
  std::vector<AttrNumber> columns;
};

// The usable unique keys of a table, primary key first.
std::vector<UniqueKey> UsableKeys(::Relation relation);

// `given`: the target columns that the user wants as key. Raises when the target has no usable key,
// or a key column has no source, or (unless `source_key_optional`) the source has no usable key.
Keys ChooseKeys(const Resolution& resolution, ::Relation source, ::Relation target,
                const std::optional<std::vector<std::string>>& given, bool source_key_optional);

// `role`: "source" or "target".
[[noreturn]] void RaiseNoKey(const char* role, ::Relation relation);

// The index of the target that enforces these key columns; InvalidOid when there is none (any
// more).
Oid KeyIndex(::Relation target, const std::vector<std::string>& columns);

}  // namespace pg_cutover::link
