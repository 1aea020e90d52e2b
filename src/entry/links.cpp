// migrate_link, migrate_unlink, migrate_shadow.
#include "entry/arguments.hpp"
#include "link/create.hpp"
#include "link/shadow.hpp"
#include "pg/entry.hpp"

PG_CUTOVER_FUNCTION(pg_cutover_link) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::link::Request request;
  request.source = arguments.Relation(0, "source");
  request.target = arguments.Relation(1, "target");
  request.columns = arguments.OptionalDatum(2);
  request.filter = arguments.OptionalText(3);
  request.key = arguments.OptionalTextArray(4);
  request.owner = arguments.Bool(5, "owner");
  request.migration = arguments.OptionalText(6);
  return Int64GetDatum(pg_cutover::link::Create(request));
}

PG_CUTOVER_FUNCTION(pg_cutover_unlink) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::link::Unlink(arguments.Relation(0, "source"), arguments.Relation(1, "target"));
  return Datum{0};
}

PG_CUTOVER_FUNCTION(pg_cutover_shadow) {
  const pg_cutover::entry::Arguments arguments(fcinfo);
  pg_cutover::link::ShadowRequest request;
  request.source = arguments.Relation(0, "source");
  request.target = arguments.Text(1, "target");
  request.alterations = arguments.OptionalTextArray(2).value_or(std::vector<std::string>{});
  request.columns = arguments.OptionalDatum(3);
  request.filter = arguments.OptionalText(4);
  request.migration = arguments.OptionalText(5);
  return ObjectIdGetDatum(pg_cutover::link::CreateShadow(request));
}
