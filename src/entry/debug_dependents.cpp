// migrate.debug_dependents: what a swap of two linked tables would carry over, refuse and run, for
// tests of src/swap (test builds only).
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "link/json.hpp"
#include "pg/entry.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/dependents.hpp"
#include "swap/pair.hpp"

namespace pg_cutover::entry {

namespace {

catalog::LinkRow LinkBetween(Oid live, Oid mirror) {
  std::optional<catalog::LinkRow> link = catalog::FindLink(live, mirror);
  if (!link)
    pg::Raise(
        ERRCODE_UNDEFINED_OBJECT,
        fmt::format("{} is not linked to {}", pg::QualifiedName(live), pg::QualifiedName(mirror)));
  return std::move(*link);
}

std::string RefusalsText(const std::vector<swap::Refusal>& refusals) {
  std::vector<std::string> lines;
  for (const swap::Refusal& refusal : refusals)
    lines.push_back(fmt::format("{}: {} ({})", refusal.object, refusal.reason, refusal.hint));
  return link::JsonArray(lines);
}

std::string ColumnsText(const swap::Pair& pair) {
  std::vector<std::string> lines;
  for (const swap::ColumnPair& column : pair.columns)
    lines.push_back(
        fmt::format("{} {} {}", column.live, column.same_type ? "=" : "~", column.mirror));
  return link::JsonArray(lines);
}

std::string LocksText(const std::vector<Oid>& relations) {
  std::vector<std::string> names;
  for (const Oid relation : relations)
    names.push_back(pg::QualifiedName(relation));
  return link::JsonArray(names);
}

std::string PairText(const swap::Pair& pair) {
  const swap::Alignment alignment = swap::AlignColumnNames(pair);
  return fmt::format(R"({{"live": {}, "mirror": {}, "retired": {}, "columns": {}, )"
                     R"("align": {}, "restore": {}}})",
                     link::JsonText(pair.Live()), link::JsonText(pair.Mirror()),
                     link::JsonText(pair.retired_name), ColumnsText(pair),
                     link::JsonArray(alignment.align), link::JsonArray(alignment.restore));
}

std::string DependentsText(const swap::Dependents& found) {
  return fmt::format(R"({{"refusals": {}, "carried": {}, "lock": {}, "before": {}, "after": {}}})",
                     RefusalsText(found.refusals), link::JsonArray(found.carried),
                     LocksText(found.lock), link::JsonArray(found.before),
                     link::JsonArray(found.after));
}

}  // namespace

}  // namespace pg_cutover::entry

// migrate.debug_pair(live, mirror, retired_name)
PG_CUTOVER_FUNCTION(pg_cutover_debug_pair) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const auto link = pg_cutover::entry::LinkBetween(arguments.Relation(0, "live"),
                                                   arguments.Relation(1, "mirror"));
  const auto pair = pg_cutover::swap::LoadPair(link, arguments.OptionalText(2));
  return pg_cutover::pg::MakeText(pg_cutover::entry::PairText(pair));
}

// migrate.debug_dependents(live, mirror, deparsed): deparsed as in the swap, between aligning the
// live table's columns and restoring them.
PG_CUTOVER_FUNCTION(pg_cutover_debug_dependents) {
  namespace swap = pg_cutover::swap;
  const pg_cutover::entry::Arguments arguments(fcinfo);
  const auto link = pg_cutover::entry::LinkBetween(arguments.Relation(0, "live"),
                                                   arguments.Relation(1, "mirror"));
  const swap::Pair pair = swap::LoadPair(link, std::nullopt);
  const swap::Alignment alignment = swap::AlignColumnNames(pair);
  const auto run = [](const std::vector<std::string>& statements) {
    pg_cutover::pg::Spi spi;
    for (const std::string& statement : statements)
      spi.Execute(statement);
  };
  swap::Dependents found;
  swap::AddRefusals(pair, &found);
  // Columns that are inherited cannot be renamed: nothing is aligned before that is refused.
  const bool deparsed = arguments.Bool(2, "deparsed") && found.refusals.empty();
  if (deparsed) run(alignment.align);
  swap::AddViews(pair, deparsed, &found);
  swap::AddFunctions(pair, deparsed, &found);
  if (deparsed) run(alignment.restore);
  return pg_cutover::pg::MakeText(pg_cutover::entry::DependentsText(found));
}

#endif
