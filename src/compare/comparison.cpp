// The job that compares two tables; see comparison.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "catalog/capture_rows.hpp"
#include "catalog/comparison_rows.hpp"
#include "catalog/event_rows.hpp"
#include "compare/comparison.hpp"
#include "compare/part.hpp"
#include "compare/ranges.hpp"
#include "compare/rolling.hpp"
#include "job/throttle_spec.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/prefix.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr const char* kScan = "compare";

int max_snapshot_age_s = 600;
int max_verification_age_s = 3600;
int verification_interval_s = 3600;

// What one core does in a millisecond; parallel workers make it faster, wide rows slower.
constexpr double kRowsAMillisecond = 5'000;
constexpr double kBytesAMillisecond = 300'000;

struct Size {
  int64_t rows_source = 0;
  int64_t rows_both = 0;
  double scan_ms = 0;
};

Size SizeOf(const Sides& sides) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT coalesce(pg_catalog.sum(greatest(c.reltuples, 0)) FILTER (WHERE r.source), "
      "0)::bigint, "
      "coalesce(pg_catalog.sum(greatest(c.reltuples, 0)), 0)::bigint, "
      "coalesce(pg_catalog.sum(pg_catalog.pg_table_size(c.oid)), 0)::float8 "
      "FROM (VALUES ($1::oid, true), ($2::oid, false)) AS r (id, source) CROSS JOIN LATERAL "
      "(SELECT relid FROM pg_catalog.pg_partition_tree(r.id) WHERE isleaf UNION SELECT r.id) AS t "
      "JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE c.relkind IN ('r', 'm')",
      {pg::Argument::ObjectId(sides.source), pg::Argument::ObjectId(sides.target)});
  Size size;
  size.rows_source = rows.Int8(0, 1).value();
  size.rows_both = rows.Int8(0, 2).value();
  // A view has no number of its own.
  const int64_t rows_target = size.rows_both - size.rows_source;
  if (size.rows_source == 0 || rows_target == 0) size.rows_both *= 2;
  size.scan_ms = static_cast<double>(size.rows_both) / kRowsAMillisecond +
                 rows.Float8(0, 3).value() / kBytesAMillisecond;
  return size;
}

std::string Method(const Sides& sides, const catalog::JobRow& job, const Size& size) {
  if (job.method == "snapshot") return job.method;
  if (job.method == "rolling") {
    (void)KeyRanges(sides);
    return job.method;
  }
  // A scan cannot be throttled.
  const bool at_once = size.scan_ms <= static_cast<double>(MaxSnapshotAgeMs()) &&
                       job.throttle == job::CanonicalThrottle("{}");
  return at_once || RangeObstacle(sides) ? "snapshot" : "rolling";
}

catalog::ComparisonRow NewComparison(const job::Session& session, const Sides& sides,
                                     const std::string& method) {
  catalog::ComparisonRow row;
  row.job = session.id();
  if (sides.link) row.link = sides.link->id;
  row.source = sides.source;
  row.target = sides.target;
  row.method = method;
  for (const Column& column : sides.columns)
    row.columns.push_back(column.name);
  row.seed = RandomSeed();
  pg::Spi spi;
  row.horizon = std::stoull(
      spi.Query("SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text")
          .Text(0, 1)
          .value());
  if (method == "rolling") row.last_key = KeyRanges(sides).Last();
  return row;
}

// What was found, in the event log.
void Announce(const job::Session& session) {
  const catalog::ComparisonRow found = catalog::FindComparison(session.id()).value();
  const catalog::DifferenceCounts& counts = found.counts;
  catalog::Event event = catalog::EventOf(session.row(), "comparison",
                                          fmt::format("compared: {}", found.verdict.value()));
  // A cutover's own rows name its tables the other way round once it has swapped them.
  event.link = found.link;
  event.source = found.source;
  event.target = found.target;
  event.details = fmt::format(
      R"({{"rows_source": {}, "rows_target": {}, "missing": {}, "extra": {}, "changed": {}, )"
      R"("representation_only": {}}})",
      found.rows_source, found.rows_target, counts.missing, counts.extra, counts.changed,
      counts.representation_only);
  catalog::RecordEvent(event);
}

std::string Finish(const job::Session& session) {
  std::string verdict = catalog::FinishComparison(session.id(), kMostListed);
  Announce(session);
  return verdict;
}

catalog::ComparedPart CompareAtOnce(const job::Session& session, const Sides& sides,
                                    uint64_t seed) {
  catalog::ComparedPart part = CompareAll(sides, seed, SizeOf(sides).rows_both);
  catalog::AddPart(session.id(), part, kMostListed, false);
  return part;
}

// A statement of ours may be as long as a table has columns, and would bury what went wrong.
std::string ShortLines(const std::string& context) {
  constexpr int kLongestLine = 200;
  std::string shortened;
  size_t begin = 0;
  while (begin < context.size()) {
    const size_t end = std::min(context.find('\n', begin), context.size());
    const std::string kept =
        pg::Prefix(std::string_view(context).substr(begin, end - begin), kLongestLine);
    shortened.append(shortened.empty() ? "" : "\n").append(kept);
    if (kept.size() < end - begin) shortened += "...";
    begin = end + 1;
  }
  return shortened;
}

// `work` is transactions of its own: what it raises was taken off PostgreSQL's stack.
template <class Work>
auto WithShortContext(Work&& work) {
  try {
    return work();
  } catch (const pg::Error& error) {
    pg::ErrorInfo info = error.info();
    info.context = ShortLines(info.context);
    throw pg::Error(std::move(info));
  }
}

