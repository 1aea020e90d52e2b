// The copy phase of the sql method; see sql_copy.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/progress.hpp"

#include "capture/install.hpp"
#include "capture/permission.hpp"
#include "copy/diagnose.hpp"
#include "copy/settings.hpp"
#include "copy/sql_copy.hpp"
#include "copy/sql_text.hpp"
#include "pg/debug_point.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

using Clock = std::chrono::steady_clock;
using KeyList = std::vector<std::vector<std::string>>;

constexpr int64_t kDefaultRows = 10'000;
constexpr int kDeferredARound = 500;

std::vector<pg::Argument> Arguments(const std::vector<std::string>& values) {
  std::vector<pg::Argument> arguments;
  for (const std::string& value : values)
    arguments.push_back(pg::Argument::Text(value));
  return arguments;
}

// One text array a key column.
std::vector<pg::Argument> Columns(const KeyList& keys, size_t width) {
  std::vector<pg::Argument> arguments;
  for (size_t column = 0; column < width; ++column) {
    std::vector<std::string> values;
    for (const std::vector<std::string>& key : keys)
      values.push_back(key[column]);
    arguments.push_back(pg::Argument::TextArray(values));
  }
  return arguments;
}

class SqlCopier {
 public:
  SqlCopier(job::Session& session, const Plan& plan, SqlText text)
      : session_(session), plan_(plan), text_(std::move(text)) {}

  void Run() {
    RefuseNullKeys();
    const catalog::JobCursor cursor =
        session_.InStep([&] { return catalog::OpenCursor(plan_.job, session_.worker()); });
    position_ = cursor.position;
    int64_t rows = std::min<int64_t>(session_.row().batch_size.value_or(kDefaultRows), 1000);
    while (CopyRange(&rows)) {
    }
    // Without progress the wait grows, and says why.
    for (int64_t left = RetryDeferred(), before = left; left > 0; before = left) {
      left = RetryDeferred();
      if (left < before) {
        session_.Succeeded();
        continue;
      }
      session_.BackOff(
          pg::Error(pg::ErrorInfo{ERRCODE_LOCK_NOT_AVAILABLE,
                                  plan_.link.owner ? "source rows are held by open transactions"
                                                   : "rows of the source or the target are held by "
                                                     "open transactions",
                                  {},
                                  {},
                                  {}}));
    }
  }

 private:
  struct Outcome {
    std::optional<std::vector<std::string>> end;  // absent: no rows left
    catalog::BatchCounters counters;
  };

  // A range of keys never contains a NULL, so such rows would be left out without a word.
  void RefuseNullKeys() {
    if (text_.null_key.empty()) return;
    session_.InStep([&] {
      pg::Spi spi;
      const pg::Rows rows = spi.Execute(text_.null_key);
      if (rows.empty()) return;
      std::vector<std::string> key;
      for (size_t i = 0; i < text_.key_names.size(); ++i)
        key.push_back(rows.Text(0, static_cast<int>(i) + 1).value_or("null"));
      pg::Raise(
          ERRCODE_NOT_NULL_VIOLATION, "null value in the key of the source",
          fmt::format("Source row {} of {}.", KeyText(text_.key_names, key), plan_.source_name),
          "The sql method reads the source in the order of its key. Leave such rows out with a "
          "filter, or give them a key.");
    });
  }

  // False when the source is done. Halves the range on an error until one row is left to name.
  bool CopyRange(int64_t* rows) {
    for (;;) {
      try {
        const Outcome outcome = session_.InBatch([&] { return CopyOnce(*rows); });
        session_.Succeeded();
        if (!outcome.end) return false;
        position_ = outcome.end;
        Adapt(rows, outcome.counters.busy_ms);
        core::BatchCost cost;
        cost.rows = outcome.counters.rows_written;
        cost.wal_bytes = outcome.counters.wal_bytes;
        cost.duration_us = static_cast<int64_t>(outcome.counters.busy_ms * 1000);
        session_.Pace(cost);
        return true;
      } catch (const pg::Error& error) {
        if (session_.IsTransient(error)) {
          session_.BackOff(error);
        } else if (*rows > 1) {
          *rows = *rows / 2;
        } else {
          throw WithKey(plan_, text_.key_names, NextKey(), error);
        }
      }
    }
  }

