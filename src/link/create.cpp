// Making and removing links; see create.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "link/create.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/job_rows.hpp"
#include "catalog/subscription.hpp"
#include "catalog/table_names.hpp"
#include "link/deferred.hpp"
#include "link/json.hpp"
#include "link/key.hpp"
#include "link/migration.hpp"
#include "link/relation_checks.hpp"
#include "link/source_drift.hpp"
#include "pg/call.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr const char* kNoColumns = "{}";

std::string UnlinkCall(Oid source, Oid target) {
  return fmt::format("SELECT migrate_unlink({}, {})", pg::QuoteLiteral(pg::QualifiedName(source)),
                     pg::QuoteLiteral(pg::QualifiedName(target)));
}

std::string ColumnsText(Datum columns) {
  return columns == 0 ? kNoColumns : pg::OutputText(JSONBOID, columns);
}

void CheckPair(const Request& request) {
  const std::string source = pg::QualifiedName(request.source);
  if (request.source == request.target)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("{} cannot be linked to itself", source),
              {}, "migrate_shadow(...) makes a table like it to link to.");
  const std::string target = pg::QualifiedName(request.target);
  if (catalog::FindLink(request.source, request.target))
    pg::Raise(ERRCODE_DUPLICATE_OBJECT, fmt::format("{} is already linked to {}", source, target),
              {}, UnlinkCall(request.source, request.target) + " removes that link.");
  // A dormant one is the way back of a swap: it does nothing.
  const std::optional<catalog::LinkRow> opposite =
      catalog::FindLink(request.target, request.source);
  if (opposite && !opposite->dormant)
    pg::Raise(ERRCODE_DUPLICATE_OBJECT,
              fmt::format("{} is linked the other way round, to {}", target, source),
              "Rows cannot flow both ways between two tables.",
              UnlinkCall(request.target, request.source) + " removes that link.");
}

std::optional<std::string> CheckRelations(const Request& request, ::Relation source,
                                          ::Relation target) {
  std::optional<std::string> refusal = CheckSource(source);
  if (refusal && !request.allow_unsyncable) RaiseUnsyncable(request.source, *refusal);
  const std::optional<std::string> target_refusal = CheckTarget(target);
  if (!target_refusal) return refusal;
  if (!request.allow_unsyncable)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("target {} cannot be kept in step", pg::QualifiedName(request.target)),
              fmt::format("The reason: {}.", *target_refusal),
              "It can be copied to once: SELECT migrate_backfill(..., sync => false).");
  return refusal ? refusal : fmt::format("target: {}", *target_refusal);
}

void WarnOfCollisions(const catalog::LinkRow& link) {
  std::string columns;
  for (const std::string& column : link.target_key)
    columns += (columns.empty() ? "" : ", ") + pg::QuoteIdentifier(column);
  pg::Notice(fmt::format("different rows of {} may get the same key ({}) in {}",
                         pg::QualifiedName(link.source), columns, pg::QualifiedName(link.target)),
             "The key's mapping is not one that is known to keep different values different.",
             "The copy fails at the first duplicate and names its rows.");
}

void Record(const catalog::LinkRow& link, const Resolution& resolution, bool injective) {
  catalog::Event event =
      catalog::EventOf(link, "link",
                       fmt::format("linked {} to {}", pg::QualifiedName(link.source),
                                   pg::QualifiedName(link.target)));
  event.details = fmt::format(
      "{{\"target_key\": {}, \"source_key\": {}, \"keys_may_collide\": {}, "
      "\"source_columns_left_out\": {}, \"target_columns_by_default\": {}, \"sync_refusal\": {}}}",
      JsonArray(link.target_key), JsonArray(link.source_key), injective ? "false" : "true",
      JsonArray(resolution.unused), JsonArray(resolution.defaulted),
      link.sync_refusal ? JsonText(*link.sync_refusal) : "null");
  event.inverse = UnlinkCall(link.source, link.target);
  catalog::RecordEvent(event);
}

bool SameKey(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// The owner of a table that is gone cannot be asked; then whoever made the link may remove it.
void RequireRightToUnlink(const catalog::LinkRow& link, Oid relation) {
  if (catalog::IsThere(relation)) {
    pg::RequireOwner(relation);
    return;
  }
  if (pg::Call(has_privs_of_role, GetUserId(), link.created_by)) return;
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("link {} was made by role \"{}\"", link.id, pg::RoleName(link.created_by)),
            {}, "Call as that role.");
}

struct Validated {
  catalog::LinkRow link;
  Resolution resolution;
  bool injective = false;
};

Validated Validate(const Request& request) {
  pg::RequireOwner(request.source);
  pg::RequireOwner(request.target);
  const pg::OpenRelation source(request.source, AccessShareLock);
  const pg::OpenRelation target(request.target, AccessShareLock);
  CheckPair(request);
  const std::optional<std::string> refusal = CheckRelations(request, source.get(), target.get());

  const ColumnRequest columns{request.columns, request.filter, request.inherited, request.owner};
  Validated valid;
  valid.resolution = Resolve(columns, source.get(), target.get());
  const Keys keys =
      ChooseKeys(valid.resolution, source.get(), target.get(), request.key, refusal.has_value());
  valid.injective = keys.injective;

  catalog::LinkRow& link = valid.link;
  link.source = request.source;
  link.target = request.target;
  link.columns = ColumnsText(request.columns);
  link.filter = request.filter;
  for (const ResolvedColumn& column : valid.resolution.columns)
    link.mapping.push_back({column.name, column.expression});
  link.source_filter = valid.resolution.source_filter;
  link.target_key = keys.target;
  link.source_key = keys.source;
  link.source_columns = ColumnDefinitions(source.get());
  link.owner = request.owner;
  link.sync_refusal = refusal;
  link.keys_injective = keys.injective;
  link.created_target = request.created_target;
  link.migration = request.migration;
  link.created_by = GetUserId();
  return valid;
}

}  // namespace

