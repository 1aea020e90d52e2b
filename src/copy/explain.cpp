// What a backfill would do, in words; see explain.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "core/humanize.hpp"

#include "copy/explain.hpp"
#include "copy/method.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

struct Size {
  std::optional<int64_t> rows;
  int64_t bytes = 0;        // with TOAST, without indexes
  int64_t index_bytes = 0;
  int64_t leaves = 0;
};

Size Measure(Oid relation) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT CASE WHEN pg_catalog.bool_and(c.reltuples >= 0) "
      "            THEN pg_catalog.sum(c.reltuples)::bigint END, "
      "       coalesce(pg_catalog.sum(pg_catalog.pg_table_size(c.oid)), 0)::bigint, "
      "       coalesce(pg_catalog.sum(pg_catalog.pg_indexes_size(c.oid)), 0)::bigint, "
      "       pg_catalog.count(*) "
      "  FROM pg_catalog.pg_class c "
      " WHERE (c.oid = $1 AND c.relkind <> 'p') "
      "    OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1) WHERE isleaf)",
      {pg::Argument::RegClass(relation)});
  return {rows.Int8(0, 1), rows.Int8(0, 2).value_or(0), rows.Int8(0, 3).value_or(0),
          rows.Int8(0, 4).value_or(0)};
}

// The indexes that an empty target would get back after the copy.
std::vector<std::string> SecondaryIndexes(const catalog::LinkRow& link) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT c.relname::text FROM pg_catalog.pg_index i "
      "  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
      " WHERE i.indrelid = $1 AND i.indisvalid AND NOT i.indisprimary "
      " ORDER BY 1",
      {pg::Argument::RegClass(link.target)});
  std::vector<std::string> names;
  for (uint64_t i = 0; i < rows.size(); ++i) names.push_back(rows.Text(i, 1).value_or(""));
  for (const catalog::DeferredObject& object : catalog::DeferredObjects(link.id, true))
    names.push_back(object.name);
  return names;
}

std::string RowsText(const Size& size) {
  return size.rows ? fmt::format("about {} rows", core::HumanCount(*size.rows))
                   : std::string("an unknown number of rows (never analysed)");
}

void AddMapping(const catalog::LinkRow& link, std::vector<Step>* steps) {
  std::vector<std::string> changed;
  for (const catalog::MappedColumn& mapped : link.mapping)
    if (mapped.expression != "source." + pg::QuoteIdentifier(mapped.column))
      changed.push_back(fmt::format("{} = {}", pg::QuoteIdentifier(mapped.column), mapped.expression));
  steps->push_back({"mapping",
                    fmt::format("{} columns{}{}", link.mapping.size(),
                                changed.empty() ? ", each from the column of its name" : "; ",
                                fmt::join(changed, "; "))});
  if (link.source_filter) steps->push_back({"filter", *link.source_filter});
  steps->push_back(
      {"key", fmt::format("({}) of the target, from ({}) of the source",
                          fmt::join(link.target_key, ", "),
                          link.source_key.empty() ? std::string("no key of its own")
                                                  : fmt::format("{}", fmt::join(link.source_key, ", ")))});
}

}  // namespace

std::vector<Step> Explain(const catalog::LinkRow& link) {
  const MethodChoice choice = ChooseMethod(link, "auto", true);
  const Size source = Measure(link.source);
  const bool direct = choice.method == "direct";
  const bool empty = IsEmpty(link.target);
  std::vector<Step> steps;
  steps.push_back({"method", direct ? std::string("direct: heap to heap, in the order of blocks")
                                    : fmt::format("sql: {} in key order, because {}",
                                                  link.owner ? "INSERT ... SELECT" : "UPDATE",
                                                  fmt::join(choice.obstacles, "; "))});
  AddMapping(link, &steps);
  steps.push_back({"source", fmt::format("{}, {} in {} {}", RowsText(source),
                                         core::HumanBytes(source.bytes), source.leaves,
                                         source.leaves == 1 ? "table" : "partitions")});
  steps.push_back(
      {"batches", direct ? std::string("ranges of blocks, sized to take about 25 ms (target_batch_ms), "
                                       "at most 16 MiB")
                         : std::string("ranges of the key, sized to take about 25 ms (target_batch_ms)")});
  steps.push_back({"disk space",
                   fmt::format("about {} for rows, up to {} for indexes, and as much again of WAL",
                               core::HumanBytes(source.bytes), core::HumanBytes(source.index_bytes))});
  const std::vector<std::string> later = SecondaryIndexes(link);
  if (!later.empty())
    steps.push_back(
        {"indexes", direct && empty
                        ? fmt::format("built concurrently after the rows: {}", fmt::join(later, ", "))
                        : fmt::format("kept up to date while rows are written, as the target {}: {}",
                                      empty ? "is filled by SQL" : "is not empty",
                                      fmt::join(later, ", "))});
  steps.push_back({"locks: start", "ACCESS SHARE on the source; ACCESS EXCLUSIVE on the target and "
                                   "on tables that its foreign keys reference, for a moment, with "
                                   "lock_timeout and retry"});
  if (!link.sync_refusal)
    steps.push_back({"locks: dual-write",
                     "SHARE ROW EXCLUSIVE on the source, for a moment, with lock_timeout and retry: waits "
                     "for its writers and for prepared transactions"});
  steps.push_back({"locks: copy",
                   direct ? "ACCESS SHARE on the source, no row locks; ROW EXCLUSIVE on the target; a "
                            "batch at a time"
                          : (link.source_key.empty()
                                 ? "ACCESS SHARE on the source; ROW EXCLUSIVE on the target; a batch at a "
                                   "time"
                                 : "ROW SHARE on the source and FOR SHARE on the rows of the batch, whose "
                                   "writers wait for it; ROW EXCLUSIVE on the target; a batch at a time")});
  steps.push_back({"locks: afterwards",
                   "SHARE UPDATE EXCLUSIVE on the target for indexes, validation, ANALYZE and VACUUM; for "
                   "a moment ACCESS EXCLUSIVE for a unique constraint, SHARE ROW EXCLUSIVE on both tables "
                   "for a foreign key, with lock_timeout and retry"});
  if (link.sync_refusal) steps.push_back({"sync", "not possible: " + *link.sync_refusal});
  return steps;
}

}  // namespace pg_cutover::copy
