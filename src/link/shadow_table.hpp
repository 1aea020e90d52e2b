// The empty table that a shadow starts from.
#pragma once

#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct ShadowName {
  Oid schema = InvalidOid;
  std::string name;
};

// Parses a possibly qualified, possibly quoted name; the schema defaults to that of `source`.
// Raises when the schema does not exist or has a relation of this name, or when the current role or
// the source's owner, who will own the shadow, may not create tables in it.
ShadowName ParseShadowName(const std::string& text, Oid source);

// Creates a table like the source: columns, defaults, identity, generated columns, CHECKs, extended
// statistics, comments, storage, compression, statistics targets, storage options, tablespace,
// access method. No indexes, foreign keys, triggers, grants. It belongs to the current role; its
// columns are the source's in their order, without dropped ones. Returns its OID.
Oid CreateLike(::Relation source, const ShadowName& name);

}  // namespace pg_cutover::link
