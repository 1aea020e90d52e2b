// Rows that the target does not take; see reject.hpp.
#include "capture/reject.hpp"

#include "catalog/capture_rows.hpp"
#include "pg/call.hpp"

namespace pg_cutover::capture {

bool IsRejection(int sqlstate) {
  switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case ERRCODE_DATA_EXCEPTION:
    case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
    case ERRCODE_WITH_CHECK_OPTION_VIOLATION:
    case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
    case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
    case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
    case ERRCODE_FEATURE_NOT_SUPPORTED:
    case ERRCODE_PLPGSQL_ERROR:
      // "lock not available" is of the class of prerequisite states.
      return sqlstate != ERRCODE_LOCK_NOT_AVAILABLE;
    default:
      return false;
  }
}

void RequireRejection(const pg::Error& error) {
  if (!IsRejection(error.sqlstate())) throw error;
}

void Note(int64_t link, Oid source, const std::vector<std::string>& key, const pg::Error& error) {
  catalog::InsertRejectedRow(link, key, pg::SqlStateText(error.sqlstate()), error.info().message);
  pg::Call(CacheInvalidateRelcacheByRelid, source);
}

}  // namespace pg_cutover::capture
