// migrate_shadow: a new table like the source, altered while it is empty, and linked to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct ShadowRequest {
  Oid source = InvalidOid;
  // Possibly qualified, possibly quoted; the schema defaults to the source's.
  std::string target = {};
  std::vector<std::string> alterations = {};
  // jsonb, or 0: none.
  Datum columns = 0;
  std::optional<std::string> filter = {};
  std::optional<std::string> migration = {};
};

// Raises why migrate_shadow and migrate_table cannot make a table like this one, whatever is to be
// changed: it is partitioned, or cannot be kept in step.
void RequireShadowable(::Relation source);

// Creates the shadow as the source's owner and links it as the caller; returns its OID. Takes
// AccessShareLock on the source.
Oid CreateShadow(const ShadowRequest& request);

}  // namespace pg_cutover::link
