// Tables that were dropped by hand; see dropped.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "link/dropped.hpp"

#include "catalog/capture_rows.hpp"
#include "catalog/job_rows.hpp"
#include "catalog/swap_rows.hpp"
#include "catalog/table_names.hpp"

namespace pg_cutover::link {

namespace {

using catalog::IsThere;
using catalog::TableName;

std::optional<catalog::SwapRow> SwapOf(Oid table) {
  std::optional<catalog::SwapRow> swap = catalog::FindSwapByMirror(table);
  return swap ? swap : catalog::FindSwapByLive(table);
}

// "link 3, dual-write, job 5"
std::string Remains(const std::vector<int64_t>& links, Oid target, bool swapped) {
  std::vector<std::string> parts;
  if (swapped) parts.emplace_back("the swap");
  for (const int64_t link : links) {
    parts.push_back(fmt::format("link {}", link));
    if (catalog::FindCapture(link)) parts.back() += " with dual-write";
  }
  if (const std::optional<int64_t> job = catalog::UnfinishedJobOn(target))
    parts.push_back(fmt::format("job {}", *job));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string UnlinkHint(Oid source, Oid target) {
  std::string stays;
  for (const Oid table : {source, target})
    if (IsThere(table)) stays = fmt::format("; {} stays as it is", TableName(table));
  return fmt::format("SELECT migrate_unlink({}, {}) removes what is left{}.",
                     catalog::TableLiteral(source), catalog::TableLiteral(target), stays);
}

pg::ErrorInfo OfSwap(const catalog::SwapRow& swap, Oid table) {
  std::vector<int64_t> links;
  for (const std::optional<int64_t>& link : {swap.link, swap.reverse_link})
    if (link) links.push_back(*link);
  const std::string what =
      table == swap.mirror
          ? fmt::format("{} had taken its place, and cannot be swapped back any more.",
                        TableName(swap.live))
          : fmt::format("It had taken the place of {}.", TableName(swap.mirror));
  return {ERRCODE_UNDEFINED_TABLE,
          fmt::format("table {} was dropped", TableName(table)),
          fmt::format("{} What is left: {}.", what, Remains(links, swap.mirror, true)),
          UnlinkHint(swap.live, swap.mirror),
          {}};
}

pg::ErrorInfo OfLink(const catalog::LinkRow& link, Oid table) {
  const bool is_target = table == link.target;
  return {ERRCODE_UNDEFINED_TABLE,
          fmt::format("table {} was dropped", TableName(table)),
          fmt::format("It was the {} of a migration {} {}. What is left: {}.",
                      is_target ? "target" : "source", is_target ? "from" : "to",
                      TableName(is_target ? link.source : link.target),
                      Remains({link.id}, link.target, false)),
          UnlinkHint(link.source, link.target),
          {}};
}

}  // namespace

std::optional<pg::ErrorInfo> Dropped(Oid table) {
  if (!OidIsValid(table) || IsThere(table)) return std::nullopt;
  if (const std::optional<catalog::SwapRow> swap = SwapOf(table)) return OfSwap(*swap, table);
  const std::vector<catalog::LinkRow> links = catalog::LinksOf(table);
  if (!links.empty()) return OfLink(links.front(), table);
  const std::optional<std::string> name = catalog::RememberedName(table);
  return pg::ErrorInfo{ERRCODE_UNDEFINED_TABLE,
                       name ? fmt::format("table {} was dropped", *name)
                            : fmt::format("relation with OID {} does not exist", table),
                       name ? "No link has it any more." : "",
                       {},
                       {}};
}

void RequireThere(Oid table) {
  if (std::optional<pg::ErrorInfo> dropped = Dropped(table)) throw pg::Error(std::move(*dropped));
}

void RequireThere(const catalog::LinkRow& link) {
  RequireThere(link.target);
  RequireThere(link.source);
}

void RequireCounterparts(Oid table) {
  for (const catalog::LinkRow& link : catalog::LinksOf(table))
    if (!link.dormant && catalog::FindCapture(link.id)) RequireThere(link);
}

}  // namespace pg_cutover::link
