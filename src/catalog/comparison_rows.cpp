// Rows of comparisons; see comparison_rows.hpp.
#include <set>

#include "catalog/comparison_rows.hpp"
#include "catalog/scope.hpp"

namespace pg_cutover::catalog {

using pg::Argument;

void BeginComparison(const ComparisonRow& row) {
  Scope scope;
  scope.Execute("DELETE FROM migrate.comparison_result WHERE job = $1", {Argument::Int8(row.job)});
  scope.Execute(
      "INSERT INTO migrate.comparison_result (job, link, source, target, method, columns, seed, "
      "horizon, last_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::xid8, $9)",
      {Argument::Int8(row.job), Argument::Int8(row.link), Argument::RegClass(row.source),
       Argument::RegClass(row.target), Argument::Text(row.method), Argument::TextArray(row.columns),
       Argument::Int8(static_cast<int64_t>(row.seed)),
       Argument::Text(row.horizon ? std::optional(std::to_string(*row.horizon)) : std::nullopt),
       Argument::TextArray(row.last_key)});
}

std::optional<ComparisonRow> FindComparison(int64_t job) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT link, source::oid, target::oid, method, columns, seed, verdict, rows_source, "
      "rows_target, missing, extra, changed, representation_only, horizon::text, last_key, reason "
      "FROM migrate.comparison_result WHERE job = $1",
      {Argument::Int8(job)});
  if (rows.empty()) return std::nullopt;
  ComparisonRow row;
  row.job = job;
  row.link = rows.Int8(0, 1);
  row.source = rows.ObjectId(0, 2).value();
  row.target = rows.ObjectId(0, 3).value();
  row.method = rows.Text(0, 4).value();
  row.columns = rows.TextArray(0, 5);
  row.seed = static_cast<uint64_t>(rows.Int8(0, 6).value());
  row.verdict = rows.Text(0, 7);
  row.rows_source = rows.Int8(0, 8).value();
  row.rows_target = rows.Int8(0, 9).value();
  row.counts = {rows.Int8(0, 10).value(), rows.Int8(0, 11).value(), rows.Int8(0, 12).value(),
                rows.Int8(0, 13).value()};
  if (const std::optional<std::string> horizon = rows.Text(0, 14))
    row.horizon = std::stoull(*horizon);
  if (rows.Text(0, 15)) row.last_key = rows.TextArray(0, 15);
  row.reason = rows.Text(0, 16);
  return row;
}

namespace {

int64_t CountListed(Scope& scope, int64_t job) {
  return scope
      .Execute("SELECT count(*) FROM migrate.difference_row WHERE job = $1", {Argument::Int8(job)})
      .Int8(0, 1)
      .value();
}

// Which of these keys are listed already, as jsonb text.
std::set<std::string> ListedOf(Scope& scope, int64_t job, const std::vector<DifferenceRow>& rows) {
  std::vector<std::string> keys;
  for (const DifferenceRow& row : rows)
    if (row.key) keys.push_back(*row.key);
  const pg::Rows found = scope.Execute(
      "SELECT key::text FROM migrate.difference_row WHERE job = $1 AND key = ANY ($2::jsonb[])",
      {Argument::Int8(job), Argument::TextArray(keys)});
  std::set<std::string> listed;
  for (uint64_t i = 0; i < found.size(); ++i)
    listed.insert(found.Text(i, 1).value());
  return listed;
}

void List(Scope& scope, int64_t job, const DifferenceRow& row) {
  scope.Execute(
      "INSERT INTO migrate.difference_row (job, key, kind, columns, source_row, target_row, times) "
      "VALUES ($1, $2::jsonb, $3, $4, $5::jsonb, $6::jsonb, $7)",
      {Argument::Int8(job), Argument::Text(row.key), Argument::Text(row.kind),
       Argument::TextArray(row.columns), Argument::Text(row.source_row),
       Argument::Text(row.target_row), Argument::Int8(row.times)});
}

int64_t& CountOf(DifferenceCounts* counts, const std::string& kind) {
  if (kind == "missing") return counts->missing;
  if (kind == "extra") return counts->extra;
  return kind == "changed" ? counts->changed : counts->representation_only;
}

}  // namespace