catalog::LinkRow Draft(const Request& request) {
  return Validate(request).link;
}

int64_t Create(const Request& request) {
  catalog::RequireOwnTables();
  Validated valid = Validate(request);
  if (request.migration) JoinMigration(*request.migration);
  valid.link.id = catalog::InsertLink(valid.link);
  // Without a source key nothing is known to collide or not; the copy tells.
  if (!valid.injective && !valid.link.source_key.empty()) WarnOfCollisions(valid.link);
  Record(valid.link, valid.resolution, valid.injective);
  return valid.link.id;
}

int64_t FindOrCreate(const Request& request) {
  const std::optional<catalog::LinkRow> found = catalog::FindLink(request.source, request.target);
  if (!found) return Create(request);
  pg::RequireOwner(request.source);
  pg::RequireOwner(request.target);
  const std::string columns = ColumnsText(request.columns);
  if ((columns != kNoColumns && columns != found->columns) ||
      (request.filter && request.filter != found->filter) ||
      (request.key && !SameKey(*request.key, found->target_key)))
    pg::Raise(ERRCODE_DUPLICATE_OBJECT,
              fmt::format("{} is already linked to {} in another way",
                          pg::QualifiedName(request.source), pg::QualifiedName(request.target)),
              fmt::format("That link has columns {}, filter {} and key ({}).", found->columns,
                          found->filter.value_or("none"), fmt::join(found->target_key, ", ")),
              "Leave columns, filter and key out to use it, or remove it first: " +
                  UnlinkCall(request.source, request.target));
  if (found->sync_refusal && !request.allow_unsyncable)
    RaiseUnsyncable(request.source, *found->sync_refusal);
  return found->id;
}

catalog::LinkRow RequireUnlinkable(Oid source, Oid target) {
  const std::optional<catalog::LinkRow> link = catalog::FindLink(source, target);
  const std::string target_name = catalog::TableName(target);
  if (!link)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT,
              fmt::format("{} is not linked to {}", catalog::TableName(source), target_name));
  RequireRightToUnlink(*link, source);
  RequireRightToUnlink(*link, target);
  if (const std::optional<int64_t> job = catalog::UnfinishedJobOn(target))
    pg::Raise(ERRCODE_OBJECT_IN_USE,
              fmt::format("job {} is still working on {}", *job, target_name), {},
              fmt::format("SELECT migrate_cancel({}), or wait until it has ended.", *job));
  return *link;
}

void Forget(int64_t link) {
  for (const int64_t job : catalog::FailedJobsOf(link))
    (void)catalog::MoveJob(job, core::JobState::kFailed, core::JobState::kCancelled,
                           fmt::format("job {} cancelled: its link was removed", job));
  catalog::DeleteLink(link);
}

void Unlink(Oid source, Oid target) {
  const catalog::LinkRow link = RequireUnlinkable(source, target);
  const std::string source_name = catalog::TableName(source);
  const std::string target_name = catalog::TableName(target);
  const bool target_is_there = catalog::IsThere(target);
  if (target_is_there) PutBack(link);
  std::vector<std::string> forgotten;
  for (const catalog::DeferredObject& object : catalog::DeferredObjects(link.id, true))
    if (!object.from_target) forgotten.push_back(pg::QuoteIdentifier(object.name));
  Forget(link.id);

  catalog::Event event = catalog::EventOf(
      link, "unlink", fmt::format("removed the link from {} to {}", source_name, target_name));
  event.details =
      fmt::format("{{\"columns\": {}, \"filter\": {}, \"target_key\": {}}}", link.columns,
                  link.filter ? JsonText(*link.filter) : "null", JsonArray(link.target_key));
  if (target_is_there && catalog::IsThere(source))
    event.inverse = fmt::format(
        "SELECT migrate_link({}, {}, columns => {}{}, key => {}::text[]{}{})",
        pg::QuoteLiteral(source_name), pg::QuoteLiteral(target_name),
        pg::QuoteLiteral(link.columns),
        link.filter ? ", filter => " + pg::QuoteLiteral(*link.filter) : "",
        pg::QuoteLiteral(pg::OutputText(TEXTARRAYOID, pg::MakeTextArray(link.target_key))),
        link.owner ? "" : ", owner => false",
        link.migration ? ", migration => " + pg::QuoteLiteral(*link.migration) : "");
  catalog::RecordEvent(event);
  if (link.created_target && target_is_there)
    pg::Notice(fmt::format("{} stays, without a link", target_name),
               forgotten.empty() ? std::string()
                                 : fmt::format("It was not given these indexes, constraints and "
                                               "triggers of the source: {}.",
                                               fmt::join(forgotten, ", ")),
               fmt::format("DROP TABLE {} if it is not needed.", target_name));
}

}  // namespace pg_cutover::link
