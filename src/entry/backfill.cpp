// migrate_backfill: checks what was asked, makes the link where there is none, and queues the job.
#include <fmt/format.h>

#include "copy/backfill.hpp"
#include "copy/method.hpp"
#include "entry/arguments.hpp"
#include "job/create.hpp"
#include "link/create.hpp"
#include "pg/entry.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

constexpr int32_t kMostWorkers = 64;

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
  if (job.sync)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED, "dual-write is not available in this version",
              "sync => true keeps the target in step with writes made during the copy.",
              "Use sync => false on a table that is not written to, or that only grows.");
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
  job.link = link::FindOrCreate(request);

  const copy::MethodChoice choice =
      copy::ChooseMethod(catalog::LoadLink(*job.link), job.method, true);
  if (choice.method == "sql" && job.workers > 1)
    pg::Notice("the sql method uses one worker",
               choice.obstacles.empty()
                   ? std::string()
                   : fmt::format("The direct method does not apply: {}.",
                                 fmt::join(choice.obstacles, "; ")));
  return Int64GetDatum(pg_cutover::job::Create(std::move(job)));
}
