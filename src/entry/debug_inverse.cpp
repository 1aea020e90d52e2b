// migrate.debug_inverse: the way back that is found for a link (test builds only).
#ifdef PG_CUTOVER_DEBUG_POINTS

#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "link/inverse.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

void PutRow(FunctionCallInfo call, const std::string& what, const std::string& name,
            const std::string& detail) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  Datum values[3] = {pg::MakeText(what), pg::MakeText(name), pg::MakeText(detail)};
  pg::Section([&] {
    bool nulls[3] = {false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
}

std::string ArrayText(const std::vector<std::string>& names) {
  return pg::OutputText(TEXTARRAYOID, pg::MakeTextArray(names));
}

}  // namespace

}  // namespace pg_cutover::entry

// migrate.debug_inverse(source, target, columns)
PG_CUTOVER_FUNCTION(pg_cutover_debug_inverse) {
  namespace entry = pg_cutover::entry;
  namespace pg = pg_cutover::pg;
  const entry::Arguments arguments(fcinfo);
  const Oid source = arguments.Relation(0, "source");
  const Oid target = arguments.Relation(1, "target");
  pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  const std::optional<pg_cutover::catalog::LinkRow> link =
      pg_cutover::catalog::FindLink(source, target);
  if (!link) pg::Raise(ERRCODE_UNDEFINED_OBJECT, "there is no such link");
  const pg_cutover::link::Inverse inverse =
      pg_cutover::link::Invert(*link, arguments.OptionalDatum(2));
  for (const std::string& obstacle : inverse.obstacles)
    entry::PutRow(fcinfo, "obstacle", "", obstacle);
  if (!inverse.obstacles.empty()) return 0;
  for (const auto& column : inverse.link.mapping)
    entry::PutRow(fcinfo, "column", column.column, column.expression);
  entry::PutRow(fcinfo, "key", entry::ArrayText(inverse.link.target_key),
                entry::ArrayText(inverse.link.source_key));
  entry::PutRow(fcinfo, "filter", "", inverse.link.source_filter.value_or("none"));
  entry::PutRow(fcinfo, "given", "", inverse.link.columns);
  return 0;
}

#endif