void CompareSnapshot(job::Session& session) {
  session.InStep([&] {
    const catalog::ComparisonRow comparison = catalog::FindComparison(session.id()).value();
    const Sides sides = LoadSides(comparison.source, comparison.target);
    pg::DebugPoint("compare_snapshot");
    const catalog::ComparedPart part = CompareAtOnce(session, sides, comparison.seed);
    catalog::BatchCounters counters;
    counters.rows_read = part.rows_source;
    counters.rows_written = part.rows_source;
    counters.busy_ms = part.snapshot_ms;
    (void)catalog::OpenCursor(session.id(), session.worker());
    catalog::SaveBatch(session.id(), session.worker(), core::BlockRange{0, 0}, counters);
    (void)Finish(session);
  });
}

void Lead(job::Session& session) {
  // A resumed rolling comparison goes on; one snapshot cannot be resumed, and is taken again.
  const std::string method = session.InStep([&]() -> std::string {
    const std::optional<catalog::ComparisonRow> begun = catalog::FindComparison(session.id());
    if (begun && begun->method == "rolling") return begun->method;
    const Sides sides = LoadSides(session.row().source, session.row().target);
    const Size size = SizeOf(sides);
    const std::string chosen = Method(sides, session.row(), size);
    catalog::SetRowsTotal(session.id(), size.rows_source);
    catalog::BeginComparison(NewComparison(session, sides, chosen));
    return chosen;
  });
  if (session.row().phase != kRecheck) session.SetPhase(kScan);
  if (method == "snapshot") {
    CompareSnapshot(session);
    return;
  }
  CompareRanges(session);
  session.InStep([&] { (void)Finish(session); });
}

// The server's own error for a value that the target does not take names no row.
pg::ErrorInfo WithRejectedRows(job::Session& session, pg::ErrorInfo failure) {
  const int category = ERRCODE_TO_CATEGORY(failure.sqlstate);
  if (!failure.hint.empty() ||
      (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION))
    return failure;
  const int64_t rejected = session.InStep([&]() -> int64_t {
    if (!session.row().link) return 0;
    const std::optional<catalog::CaptureRow> capture = catalog::FindCapture(*session.row().link);
    return capture ? capture->rejected_rows : 0;
  });
  failure.hint = "The source has values which the target, or the mapping, does not take. ";
  if (rejected > 0)
    failure.hint += fmt::format(
        "SELECT * FROM migrate.rejected_row WHERE link = {} names {} that dual-write has met. ",
        *session.row().link, rejected);
  failure.hint += "Mend them in the source, then compare again.";
  return failure;
}

}  // namespace

void DefineSettings() {
  pg::Section([] {
    DefineCustomIntVariable("pg_cutover.max_snapshot_age",
                            "How long a comparison may hold a snapshot before it goes by ranges.",
                            "A snapshot holds back VACUUM in the whole database.",
                            &max_snapshot_age_s, 600, 1, 86400 * 7, PGC_USERSET, GUC_UNIT_S,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_cutover.max_verification_age",
                            "How old a clean comparison may be that a cutover relies on.",
                            "With 0 every cutover compares by itself.", &max_verification_age_s,
                            3600, 0, 86400 * 7, PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_cutover.verification_interval",
                            "How often a pair of tables is compared that waits for its cutover.",
                            "With 0 it is not.", &verification_interval_s, 3600, 0, 86400 * 7,
                            PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
  });
}

int64_t MaxSnapshotAgeMs() {
  return int64_t{max_snapshot_age_s} * 1000;
}
int64_t MaxVerificationAgeMs() {
  return int64_t{max_verification_age_s} * 1000;
}

int64_t VerificationIntervalMs() {
  return int64_t{verification_interval_s} * 1000;
}

void LeadCompare(job::Session& session) {
  std::optional<pg::ErrorInfo> failure;
  try {
    WithShortContext([&] { Lead(session); });
    return;
  } catch (const pg::Error& error) {
    failure = error.info();
  }
  throw pg::Error(WithRejectedRows(session, std::move(*failure)));
}

std::optional<bool> CompareNow(job::Session& session, const catalog::LinkRow& link) {
  const auto compare = [&]() -> std::optional<bool> {
    const Sides sides = LoadSides(link.source, link.target);
    if (!sides.link || sides.link->id != link.id || !catalog::FindCapture(link.id))
      return std::nullopt;
    const catalog::ComparisonRow comparison = NewComparison(session, sides, "snapshot");
    catalog::BeginComparison(comparison);
    (void)CompareAtOnce(session, sides, comparison.seed);
    return Finish(session) == "equal";
  };
  return WithShortContext([&] { return session.InStep(compare); });
}

void RaiseDifferent(int64_t job) {
  const catalog::ComparisonRow found = catalog::FindComparison(job).value();
  const std::string source = pg::QualifiedName(found.source);
  const std::string target = pg::QualifiedName(found.target);
  if (found.verdict == "inconclusive")
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("whether {} and {} hold the same rows could not be found out", source, target),
        fmt::format("The reason: {}.", found.reason.value_or("not known")),
        "Look for what the mapping reads besides the row.");
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("{} and {} do not hold the same rows", source, target),
      fmt::format("{} missing, {} extra, {} changed, {} in another representation, of {} and "
                  "{} rows{}.",
                  found.counts.missing, found.counts.extra, found.counts.changed,
                  found.counts.representation_only, found.rows_source, found.rows_target,
                  found.reason ? "; " + *found.reason : ""),
      fmt::format("Nothing was changed. SELECT * FROM migrate.difference WHERE job = {0}; SELECT "
                  "migrate_repair({0}) says what would make {1} what {2} is.",
                  job, target, source));
}

}  // namespace pg_cutover::compare
