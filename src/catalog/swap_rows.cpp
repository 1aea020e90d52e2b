// Rows of migrate.swap; see swap_rows.hpp.
#include <fmt/format.h>

#include "catalog/scope.hpp"
#include "catalog/swap_rows.hpp"
#include "catalog/table_names.hpp"

namespace pg_cutover::catalog {

namespace {

using pg::Argument;

std::optional<SwapRow> Find(const char* column, Oid relation) {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      fmt::format("SELECT id, job, live::oid, mirror::oid, link, reverse_link, mirror_name::text, "
                  "renames::text[], retired_at IS NOT NULL "
                  "FROM migrate.swap WHERE {} = $1 AND ended_at IS NULL",
                  column),
      {Argument::RegClass(relation)});
  if (rows.empty()) return std::nullopt;
  SwapRow row;
  row.id = rows.Int8(0, 1).value();
  row.job = rows.Int8(0, 2);
  row.live = rows.ObjectId(0, 3).value();
  row.mirror = rows.ObjectId(0, 4).value();
  row.link = rows.Int8(0, 5);
  row.reverse_link = rows.Int8(0, 6);
  row.mirror_name = rows.Text(0, 7).value();
  const std::vector<std::string> renames = rows.TextArray(0, 8);
  for (size_t i = 0; i + 1 < renames.size(); i += 2)
    row.renames.push_back({static_cast<Oid>(std::stoul(renames[i])),
                           static_cast<Oid>(std::stoul(renames[i + 1]))});
  row.retired = rows.Bool(0, 9).value();
  return row;
}

}  // namespace

int64_t InsertSwap(const SwapRow& row) {
  // As they are called since their names were exchanged.
  RememberNames({row.live, row.mirror});
  std::vector<std::string> renames;
  for (const RenamedPair& pair : row.renames) {
    renames.push_back(std::to_string(pair.live));
    renames.push_back(std::to_string(pair.mirror));
  }
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "INSERT INTO migrate.swap (job, live, mirror, link, reverse_link, mirror_name, renames) "
      "VALUES ($1, $2, $3, $4, $5, $6::name, $7::oid[]) RETURNING id",
      {Argument::Int8(row.job), Argument::RegClass(row.live), Argument::RegClass(row.mirror),
       Argument::Int8(row.link), Argument::Int8(row.reverse_link), Argument::Text(row.mirror_name),
       Argument::TextArray(renames)});
  return rows.Int8(0, 1).value();
}

std::optional<SwapRow> FindSwapByLive(Oid live) { return Find("live", live); }

std::optional<SwapRow> FindSwapByMirror(Oid mirror) { return Find("mirror", mirror); }

void EndSwap(int64_t id) {
  Scope scope;
  scope.Execute("UPDATE migrate.swap SET ended_at = clock_timestamp() WHERE id = $1",
                {Argument::Int8(id)});
}

void RetireSwap(int64_t id, int64_t retain) {
  Scope scope;
  scope.Execute(
      "UPDATE migrate.swap SET retired_at = clock_timestamp(), safe_after = clock_timestamp() + "
      "$2 * interval '1 microsecond' WHERE id = $1",
      {Argument::Int8(id), Argument::Int8(retain)});
}

std::vector<RetiredRow> RetiredMirrors() {
  Scope scope;
  const pg::Rows rows = scope.Execute(
      "SELECT id, mirror::oid, safe_after::text, safe_after <= clock_timestamp() "
      "FROM migrate.swap WHERE retired_at IS NOT NULL AND ended_at IS NULL ORDER BY safe_after, id");
  std::vector<RetiredRow> retired;
  for (uint64_t row = 0; row < rows.size(); ++row)
    retired.push_back({rows.Int8(row, 1).value(), rows.ObjectId(row, 2).value(),
                       rows.Text(row, 3).value(), rows.Bool(row, 4).value()});
  return retired;
}

}  // namespace pg_cutover::catalog
