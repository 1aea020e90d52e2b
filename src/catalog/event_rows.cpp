// The event log; see event_rows.hpp.
#include <utility>

#include "catalog/event_rows.hpp"

#include "catalog/scope.hpp"
#include "catalog/subscription.hpp"
#include "catalog/table_names.hpp"
#include "pg/text.hpp"

namespace pg_cutover::catalog {

namespace {

std::optional<std::string> NameOrNull(Oid relation) {
  if (!OidIsValid(relation)) return std::nullopt;
  return TableName(relation);
}

// What the rows of jobs and links have in common.
template <class Row>
Event About(const Row& row, std::string kind, std::string message) {
  Event event;
  event.kind = std::move(kind);
  event.message = std::move(message);
  event.migration = row.migration;
  event.source = row.source;
  event.target = row.target;
  return event;
}

}  // namespace

Event EventOf(const JobRow& job, std::string kind, std::string message) {
  Event event = About(job, std::move(kind), std::move(message));
  event.link = job.link;
  event.job = job.id;
  return event;
}

Event EventOf(const LinkRow& link, std::string kind, std::string message) {
  Event event = About(link, std::move(kind), std::move(message));
  event.link = link.id;
  return event;
}

void RecordEvent(const Event& event) {
  // A worker's own job was made before there was a subscription, and has to be able to end.
  if (MyBgworkerEntry == nullptr) RequireOwnTables();
  // Not GetUserId(): a caller may be inside a scope that acts as the extension's owner.
  const std::string actor = pg::RoleName(GetOuterUserId());
  const std::optional<std::string> source = NameOrNull(event.source);
  const std::optional<std::string> target = NameOrNull(event.target);
  Scope scope;
  scope.Execute(
      "INSERT INTO migrate.event_log (actor, kind, migration, link, job, source, target, message, "
      "details, inverse) "
      "VALUES ($1::pg_catalog.name, $2, $3, $4, $5, $6, $7, $8, $9::pg_catalog.jsonb, $10)",
      {pg::Argument::Text(actor), pg::Argument::Text(event.kind),
       pg::Argument::Text(event.migration), pg::Argument::Int8(event.link),
       pg::Argument::Int8(event.job), pg::Argument::Text(source), pg::Argument::Text(target),
       pg::Argument::Text(event.message), pg::Argument::Text(event.details),
       pg::Argument::Text(event.inverse)});
}

bool HasEvents(int64_t job) {
  Scope scope;
  return !scope
              .Execute("SELECT FROM migrate.event_log WHERE job = $1 LIMIT 1",
                       {pg::Argument::Int8(job)})
              .empty();
}

}  // namespace pg_cutover::catalog
