// Repairing a target; see repair.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "capture/permission.hpp"
#include "catalog/comparison_rows.hpp"
#include "catalog/event_rows.hpp"
#include "catalog/repair_rows.hpp"
#include "compare/part.hpp"
#include "compare/ranges.hpp"
#include "compare/repair.hpp"
#include "compare/repair_statements.hpp"
#include "compare/statements.hpp"
#include "job/clock.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/debug_point.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr int64_t kKeysALook = 500;

struct Request {
  int64_t comparison = 0;
  bool dry_run = true;
};

Request ReadRequest(const std::string& text) {
  pg::Spi spi;
  const pg::Rows rows =
      spi.Query("SELECT ($1::jsonb ->> 'comparison')::bigint, ($1::jsonb ->> 'dry_run')::boolean",
                {pg::Argument::Text(text)});
  return {rows.Int8(0, 1).value(), rows.Bool(0, 2).value()};
}

// What a write to the target would do besides: named in the refusal.
std::vector<std::string> SideEffects(Oid target) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT pg_catalog.format('trigger %I', t.tgname) FROM pg_catalog.pg_trigger t "
      "JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid "
      "JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
      "WHERE t.tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1) UNION SELECT $1) AND "
      "NOT t.tgisinternal AND t.tgenabled <> 'D' AND n.nspname <> "
      "'migrate' UNION ALL SELECT pg_catalog.format('foreign key %I of %s', c.conname, "
      "c.conrelid::pg_catalog.regclass) FROM pg_catalog.pg_constraint c WHERE c.confrelid IN "
      "(SELECT relid FROM pg_catalog.pg_partition_tree($1) UNION SELECT $1) "
      "AND c.contype = 'f' AND (c.confdeltype NOT IN ('a', 'r') OR c.confupdtype NOT IN ('a', "
      "'r')) "
      "UNION ALL SELECT pg_catalog.format('rule %I', r.rulename) FROM pg_catalog.pg_rewrite r "
      "WHERE r.ev_class = $1 AND r.ev_type <> '1' AND r.ev_enabled <> 'D' ORDER BY 1",
      {pg::Argument::ObjectId(target)});
  std::vector<std::string> found;
  for (uint64_t i = 0; i < rows.size(); ++i)
    found.push_back(rows.Text(i, 1).value());
  return found;
}

// A NULL equals no key of either side: such a row would be taken for mended.
void RequireWholeKey(const std::string& key) {
  pg::Spi spi;
  if (spi.Query(
             "SELECT FROM pg_catalog.jsonb_each($1::pg_catalog.jsonb) AS k WHERE k.value = 'null'",
             {pg::Argument::Text(key)})
          .empty())
    return;
  pg::Raise(ERRCODE_NOT_NULL_VIOLATION, "the key of the source's row is NULL", {},
            "Leave such rows out with a filter, or give them a key.");
}

// The rows of a view are locked through it, where it lets that happen at all: each write would
// fail, while rows that only the target has would be deleted.
void RequireLockableSource(const catalog::LinkRow& link, const Sides& sides) {
  if (IsTable(link.source)) return;
  const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
    pg::Spi spi;
    // Without a key: one that no row has would be all that is planned.
    spi.Execute(fmt::format("EXPLAIN SELECT {} FOR SHARE OF source", sides.source_rows));
  });
  if (!failure) return;
  if (failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw pg::Error(*failure);
  const std::string source = pg::QualifiedName(link.source);
  const std::string target = pg::QualifiedName(link.target);
  pg::Raise(
      ERRCODE_FEATURE_NOT_SUPPORTED, fmt::format("differences of {} cannot be repaired", target),
      fmt::format("Rows of {} cannot be locked: {}.", source, failure->info().message),
      fmt::format("Copy them anew: TRUNCATE {}; SELECT migrate_backfill({}, {}, sync => false).",
                  target, pg::QuoteLiteral(source), pg::QuoteLiteral(target)));
}

// Raises what would fail each of the rows.
void RequireStatements(const catalog::LinkRow& link) {
  pg::RequireReadable(link.source);
  pg::RequireOwner(link.target);
  const link::CanonicalSettings settings;
  const Sides sides = LoadSides(link.source, link.target);
  (void)BuildRepairStatements(sides);
  RequireLockableSource(link, sides);
}

std::vector<std::string> ListedKeys(const Request& request) {
  std::vector<std::string> keys;
  for (const catalog::ListedKey& key :
       catalog::DifferencesAfter(request.comparison, 0, kMostListed))
    keys.push_back(key.key);
  return keys;
}