  void Adapt(int64_t* rows, double busy_ms) const {
    const double factor = std::clamp(session_.target_batch_ms() / std::max(busy_ms, 0.1), 0.2, 2.0);
    const int64_t most =
        std::min(session_.row().batch_size.value_or(kDefaultRows * 10),
                 static_cast<int32_t>(std::min<int64_t>(
                     session_.max_batch_rows().value_or(kDefaultRows * 10), kDefaultRows * 10)));
    *rows = std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(*rows) * factor), 1, most);
  }

  std::vector<pg::Argument> RangeArguments(const std::vector<std::string>& end) const {
    std::vector<pg::Argument> arguments;
    if (position_) arguments = Arguments(*position_);
    for (const pg::Argument& argument : Arguments(end))
      arguments.push_back(argument);
    return arguments;
  }

  std::optional<std::vector<std::string>> RangeEnd(pg::Spi& spi, int64_t rows) const {
    std::vector<pg::Argument> arguments;
    if (position_) arguments = Arguments(*position_);
    arguments.push_back(pg::Argument::Int8(rows));
    const pg::Rows bound = spi.Execute(position_ ? text_.bound_next : text_.bound_first, arguments);
    if (bound.empty()) return std::nullopt;
    std::vector<std::string> end;
    for (size_t i = 0; i < text_.key_names.size(); ++i)
      end.push_back(bound.Text(0, static_cast<int>(i) + 1).value());
    return end;
  }

  Outcome CopyOnce(int64_t rows) {
    const Clock::time_point start = Clock::now();
    const uint64 wal_before = pgWalUsage.wal_bytes;
    RequirePresent(plan_);
    if (plan_.synced) capture::RequireIntact(plan_.link);
    UseAsynchronousCommit();
    pg::DebugPoint("copy_batch_start");
    Outcome outcome;
    KeyList skipped;
    {
      pg::Spi spi;
      outcome.end = RangeEnd(spi, rows);
      if (!outcome.end) return outcome;
      const std::vector<pg::Argument> range = RangeArguments(*outcome.end);
      if (text_.lockable) {
        const pg::Rows due = spi.Execute(position_ ? text_.lock_next : text_.lock_first, range);
        outcome.counters = WriteLocked(spi, due, &skipped);
      } else {
        const int64_t written =
            Write(spi, position_ ? text_.write_next : text_.write_first, range, &skipped);
        outcome.counters.rows_read = written + static_cast<int64_t>(skipped.size());
        outcome.counters.rows_written = written;
      }
    }
    pg::DebugPoint("copy_after_insert");
    for (const std::vector<std::string>& key : skipped)
      catalog::InsertDeferredRow(plan_.job, plan_.link.source, key);
    catalog::BatchCounters& counters = outcome.counters;
    counters.wal_bytes = static_cast<int64_t>(pgWalUsage.wal_bytes - wal_before);
    counters.busy_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    rows_done_ += counters.rows_written;
    rate_.Observe(rows_done_, std::chrono::duration_cast<std::chrono::microseconds>(
                                  Clock::now().time_since_epoch())
                                  .count());
    counters.rows_per_second = rate_.PerSecond();
    catalog::SaveBatch(plan_.job, session_.worker(), *outcome.end, counters);
    pg::DebugPoint("copy_before_commit");
    return outcome;
  }

  // `rows` is what a statement returned that says of each key whether it got the row. Returns those
  // that it got.
  KeyList Divide(const pg::Rows& rows, KeyList* skipped) const {
    const auto width = static_cast<int>(text_.key_names.size());
    KeyList got;
    for (uint64_t i = 0; i < rows.size(); ++i) {
      std::vector<std::string> key;
      for (int column = 1; column <= width; ++column)
        key.push_back(rows.Text(i, column).value_or(""));
      (rows.Bool(i, width + 1).value_or(false) ? got : *skipped).push_back(std::move(key));
    }
    return got;
  }

  // Runs a write statement; returns how many rows it has written.
  int64_t Write(pg::Spi& spi, const std::string& statement,
                const std::vector<pg::Argument>& arguments, KeyList* skipped) const {
    if (plan_.link.owner) return static_cast<int64_t>(spi.Execute(statement, arguments).affected());
    // The guard of a mirror whose rows another link owns.
    const capture::DirectWrites permission;
    return static_cast<int64_t>(Divide(spi.Execute(statement, arguments), skipped).size());
  }

  // `due` is what a lock statement returned.
  catalog::BatchCounters WriteLocked(pg::Spi& spi, const pg::Rows& due, KeyList* skipped) const {
    const KeyList locked = Divide(due, skipped);
    catalog::BatchCounters counters;
    counters.rows_read = static_cast<int64_t>(locked.size());
    if (locked.empty()) return counters;
    const capture::DirectWrites permission;
    counters.rows_written =
        Write(spi, text_.write_listed, Columns(locked, text_.key_names.size()), skipped);
    return counters;
  }

  // One row of the list; it is in *skipped again where somebody still holds it.
  catalog::BatchCounters WriteDeferred(const catalog::DeferredRow& row, KeyList* skipped) const {
    const std::vector<pg::Argument> key = Columns({row.key}, text_.key_names.size());
    pg::Spi spi;
    if (text_.lockable) return WriteLocked(spi, spi.Execute(text_.lock_listed, key), skipped);
    catalog::BatchCounters counters;
    counters.rows_written = Write(spi, text_.write_listed, key, skipped);
    return counters;
  }

  // How many are left.
  int64_t RetryDeferred() {
    for (;;) {
      std::vector<std::string> at;
      try {
        return session_.InBatch([&] { return RetryOnce(&at); });
      } catch (const pg::Error& error) {
        if (!session_.IsTransient(error)) throw WithKey(plan_, text_.key_names, at, error);
        session_.BackOff(error);
      }
    }
  }

  int64_t RetryOnce(std::vector<std::string>* at) {
    if (plan_.synced) capture::RequireIntact(plan_.link);
    const std::vector<catalog::DeferredRow> rows =
        catalog::DeferredRows(plan_.job, kDeferredARound);
    catalog::BatchCounters counters;
    for (const catalog::DeferredRow& row : rows) {
      *at = row.key;
      KeyList skipped;
      const catalog::BatchCounters one = WriteDeferred(row, &skipped);
      counters.rows_read += one.rows_read;
      counters.rows_written += one.rows_written;
      if (skipped.empty())
        catalog::DeleteDeferredRow(plan_.job, row.id);
      else
        catalog::CountDeferredAttempt(plan_.job, row.id);
    }
    if (!rows.empty() && counters.rows_written > 0 && position_)
      catalog::SaveBatch(plan_.job, session_.worker(), *position_, counters);
    return catalog::CountDeferredRows(plan_.job);
  }

  std::vector<std::string> NextKey() {
    try {
      return session_.InStep([&] {
        pg::Spi spi;
        return RangeEnd(spi, 1).value_or(std::vector<std::string>{});
      });
    } catch (const pg::Error&) {
      // The key itself may be what cannot be read.
      return {};
    }
  }

  job::Session& session_;
  const Plan& plan_;
  const SqlText text_;
  std::optional<std::vector<std::string>> position_;
  core::RateMeter rate_;
  int64_t rows_done_ = 0;
};

}  // namespace

void RunSqlCopy(job::Session& session, const Plan& plan) {
  SqlText text = session.InStep([&] { return BuildSqlText(plan.link, plan.synced); });
  // Without row locks a writer could come between the read and the write.
  if (plan.synced && !text.lockable)
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
              fmt::format("rows of {} cannot be locked", plan.source_name),
              "With dual-write, the sql method copies rows FOR SHARE, which needs the UPDATE "
              "privilege on the source.",
              "Grant it, then resume the job with migrate_resume.");
  SqlCopier(session, plan, std::move(text)).Run();
}

}  // namespace pg_cutover::copy
