// Whether there is room for a copy, and how long it may take; see preflight.hpp.
//
// A file system is looked at once however many of our directories are on it: what the rows and what
// the WAL need then comes out of the same free space.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "core/humanize.hpp"

#include "validate/preflight.hpp"

#include "catalog/scope.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"

namespace pg_cutover::validate {

namespace {

using core::HumanBytes;
using core::HumanCount;
using core::HumanDuration;
using pg::Argument;

// What is needed may take up this share of what is free before somebody should look at it.
constexpr double kComfortableShare = 0.75;
// Where no copy has been measured: what a spinning disk that also serves an application gives.
constexpr double kAssumedBytesPerSecond = 20.0 * 1024 * 1024;
constexpr double kMeasuredMsAtLeast = 1000;
constexpr double kLongMs = 24.0 * 3600 * 1000;
// Rates over less than this mean nothing.
constexpr double kObservedSecondsAtLeast = 10;
// How long writes are watched where nobody knows since when they were counted.
constexpr double kSampledSeconds = 2;

// Of the tables that store the rows.
struct Size {
  std::optional<int64_t> rows;  // nullopt: some of them never analysed
  int64_t bytes = 0;            // with TOAST, without indexes
  int64_t index_bytes = 0;
  int64_t largest_index = 0;
  int64_t leaves = 0;
  int64_t dead_rows = 0;
};

constexpr const char* kSize = R"sql(
WITH leaf AS (
    SELECT c.* FROM pg_class c
     WHERE (c.oid = $1 AND c.relkind <> 'p')
        OR c.oid IN (SELECT relid FROM pg_partition_tree($1) WHERE isleaf)
)
SELECT CASE WHEN bool_and(c.reltuples >= 0) THEN sum(c.reltuples)::bigint END,
       coalesce(sum(pg_table_size(c.oid)), 0)::bigint,
       coalesce(sum(pg_indexes_size(c.oid)), 0)::bigint,
       coalesce(max((SELECT max(pg_relation_size(i.indexrelid)) FROM pg_index i WHERE i.indrelid = c.oid)), 0)::bigint,
       count(*),
       coalesce(sum(pg_stat_get_dead_tuples(c.oid)), 0)::bigint
  FROM leaf c
)sql";

// Why nobody knows how much would be copied: the rows of a view or foreign table, or of a partition
// that is one, are not in our files, and none of them is not the same as no bytes.
std::optional<std::string> StoredElsewhere(Oid relation) {
  pg::Spi spi;
  return spi
      .Query(
          "SELECT string_agg(format('%s is a %s', c.oid::regclass, CASE c.relkind WHEN 'v' THEN "
          "'view' ELSE 'foreign table' END), ', ' ORDER BY c.relname COLLATE \"C\") "
          "  FROM pg_class c WHERE c.relkind IN ('v', 'f') "
          "    AND (c.oid = $1 OR c.oid IN (SELECT relid FROM pg_partition_tree($1)))",
          {Argument::RegClass(relation)})
      .Text(0, 1);
}

Answer UnknownSize(const Subject& subject, const std::string& reason, std::string_view question) {
  return {Status::kUnknown, fmt::format("{}: {}", reason, question),
          fmt::format("SELECT count(*), pg_size_pretty(sum(pg_column_size(s))) FROM {} AS s reads "
                      "all of it and says how much there is.",
                      subject.source_name)};
}

Size Measure(Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(kSize, {Argument::RegClass(relation)});
  return {rows.Int8(0, 1),         rows.Int8(0, 2).value(), rows.Int8(0, 3).value(),
          rows.Int8(0, 4).value(), rows.Int8(0, 5).value(), rows.Int8(0, 6).value()};
}

// A directory of the server, below the data directory, which is where a backend works.
struct Volume {
  dev_t device = 0;
  int64_t free_bytes = 0;
};

Volume VolumeOf(const std::string& directory) {
  struct stat entry = {};
  struct statvfs space = {};
  if (stat(directory.c_str(), &entry) != 0 || statvfs(directory.c_str(), &space) != 0)
    pg::Raise(ERRCODE_IO_ERROR,
              fmt::format("could not examine directory \"{}\": {}", directory, strerror(errno)));
  return {entry.st_dev,
          static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize)};
}