void RequireTrueIndex(Oid relation, const std::string& count,
                      const std::vector<std::string>& keys) {
  if (!IsTable(relation)) return;
  const auto counted = [&](const char* seqscan, const char* indexes, const char* joins) {
    pg::GucScope settings;
    settings.Set("enable_seqscan", seqscan);
    settings.SetIndexScans(indexes);
    for (const char* const method : {"enable_hashjoin", "enable_mergejoin"})
      settings.Set(method, joins);
    pg::Spi spi;
    return spi.Query(count, {pg::Argument::TextArray(keys)}).Int8(0, 1).value();
  };
  const int64_t by_table = counted("on", "off", "on");
  const int64_t by_index = counted("off", "on", "off");
  if (by_table == by_index) return;
  pg::Raise(ERRCODE_INDEX_CORRUPTED,
            fmt::format("the index on the key of {} does not have all its rows",
                        pg::QualifiedName(relation)),
            fmt::format("{} rows with the keys that differ are in the table, {} by the index.",
                        by_table, by_index),
            fmt::format("REINDEX TABLE CONCURRENTLY {}, then compare again.",
                        pg::QualifiedName(relation)));
}

// A row that the target's index does not know would be inserted a second time; one that the
// source's does not know would be deleted from the target.
void RequireTrueIndexes(const std::vector<std::string>& keys, const catalog::LinkRow& link) {
  const Sides sides = LoadSides(link.source, link.target);
  const RepairStatements statements = BuildRepairStatements(sides);
  const pg::LatestSnapshot snapshot;
  // Where no index serves the source's key, its rows are looked up in the table itself.
  if (statements.led_back || !RangeObstacle(sides))
    RequireTrueIndex(link.source, statements.count_in_source, keys);
  RequireTrueIndex(link.target, statements.count_in_target, keys);
}

class Repair {
 public:
  Repair(job::Session& session, const Request& request, catalog::LinkRow link)
      : session_(session), request_(request), link_(std::move(link)) {}

  void Run() {
    int64_t after = 0;
    for (;;) {
      const std::vector<catalog::ListedKey> keys = session_.InStep(
          [&] { return catalog::DifferencesAfter(request_.comparison, after, kKeysALook); });
      if (keys.empty()) return;
      for (const catalog::ListedKey& key : keys) {
        Mend(key);
        after = key.id;
      }
    }
  }

 private:
  void Mend(const catalog::ListedKey& key) {
    const int64_t start = job::NowMicros();
    try {
      session_.InStep([&] { MendNow(key); });
    } catch (const pg::Error& error) {
      // Another constraint of the target, or a type that does not take the value: nothing is
      // forced.
      const pg::ErrorInfo& info = error.info();
      Log(key, "failed", std::nullopt, std::nullopt,
          info.detail.empty() ? info.message : fmt::format("{}: {}", info.message, info.detail));
    }
    core::BatchCost cost;
    cost.rows = 1;
    cost.duration_us = job::NowMicros() - start;
    session_.Pace(cost);
  }

  void MendNow(const catalog::ListedKey& key) {
    const Sides sides = LoadSides(link_.source, link_.target);
    RequireWholeKey(key.key);
    const RepairStatements statements = BuildRepairStatements(sides);
    const std::vector<pg::Argument> argument = {pg::Argument::Text(key.key)};
    pg::Spi spi;
    if (!request_.dry_run) {
      pg::DebugPoint("repair_before_write");
      // In the order of dual-write. What is read before it is locked may not be what is
      // overwritten.
      if (IsTable(link_.source)) spi.Execute(statements.lock_source, argument);
      spi.Execute(statements.lock_target, argument);
    }
    const pg::Rows before = spi.Execute(statements.target_row, argument);
    const pg::Rows wanted = spi.Execute(statements.source_row, argument);
    if (wanted.size() > 1)
      pg::Raise(ERRCODE_CARDINALITY_VIOLATION,
                fmt::format("the source has {} rows with this key", wanted.size()),
                "The target can have one of them.");
    const auto image = [](const pg::Rows& rows) -> std::optional<std::string> {
      return rows.empty() ? std::nullopt : rows.Text(0, 1);
    };
    catalog::RepairRow log{request_.comparison, key.key,       wanted.empty() ? "delete" : "write",
                           request_.dry_run,    image(before), image(wanted),
                           std::nullopt};
    if (!Difference(spi, sides, statements, key)) {
      log.action = "none";
      log.after = log.before;
    } else if (!request_.dry_run) {
      const capture::DirectWrites permission;
      if (!wanted.empty()) {
        spi.Execute(statements.write, argument);
      } else {
        pg::DebugPoint("repair_before_delete");
        if (spi.Execute(statements.remove, argument).affected() == 0) log.action = "none";
      }
      log.after = image(spi.Execute(statements.target_row, argument));
      if (const auto columns = Difference(spi, sides, statements, key))
        RaiseDifferent(*columns, statements);
    }
    catalog::LogRepair(session_.id(), log);
    Count(log.action != "none");
    if (!request_.dry_run) catalog::MarkRepaired(request_.comparison, key.id);
  }

  void Count(bool done) {
    catalog::BatchCounters counters;
    counters.rows_read = 1;
    counters.rows_written = done ? 1 : 0;
    catalog::SaveBatch(session_.id(), session_.worker(), core::BlockRange{0, 0}, counters);
  }

