// What hangs on a table besides its columns, in a form in which two looks at it can be compared.
//
// A shadow gets what its source has when it is made: indexes, constraints, triggers and statistics
// objects, or a word that they were left out. What is made on the source later nobody gives to the
// shadow; the list of what there was (migrate.source_object) tells the one from the other at the
// swap. It holds definitions, not OIDs: REINDEX CONCURRENTLY and a dump change those.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

struct TableObject {
  Oid id = InvalidOid;
  // As in migrate.source_object.
  catalog::SourceObject object;
  // It has an index of its own: `id`.
  bool index = false;
  // A foreign key of the table to itself.
  bool to_itself = false;
  // What is equal in two tables whose columns have other names and types: nothing that names one.
  std::string shape;
  // That it depends on.
  std::vector<std::string> columns;
};

// Valid indexes and what they stand for, CHECKs, outbound foreign keys, user triggers (ours are
// none) with their firing state, extended statistics. Policies, rules, grants and comments are read
// off the source at the swap itself.
std::vector<TableObject> ObjectsOf(Oid table);

// For InsertSourceObjects.
std::vector<catalog::SourceObject> Definitions(const std::vector<TableObject>& objects);

}  // namespace pg_cutover::link
