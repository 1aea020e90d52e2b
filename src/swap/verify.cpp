// Comparing contents; see verify.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "swap/verify.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

struct Column {
  std::string name;
  std::string mapped;  // over the source row, as the target's type
  std::string type;
  bool hashable = false;
};

std::vector<Column> Columns(const catalog::LinkRow& link) {
  const pg::OpenRelation target(link.target, AccessShareLock);
  std::vector<Column> columns;
  for (const catalog::MappedColumn& mapped : link.mapping) {
    const char* const name = mapped.column.c_str();
    const AttrNumber number = pg::Call(get_attnum, link.target, name);
    if (number == InvalidAttrNumber)
      pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                fmt::format("column \"{}\" of {} is gone", mapped.column,
                            pg::QualifiedName(link.target)));
    const Form_pg_attribute attribute = TupleDescAttr(target.descriptor(), number - 1);
    Column column;
    column.name = mapped.column;
    column.type = pg::TypeName(attribute->atttypid, attribute->atttypmod);
    column.mapped = fmt::format("CAST(({}) AS {})", mapped.expression, column.type);
    column.hashable = OidIsValid(pg::Section([=] {
      return lookup_type_cache(attribute->atttypid, TYPECACHE_HASH_EXTENDED_PROC)
          ->hash_extended_proc;
    }));
    columns.push_back(std::move(column));
  }
  return columns;
}

// NULLs hash as something; never XOR, in which two equal rows vanish.
std::string Aggregate(const std::vector<std::string>& values) {
  return fmt::format(
      "SELECT pg_catalog.count(*) AS rows, coalesce(pg_catalog.sum("
      "pg_catalog.hash_record_extended(ROW({}), 0)), 0) AS checksum",
      fmt::join(values, ", "));
}

// What is hashed in place of a column whose type has no hash of its own (json, xml, points).
std::string Hashed(const Column& column, const std::string& value) {
  return column.hashable ? value : fmt::format("CAST({} AS pg_catalog.text)", value);
}

}  // namespace

Comparison CompareContents(const catalog::LinkRow& link, bool target_has_more) {
  std::vector<std::string> source_values;
  std::vector<std::string> target_values;
  std::vector<std::string> source_key;
  std::vector<std::string> target_key;
  for (const Column& column : Columns(link)) {
    const std::string of_target = "target." + pg::QuoteIdentifier(column.name);
    source_values.push_back(Hashed(column, column.mapped));
    target_values.push_back(Hashed(column, of_target));
    if (std::find(link.target_key.begin(), link.target_key.end(), column.name) ==
        link.target_key.end())
      continue;
    source_key.push_back(column.mapped);
    target_key.push_back(of_target);
  }
  const std::string source = fmt::format("FROM {} AS source WHERE ({})",
                                         pg::QualifiedName(link.source), link::Condition(link));
  std::string target = fmt::format("FROM {} AS target", pg::QualifiedName(link.target));
  if (target_has_more)
    target += fmt::format(" WHERE ({}) IN (SELECT {} {})", fmt::join(target_key, ", "),
                          fmt::join(source_key, ", "), source);
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      fmt::format("SELECT s.rows, s.checksum::pg_catalog.text, t.rows, t.checksum::pg_catalog.text "
                  "FROM ({} {}) AS s, ({} {}) AS t",
                  Aggregate(source_values), source, Aggregate(target_values), target));
  Comparison comparison;
  comparison.source = {rows.Int8(0, 1).value(), rows.Text(0, 2).value()};
  comparison.target = {rows.Int8(0, 3).value(), rows.Text(0, 4).value()};
  return comparison;
}

}  // namespace pg_cutover::swap