  // The columns that differ, none where one side has no such row; nullopt: the row is equal. Under
  // a fresh snapshot.
  static std::optional<std::vector<std::string>> Difference(pg::Spi& spi, const Sides& sides,
                                                            const RepairStatements& statements,
                                                            const catalog::ListedKey& key) {
    const pg::Rows found = spi.Execute(
        DifferenceStatement(sides, 0, {statements.source_key, statements.target_key}, 1),
        {pg::Argument::Text(key.key)});
    if (found.empty()) return std::nullopt;
    return found.TextArray(0, 3);
  }

  [[noreturn]] void RaiseDifferent(const std::vector<std::string>& columns,
                                   const RepairStatements& statements) const {
    const std::string target = pg::QualifiedName(link_.target);
    for (const std::string& column : columns) {
      if (std::find(statements.insert_only.begin(), statements.insert_only.end(), column) ==
          statements.insert_only.end())
        continue;
      pg::Raise(
          ERRCODE_GENERATED_ALWAYS,
          fmt::format(
              "column \"{}\" of {} is GENERATED ALWAYS AS IDENTITY, which no UPDATE can set",
              column, target),
          fmt::format(
              "ALTER TABLE {} ALTER COLUMN {} SET GENERATED BY DEFAULT for the time of the repair.",
              target, pg::QuoteIdentifier(column)));
    }
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the row differs still",
        fmt::format("{} writer has changed it meanwhile, or the mapping reads more than the row. "
                    "Compare the tables again.",
                    columns.empty() ? "A" : fmt::format("In {}. A", fmt::join(columns, ", "))));
  }

  void Log(const catalog::ListedKey& key, const char* action, std::optional<std::string> before,
           std::optional<std::string> after, const std::string& error) {
    session_.InStep([&] {
      catalog::LogRepair(session_.id(), {request_.comparison, key.key, action, request_.dry_run,
                                         std::move(before), std::move(after), error});
      Count(false);
    });
  }

  job::Session& session_;
  const Request request_;
  const catalog::LinkRow link_;
};

void Announce(const job::Session& session, const Request& request) {
  const catalog::RepairCounts counts = catalog::CountRepairs(session.id());
  catalog::RecordEvent(
      catalog::EventOf(session.row(), kRepair,
                       fmt::format("{} {} rows, {} {}, {} were equal, {} failed",
                                   request.dry_run ? "would write" : "wrote", counts.written,
                                   request.dry_run ? "would delete" : "deleted", counts.deleted,
                                   counts.unneeded, counts.failed)));
}

}  // namespace

catalog::LinkRow RequireRepairable(int64_t comparison) {
  const std::optional<catalog::ComparisonRow> found = catalog::FindComparison(comparison);
  if (!found)
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, fmt::format("there is no comparison {}", comparison), {},
              "SELECT job, source, target, verdict FROM migrate.comparison");
  if (!found->verdict) {
    const std::optional<catalog::JobRow> job = catalog::FindJob(comparison);
    const bool ended = !job || core::IsFinal(job->state);
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("comparison {} has not finished", comparison),
        ended ? "It was cancelled, or failed." : "",
        ended ? "Compare the tables again." : fmt::format("CALL migrate_wait({})", comparison));
  }
  const auto refuse = [&](int code, const std::string& detail, const std::string& hint) {
    pg::Raise(code,
              fmt::format("differences of {} cannot be repaired", pg::QualifiedName(found->target)),
              detail, hint);
  };
  std::optional<catalog::LinkRow> link = catalog::FindLink(found->source, found->target);
  if (!link)
    refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
           "No link says which of the two tables is right.",
           "Link them with migrate_link, then compare again.");
  if (link->dormant)
    refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
           "The tables have been swapped: rows flow the other way now.",
           fmt::format("SELECT migrate_compare({}, {})",
                       pg::QuoteLiteral(pg::QualifiedName(found->target)),
                       pg::QuoteLiteral(pg::QualifiedName(found->source))));
  if (!found->link || *found->link != link->id)
    refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "The tables were compared without this link.",
           "Compare them again.");
  if (!link->owner)
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "Other links own the target's rows.",
           "SELECT migrate_backfill of this link fills its columns again.");
  if (link->target_key.empty())
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED, "The target has no key.", "Copy it anew.");
  if (const std::vector<std::string> effects = SideEffects(found->target); !effects.empty())
    refuse(ERRCODE_FEATURE_NOT_SUPPORTED,
           fmt::format("Writing to it would do more than that: {}.", fmt::join(effects, ", ")),
           "Disable triggers and rules, and drop such foreign keys, for the time of the repair.");
  RequireStatements(*link);
  return *std::move(link);
}

void LeadRepair(job::Session& session) {
  const Request request = session.InStep([&] { return ReadRequest(session.row().request); });
  catalog::LinkRow link = session.InStep([&] { return RequireRepairable(request.comparison); });
  session.SetPhase(kRepair);
  session.InStep([&] {
    const std::vector<std::string> keys = ListedKeys(request);
    catalog::SetRowsTotal(session.id(), static_cast<int64_t>(keys.size()));
    RequireTrueIndexes(keys, link);
  });
  Repair(session, request, std::move(link)).Run();
  session.InStep([&] { Announce(session, request); });
}

}  // namespace pg_cutover::compare
