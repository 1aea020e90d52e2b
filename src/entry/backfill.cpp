// migrate_backfill: checks what was asked, makes the link where there is none, and queues the job.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "capture/preconditions.hpp"
#include "catalog/capture_rows.hpp"
#include "copy/backfill.hpp"
#include "copy/method.hpp"
#include "entry/arguments.hpp"
#include "entry/backfill.hpp"
#include "job/create.hpp"
#include "link/create.hpp"
#include "link/migration.hpp"
#include "link/source_drift.hpp"
#include "pg/entry.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

constexpr int32_t kMostWorkers = 64;

}  // namespace

void CheckOptions(const catalog::JobRow& job) {
  if (job.batch_size && *job.batch_size < 1)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "batch_size must be at least 1",
              fmt::format("It is {}.", *job.batch_size));
  if (job.batch_delay_ms < 0)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "batch_delay must not be negative");
  if (job.workers < 1 || job.workers > kMostWorkers)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("workers must be between 1 and {}", kMostWorkers),
              fmt::format("It is {}.", job.workers));
}

namespace {

// What a worker would find out an hour later, said now.
void CheckSync(const catalog::JobRow& job, const catalog::LinkRow& link) {
  const bool on = catalog::FindCapture(link.id).has_value();
  if (!job.sync && on)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} is kept in step with {}", pg::QualifiedName(link.target),
                          pg::QualifiedName(link.source)),
              "A copy that takes no notice of that could overtake a mirrored write.",
              fmt::format("Leave out sync => false; or SELECT migrate_unsync({}, {}) first.",
                          pg::QuoteLiteral(pg::QualifiedName(link.source)),
                          pg::QuoteLiteral(pg::QualifiedName(link.target))));
  if (!job.sync) {
    const pg::OpenRelation source(link.source, AccessShareLock);
    link::RequireUnaltered(link, source.get());
    return;
  }
  if (on)
    capture::RequireIntact(link);
  else
    capture::RequireCapturable(link, capture::Moment::kBeforeCopy);
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_backfill) {
  namespace catalog = pg_cutover::catalog;
  namespace copy = pg_cutover::copy;
  namespace link = pg_cutover::link;
  namespace pg = pg_cutover::pg;

  const pg_cutover::entry::Arguments arguments(fcinfo);
  catalog::JobRow job;
  job.kind = copy::kBackfill;
  job.source = arguments.Relation(0, "source");
  job.target = arguments.Relation(1, "target");
  job.batch_size = arguments.OptionalInt4(5);
  job.batch_delay_ms = arguments.OptionalInterval(6).value_or(0);
  job.workers = arguments.OptionalInt4(7).value_or(1);
  if (!arguments.IsNull(8)) job.throttle = pg::OutputText(JSONBOID, arguments.OptionalDatum(8));
  job.sync = arguments.Bool(9, "sync");
  job.method = arguments.OptionalText(10).value_or("auto");
  job.migration = arguments.OptionalText(11);
  pg_cutover::entry::CheckOptions(job);

  link::Request request;
  request.source = job.source;
  request.target = job.target;
  request.columns = arguments.OptionalDatum(2);
  request.filter = arguments.OptionalText(3);
  request.key = arguments.OptionalTextArray(4);
  request.migration = job.migration;
  request.allow_unsyncable = !job.sync;
  if (job.migration) link::JoinMigration(*job.migration);
  job.link = link::FindOrCreate(request);

  const catalog::LinkRow row = catalog::LoadLink(*job.link);
  pg_cutover::entry::CheckSync(job, row);
  const copy::MethodChoice choice = copy::ChooseMethod(row, job.method, true);
  if (choice.method == "sql" && job.workers > 1)
    pg::Notice("the sql method uses one worker",
               choice.obstacles.empty() ? std::string()
                                        : fmt::format("The direct method does not apply: {}.",
                                                      fmt::join(choice.obstacles, "; ")));
  return Int64GetDatum(pg_cutover::job::Create(std::move(job)));
}
