// What was asked for, as jsonb; see request.hpp.
#include "swap/request.hpp"

#include "pg/spi.hpp"

namespace pg_cutover::swap {

using pg::Argument;

std::string RequestText(const Request& request) {
  pg::Spi spi;
  return spi
      .Execute(
          "SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
          "'lock_timeout_ms', $1, 'attempts', $2, 'verify', $3, 'reverse_sync', $4, "
          "'retire_as', $5, 'reverse_columns', $6::pg_catalog.jsonb, 'record_rejected', $7, "
          "'terminate_after_ms', $8))::pg_catalog.text",
          {Argument::Int8(request.lock_timeout_ms), Argument::Int4(request.attempts),
           Argument::Bool(request.verify), Argument::Bool(request.reverse_sync),
           Argument::Text(request.retire_as), Argument::Text(request.reverse_columns),
           Argument::Bool(request.record_rejected), Argument::Int8(request.terminate_after_ms)})
      .Text(0, 1)
      .value();
}

Request ReadRequest(const std::string& text) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT r.lock_timeout_ms, r.attempts, r.verify, r.reverse_sync, r.retire_as, "
      "r.reverse_columns::pg_catalog.text, r.record_rejected, r.terminate_after_ms "
      "FROM pg_catalog.jsonb_to_record($1::pg_catalog.jsonb) AS r (lock_timeout_ms "
      "pg_catalog.int8, "
      "attempts pg_catalog.int4, verify pg_catalog.bool, reverse_sync pg_catalog.bool, "
      "retire_as pg_catalog.text, reverse_columns pg_catalog.jsonb, "
      "record_rejected pg_catalog.bool, terminate_after_ms pg_catalog.int8)",
      {Argument::Text(text)});
  Request request;
  request.lock_timeout_ms = rows.Int8(0, 1).value();
  request.attempts = rows.Int4(0, 2).value();
  request.verify = rows.Bool(0, 3).value();
  request.reverse_sync = rows.Bool(0, 4).value();
  request.retire_as = rows.Text(0, 5);
  request.reverse_columns = rows.Text(0, 6).value();
  request.record_rejected = rows.Bool(0, 7).value();
  request.terminate_after_ms = rows.Int8(0, 8);
  return request;
}

}  // namespace pg_cutover::swap
