// Reading what a check looks at.
//
// All statements of a run read under the snapshot of the call (Query, not Execute), so that two
// tables that are kept in step are seen at one moment. Rows are read from the heap: a scan of an
// index would believe an index that is corrupt, and pruning or constraint exclusion would believe
// the very constraint that is to be looked at. PostgreSQL's own catalogs are read by their indexes:
// a scan of all of pg_attribute for each of a thousand partitions takes longer than their rows do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "link/expression.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

class Reader {
 public:
  Reader();
  pg::Rows Query(std::string_view sql, const std::vector<pg::Argument>& arguments = {}) {
    return spi_.Query(sql, arguments);
  }
  // Of the system catalogs only.
  pg::Rows Catalog(std::string_view sql, const std::vector<pg::Argument>& arguments = {});

 private:
  link::CanonicalSettings canonical_;
  pg::GucScope heap_;
  pg::Spi spi_;
};

// Oids for a parameter that the statement casts: $1::oid[].
pg::Argument OidArray(const std::vector<Oid>& oids);

// The first column of each row.
std::vector<Oid> ObjectIds(const pg::Rows& rows);

// "message (SQLSTATE ...)", without the DETAIL.
std::string ErrorText(const pg::ErrorInfo& error);

// Throws an error of a statement over a table on, unless it can be what a definition makes of some
// row: a cancellation, a page that cannot be read, a missing right, row security befall every other
// statement over the table as well.
void RequireOfTheRows(Reader& reader, Oid table, const pg::Error& error);

// "ONLY schema.name" for a table that may have children of its own, the bare name for what has none
// or stands for its partitions.
std::string FromClause(Oid relation);

// A user's filter over the rows of a relation, checked and with all names qualified; columns are
// written alias.column, whatever the user wrote. The search_path in force is the user's.
std::string Condition(Oid relation, const std::string& filter, const char* key,
                      const char* alias = "source");

// Raises undefined_column, naming the key of the spec.
void RequireColumns(Oid relation, const std::vector<std::string>& columns, const char* key);

// "jsonb_build_object('a', source.a, ...)::text" of quoted columns.
std::string KeyImage(const std::vector<std::string>& columns, const std::string& alias);

// The first column of each row, joined with commas.
std::string Joined(const pg::Rows& rows);

// "1 row", "2 rows"; `many` where an s does not make the plural.
std::string Counted(int64_t number, const char* one, const char* many = nullptr);

}  // namespace pg_cutover::validate