void AddPart(int64_t job, const ComparedPart& part, int64_t most, bool again) {
  Scope scope;
  DifferenceCounts counts = part.counts;
  std::optional<std::string> doubt = part.doubt;
  if (!part.listed.empty()) {
    const int64_t before = CountListed(scope, job);
    int64_t listed = before;
    const std::set<std::string> known =
        before > 0 ? ListedOf(scope, job, part.listed) : std::set<std::string>();
    for (const DifferenceRow& row : part.listed) {
      if (row.key && known.contains(*row.key)) {
        --CountOf(&counts, row.kind);
      } else if (listed < most) {
        List(scope, job, row);
        ++listed;
      }
    }
    // Which of them were counted before is not known where not all were listed.
    if (again && before >= most) {
      counts = {};
      doubt =
          "the list is full: of the rows that changed while the tables were compared only those "
          "are counted that differed before";
    }
  }
  scope.Execute(
      "UPDATE migrate.comparison_result SET rows_source = rows_source + $2, "
      "rows_target = rows_target + $3, missing = missing + $4, extra = extra + $5, "
      "changed = changed + $6, representation_only = representation_only + $7, "
      "snapshot_ms = greatest(snapshot_ms, $8), reason = coalesce(reason, $9) WHERE job = $1",
      {Argument::Int8(job), Argument::Int8(part.rows_source), Argument::Int8(part.rows_target),
       Argument::Int8(counts.missing), Argument::Int8(counts.extra), Argument::Int8(counts.changed),
       Argument::Int8(counts.representation_only), Argument::Float8(part.snapshot_ms),
       Argument::Text(doubt)});
}

std::string FinishComparison(int64_t job, int64_t most) {
  Scope scope;
  return scope
      .Execute(
          "UPDATE migrate.comparison_result r SET finished_at = clock_timestamp(), "
          "verdict = CASE WHEN n.differ > 0 THEN 'different' "
          "WHEN r.reason IS NOT NULL THEN 'inconclusive' ELSE 'equal' END, "
          "reason = coalesce(r.reason, CASE WHEN n.differ > $2 AND n.differ > 0.1 * n.rows THEN "
          "'more than a tenth of the rows differ, and more of them than are listed: a repair would "
          "take many comparisons, copying the table anew takes one copy' END) "
          "FROM (SELECT job, missing + extra + changed + representation_only AS differ, "
          "greatest(rows_source, rows_target) AS rows FROM migrate.comparison_result) n "
          "WHERE r.job = $1 AND n.job = r.job RETURNING r.verdict",
          {Argument::Int8(job), Argument::Int8(most)})
      .Text(0, 1)
      .value();
}

std::optional<int64_t> CleanComparison(int64_t link, int64_t max_age_ms) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "WITH pair AS (SELECT source::oid, target::oid FROM migrate.link WHERE id = $1), "
      // Of the same tables, whichever was named first, and of this link.
      "other AS (SELECT o.job, o.verdict, "
      "coalesce(o.finished_at, j.finished_at, 'infinity') AS until, "
      "o.missing + o.extra + o.changed + o.representation_only AS differ "
      "FROM migrate.comparison_result o JOIN migrate.job j ON j.id = o.job, pair "
      "WHERE o.link = $1 OR (o.source, o.target) = (pair.source, pair.target) "
      "OR (o.target, o.source) = (pair.source, pair.target)), "
      "failed AS (SELECT j.finished_at FROM migrate.job j, pair "
      "WHERE j.kind IN ('compare', 'verify') AND j.state = 'failed' AND (j.link = $1 "
      "OR (j.source, j.target) = (pair.source, pair.target) "
      "OR (j.target, j.source) = (pair.source, pair.target))) "
      "SELECT r.job FROM migrate.comparison_result r JOIN migrate.capture c ON c.link = r.link "
      "WHERE r.link = $1 AND r.verdict = 'equal' AND r.started_at > c.complete_at "
      "AND r.started_at > clock_timestamp() - make_interval(secs => $2 / 1000.0) "
      "AND NOT EXISTS (SELECT FROM other o JOIN migrate.difference_row d ON d.job = o.job "
      "WHERE d.repaired_at > r.started_at) "
      "AND NOT EXISTS (SELECT FROM other o WHERE o.until > r.started_at "
      "AND (o.verdict <> 'equal' OR o.differ > 0)) "
      // Why is not asked: it could not say that they are equal.
      "AND NOT EXISTS (SELECT FROM failed f WHERE f.finished_at > r.started_at) "
      "ORDER BY r.started_at DESC LIMIT 1",
      {Argument::Int8(link), Argument::Int8(max_age_ms)});
  if (rows.empty()) return std::nullopt;
  return rows.Int8(0, 1);
}

}  // namespace pg_cutover::catalog
