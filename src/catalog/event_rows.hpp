// The event log: append-only, one row for each thing that was done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "catalog/job_rows.hpp"
#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

struct Event {
  std::string kind;  // "link", "job", ...
  std::string message;
  std::optional<std::string> migration;
  std::optional<int64_t> link;
  std::optional<int64_t> job;
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  std::string details = "{}";  // jsonb text
  std::optional<std::string> inverse;
};

// Of a job or a link, with the tables it is about.
Event EventOf(const JobRow& job, std::string kind, std::string message);
Event EventOf(const LinkRow& link, std::string kind, std::string message);

// In the caller's transaction. The actor is the role that the caller acts as.
void RecordEvent(const Event& event);
// Whether the log knows the job.
bool HasEvents(int64_t job);

}  // namespace pg_cutover::catalog
