// Rows of migrate.validation_check and migrate.validation_result.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct CheckRow {
  std::string migration;
  std::string name;
  std::string kind;
  std::string spec = "{}";  // jsonb text, as given
  Oid source = InvalidOid;  // the one relation, or the first of two
  Oid target = InvalidOid;
  std::string search_path;
  Oid created_by = InvalidOid;
};

struct ResultRow {
  int64_t run = 0;
  std::string status;
  std::string details;
  TimestampTz started_at = 0;
  double duration_ms = 0;
};

// Of a migration that has a row.
void InsertCheck(const CheckRow& row);
// As they were added.
std::vector<CheckRow> ChecksOf(const std::string& migration);
std::optional<CheckRow> FindCheck(const std::string& migration, const std::string& name);
void DeleteCheck(const std::string& migration, const std::string& name);

int64_t NextValidationRun();
void InsertResult(const CheckRow& check, const ResultRow& result);

}  // namespace pg_cutover::catalog
