// What tables of links and jobs are called, kept for the day one is dropped by hand: an OID tells
// nobody which table it was.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

// Keeps the names that these tables have now. Rows are only ever added, so that no session waits
// here for another one. InvalidOid and tables that are gone are passed over.
void RememberNames(const std::vector<Oid>& tables);

bool IsThere(Oid table);
std::optional<std::string> RememberedName(Oid table);
// Qualified and quoted; of a table that is gone as it was called when RememberNames last saw it, or
// "a table that was dropped (OID 4711)".
std::string TableName(Oid table);
// For a call that is handed out: the name as a literal, or the OID of a table that is gone, which
// is all that regclass takes then.
std::string TableLiteral(Oid table);

}  // namespace pg_cutover::catalog
