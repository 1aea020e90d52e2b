// The narrow door to our own tables.
//
// Everything below it runs as the owner of the extension, with a pinned search_path and constant SQL,
// so a caller needs no privilege on the catalog and cannot reach anything else through it. No user
// text is ever part of the SQL, and no user expression is evaluated inside.
#pragma once

#include <string>

#include "pg/spi.hpp"

namespace pg_cutover::catalog {

// One visit to the catalog: a role switch, pinned settings and an SPI connection, all undone in the
// reverse order when it goes. Needs an active snapshot.
class Scope {
 public:
  // Raises undefined_object when the extension is not installed in this database (any more).
  Scope();

  pg::Rows Execute(std::string_view sql, const std::vector<pg::Argument>& arguments = {}) {
    return spi_.Execute(sql, arguments);
  }
  // Reads under the active snapshot.
  pg::Rows Query(std::string_view sql, const std::vector<pg::Argument>& arguments = {}) {
    return spi_.Query(sql, arguments);
  }

 private:
  pg::UserScope user_;
  pg::GucScope settings_;
  pg::Spi spi_;
};

// The OID of the extension's owner, or InvalidOid where it is not installed in this database.
Oid ExtensionOwner();
bool ExtensionInstalled();
// Where the migrate_* functions are, quoted: for calls that are kept and run under another
// search_path.
std::string ExtensionSchema();

}  // namespace pg_cutover::catalog