struct Tablespace {
  std::string name;
  Volume volume;
};

// Where new rows would go; of several tablespaces the one with the least room.
Tablespace TablespaceOf(Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT DISTINCT s.spcname::text, CASE pg_tablespace_location(s.oid) WHEN '' THEN 'base' "
      "    ELSE 'pg_tblspc/' || s.oid END "
      "  FROM pg_class c JOIN pg_database d ON d.datname = current_database() "
      "  JOIN pg_tablespace s ON s.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace) "
      " WHERE (c.oid = $1 AND c.relkind <> 'p') "
      "    OR c.oid IN (SELECT relid FROM pg_partition_tree($1) WHERE isleaf) ORDER BY 1",
      {Argument::RegClass(relation)});
  std::optional<Tablespace> tightest;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    Tablespace tablespace = {rows.Text(row, 1).value(), VolumeOf(rows.Text(row, 2).value())};
    if (!tightest || tablespace.volume.free_bytes < tightest->volume.free_bytes)
      tightest = std::move(tablespace);
  }
  if (!tightest)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the table has no partition to write to");
  return *tightest;
}

// What of the WAL of a copy stays on disk at a time: all of it where somebody has to fetch it
// first.
struct Wal {
  int64_t bytes = 0;
  std::string reason;
};

Wal WalOf(int64_t written) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT pg_size_bytes(current_setting('max_wal_size')), "
      "  current_setting('archive_mode') <> 'off', (SELECT count(*) FROM pg_replication_slots)");
  const int64_t max_wal_size = rows.Int8(0, 1).value();
  const bool archived = rows.Bool(0, 2).value();
  const int64_t slots = rows.Int8(0, 3).value();
  if (slots > 0)
    return {written, fmt::format("{} replication {} may keep all of it", slots,
                                 slots == 1 ? "slot" : "slots")};
  if (archived) return {written, "all of it may wait for the archiver"};
  return {std::min(written, max_wal_size), "checkpoints recycle it at max_wal_size"};
}

struct Need {
  int64_t rows = 0;
  int64_t indexes = 0;
  int64_t sorting = 0;
  Wal wal;

  int64_t Files() const { return rows + indexes + sorting; }
};

Need NeedOf(const Subject& subject) {
  const Size size = Measure(subject.source);
  return {size.bytes, size.index_bytes, size.largest_index, WalOf(size.bytes + size.index_bytes)};
}

// What was written to the tables that store the rows.
struct Counts {
  int64_t inserts = 0;
  int64_t updates = 0;
  int64_t deletes = 0;
  std::optional<double> seconds;  // since when; nullopt: not known
};

// `seconds` since the statistics were reset.
Counts CountsOf(Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT coalesce(sum(pg_stat_get_tuples_inserted(c.oid)), 0)::bigint, "
      "  coalesce(sum(pg_stat_get_tuples_updated(c.oid)), 0)::bigint, "
      "  coalesce(sum(pg_stat_get_tuples_deleted(c.oid)), 0)::bigint, "
      "  (SELECT extract(epoch FROM clock_timestamp() - stats_reset)::float8 FROM pg_stat_database "
      "    WHERE datname = current_database()) "
      "  FROM pg_class c WHERE (c.oid = $1 AND c.relkind <> 'p') "
      "    OR c.oid IN (SELECT relid FROM pg_partition_tree($1) WHERE isleaf)",
      {Argument::RegClass(relation)});
  return {rows.Int8(0, 1).value(), rows.Int8(0, 2).value(), rows.Int8(0, 3).value(),
          rows.Float8(0, 4)};
}

// What is written while we look. Sessions report what they have written once a second at most, so
// less time than that would see nothing of it. Somebody may reset the counters meanwhile.
Counts Sample(Oid relation) {
  pg::Spi spi;
  const int64_t start = GetCurrentTimestamp();
  const Counts before = CountsOf(relation);
  (void)spi.Execute("SELECT pg_sleep($1)", {Argument::Float8(kSampledSeconds)});
  (void)spi.Execute("SELECT pg_stat_clear_snapshot()");
  const Counts after = CountsOf(relation);
  const auto grown = [](int64_t from, int64_t to) { return to < from ? to : to - from; };
  return {grown(before.inserts, after.inserts), grown(before.updates, after.updates),
          grown(before.deletes, after.deletes),
          static_cast<double>(GetCurrentTimestamp() - start) / USECS_PER_SEC};
}

Counts AnHour(const Counts& counts) {
  const double hours = *counts.seconds / SECS_PER_HOUR;
  const auto rate = [&](int64_t count) {
    return static_cast<int64_t>(static_cast<double>(count) / hours);
  };
  return {rate(counts.inserts), rate(counts.updates), rate(counts.deletes), SECS_PER_HOUR};
}

std::string Written(const Counts& counts) {
  return fmt::format("{} inserts, {} updates and {} deletes", HumanCount(counts.inserts),
                     HumanCount(counts.updates), HumanCount(counts.deletes));
}

Answer Judge(int64_t need, int64_t free_bytes, std::string details, std::string hint) {
  Status status = Status::kOk;
  if (need > free_bytes)
    status = Status::kRefused;
  else if (static_cast<double>(need) > kComfortableShare * static_cast<double>(free_bytes))
    status = Status::kWarning;
  if (status == Status::kOk) hint.clear();
  return {status, std::move(details), std::move(hint)};
}

}  // namespace

Answer TableSize(const Subject& subject) {
  if (const std::optional<std::string> elsewhere = StoredElsewhere(subject.source))
    return UnknownSize(subject, *elsewhere, "how many rows it gives is not known");
  const Size size = Measure(subject.source);
  const std::string where = fmt::format(
      "{} of rows and {} of indexes in {} {}", HumanBytes(size.bytes), HumanBytes(size.index_bytes),
      HumanCount(size.leaves), size.leaves == 1 ? "table" : "partitions");
  if (!size.rows)
    return {Status::kWarning,
            fmt::format("{}; how many rows is not known, as it was never analysed", where),
            fmt::format("ANALYZE {}", subject.source_name)};
  return {Status::kOk,
          fmt::format("about {} rows and {} dead ones, {}", HumanCount(*size.rows),
                      HumanCount(size.dead_rows), where),
          {}};
}

Answer DiskSpace(const Subject& subject) {
  const Tablespace tablespace =
      TablespaceOf(OidIsValid(subject.target) ? subject.target : subject.source);
  if (const std::optional<std::string> elsewhere = StoredElsewhere(subject.source))
    return UnknownSize(subject, *elsewhere,
                       fmt::format("what its rows need is not known, {} free in tablespace {}",
                                   HumanBytes(tablespace.volume.free_bytes), tablespace.name));
  const Need need = NeedOf(subject);
  const bool shared = tablespace.volume.device == VolumeOf("pg_wal").device;
  const int64_t total = need.Files() + (shared ? need.wal.bytes : 0);
  std::string details = fmt::format(
      "up to {} needed in tablespace {} ({} for rows, {} for indexes, {} to sort the largest{}), "
      "{} free",
      HumanBytes(total), tablespace.name, HumanBytes(need.rows), HumanBytes(need.indexes),
      HumanBytes(need.sorting),
      shared ? fmt::format(", {} for WAL on the same file system", HumanBytes(need.wal.bytes)) : "",
      HumanBytes(tablespace.volume.free_bytes));
  return Judge(total, tablespace.volume.free_bytes, std::move(details),
               "Make room, or create the target in another tablespace: "
               "migrate_shadow makes it in the source's, whatever default_tablespace is.");
}

Answer WalSpace(const Subject& subject) {
  const Volume wal = VolumeOf("pg_wal");
  if (const std::optional<std::string> elsewhere = StoredElsewhere(subject.source))
    return UnknownSize(subject, *elsewhere,
                       fmt::format("how much WAL a copy writes is not known, {} free",
                                   HumanBytes(wal.free_bytes)));
  const Need need = NeedOf(subject);
  const bool shared =
      wal.device ==
      TablespaceOf(OidIsValid(subject.target) ? subject.target : subject.source).volume.device;
  std::string details = fmt::format(
      "about {} of WAL at a time ({}), {} free{}", HumanBytes(need.wal.bytes), need.wal.reason,
      HumanBytes(wal.free_bytes), shared ? ", shared with the rows: counted in disk_space" : "");
  if (shared) return {Status::kOk, std::move(details), {}};
  return Judge(need.wal.bytes, wal.free_bytes, std::move(details),
               "Make room for pg_wal, or throttle the copy with max_slot_lag or "
               "max_archive_backlog.");
}

Answer Growth(const Subject& subject) {
  if (const std::optional<std::string> elsewhere = StoredElsewhere(subject.source))
    return {Status::kUnknown,
            fmt::format("{}: what is written to it is not counted here", *elsewhere),
            {}};
  const Counts counts = CountsOf(subject.source);
  const std::string counted = Written(counts) + " counted";
  if (!counts.seconds) {
    const Counts sample = Sample(subject.source);
    return {Status::kOk,
            fmt::format("{} an hour, as {} in {} now; a longer rate is not known: this database's "
                        "statistics were never reset, and have {}",
                        Written(AnHour(sample)), Written(sample),
                        HumanDuration(*sample.seconds * 1000), counted),
            {}};
  }
  const std::string time = HumanDuration(*counts.seconds * 1000);
  if (*counts.seconds < kObservedSecondsAtLeast)
    return {Status::kUnknown, fmt::format("{} in {}, which is too short for a rate", counted, time),
            "Ask again later."};
  return {Status::kOk,
          fmt::format("{} an hour ({} in {})", Written(AnHour(counts)), counted, time),
          {}};
}

Answer Duration(const Subject& subject) {
  if (const std::optional<std::string> elsewhere = StoredElsewhere(subject.source))
    return UnknownSize(subject, *elsewhere, "how long a copy takes is not known");
  const Size size = Measure(subject.source);
  catalog::Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT count(DISTINCT c.job), coalesce(sum(c.bytes_written), 0)::float8, "
      "  coalesce(sum(c.busy_ms), 0)::float8 "
      "  FROM migrate.job_cursor c "
      " WHERE c.bytes_written > 0 AND c.job IN (SELECT j.id FROM migrate.job j "
      "   WHERE j.kind IN ('backfill', 'table') ORDER BY j.id DESC LIMIT 20)");
  const int64_t jobs = rows.Int8(0, 1).value();
  const double written = rows.Float8(0, 2).value();
  const double busy_ms = rows.Float8(0, 3).value();
  const bool measured = busy_ms >= kMeasuredMsAtLeast;
  const double speed = measured ? written * 1000 / busy_ms : kAssumedBytesPerSecond;
  const double ms = static_cast<double>(size.bytes + size.index_bytes) * 1000 / speed;
  const std::string basis =
      measured
          ? fmt::format("{}/s a worker, as measured in {} {} of this database",
                        HumanBytes(static_cast<int64_t>(speed)), jobs, jobs == 1 ? "job" : "jobs")
          : fmt::format(
                "{}/s, which is assumed: no copy in this database has run long enough "
                "to be measured",
                HumanBytes(static_cast<int64_t>(speed)));
  std::string details =
      fmt::format("about {} for {} of rows and indexes with one worker, unthrottled, at {}",
                  HumanDuration(ms), HumanBytes(size.bytes + size.index_bytes), basis);
  if (ms < kLongMs) return {Status::kOk, std::move(details), {}};
  return {
      Status::kWarning, std::move(details),
      "Give migrate_backfill more workers; a copy that is paused or interrupted goes on where it "
      "stood."};
}

}  // namespace pg_cutover::validate
