// Rows by a listed key; see repair_key.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "compare/repair_key.hpp"
#include "link/expression.hpp"
#include "link/injective.hpp"
#include "link/key.hpp"
#include "link/origin.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

constexpr const char* kUuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

// What jsonb writes as an object or an array, or takes in by itself, is not the type's own text. A
// cast to json of an extension's type (hstore) makes such an object, too.
void RequireTextInJson(const Form_pg_attribute attribute) {
  const Oid type = attribute->atttypid;
  const Oid base = pg::Call(getBaseType, type);
  pg::Spi spi;
  const bool differs =
      base == JSONBOID || base == JSONOID ||
      pg::Section([=] { return type_is_array(base) || type_is_rowtype(base); }) ||
      !spi.Query(
              "SELECT FROM pg_catalog.pg_cast WHERE castsource = $1 AND casttarget = "
              "'pg_catalog.json'::pg_catalog.regtype AND castmethod = 'f'",
              {pg::Argument::ObjectId(base)})
           .empty();
  if (!differs) return;
  pg::Raise(
      ERRCODE_FEATURE_NOT_SUPPORTED,
      fmt::format("rows with a key of type {} cannot be repaired", pg::TypeName(type, -1)),
      "A comparison lists keys as jsonb, and such values do not come back from it as they were.",
      "SELECT key FROM migrate.difference names them: mend them by hand, or copy the target anew.");
}

// The column of the source that the key's value is an injective conversion of; nullptr: none.
Form_pg_attribute ConvertedColumn(const Sides& sides, size_t column, ::Relation source,
                                  ::Relation target) {
  for (const catalog::MappedColumn& mapped : sides.link->mapping) {
    if (mapped.column != sides.columns[column].name) continue;
    const link::Origin origin{fmt::format("mapping of column \"{}\"", mapped.column),
                              mapped.expression};
    const link::CanonicalSettings settings;
    const Form_pg_attribute to = Attribute(target, mapped.column);
    Node* const value = link::AnalyseExpression(origin, link::ParseExpression(origin), source);
    if (link::ContainsSubquery(value)) return nullptr;
    Node* const coerced = link::CoerceToColumn(origin, value, target, to->attnum);
    if (coerced == nullptr) return nullptr;
    const AttrNumber from = link::InjectiveColumn(coerced, to->attcollation);
    return from <= 0 ? nullptr : TupleDescAttr(RelationGetDescr(source), from - 1);
  }
  return nullptr;
}

bool IsText(Oid type) {
  return type == TEXTOID || type == VARCHAROID;
}

const char* RangeOf(Oid integer) {
  switch (integer) {
    case INT2OID:
      return "-32768 AND 32767";
    case INT4OID:
      return "-2147483648 AND 2147483647";
    case INT8OID:
      return "-9223372036854775808 AND 9223372036854775807";
    default:
      return nullptr;
  }
}

// Only what PostgreSQL's own conversions make of integers and uuids: of these it is known which
// texts and numbers they give, and that equal ones lead back to equal values.
bool LeadsBack(Oid from, Oid to) {
  if (RangeOf(from) != nullptr) return IsText(to) || to == NUMERICOID;
  return from == UUIDOID && IsText(to);
}

}  // namespace

std::string RepairKey::LeadBack(const Column& column, const std::string& value) {
  const std::string type = pg::TypeName(column.origin_type, -1);
  const std::string text = fmt::format("CAST({} AS pg_catalog.text)", value);
  if (column.origin_type == UUIDOID)
    return fmt::format(
        "{} OPERATOR(pg_catalog.=) CASE WHEN {} OPERATOR(pg_catalog.~) '{}' THEN "
        "CAST({} AS {}) END",
        column.origin, text, kUuid, text, type);
  const std::string number = fmt::format("CAST({} AS pg_catalog.numeric)", value);
  const std::string impossible =
      column.is_number ? fmt::format("{0} OPERATOR(pg_catalog.<>) pg_catalog.trunc({0})", number)
                       : fmt::format("{} OPERATOR(pg_catalog.!~) '^-?[0-9]{{1,19}}$'", text);
  // Each WHEN is looked at only where the one before it is not true.
  return fmt::format(
      "{} OPERATOR(pg_catalog.=) CASE WHEN {} THEN NULL WHEN {} NOT BETWEEN {} THEN NULL "
      "ELSE CAST({} AS {}) END",
      column.origin, impossible, number, RangeOf(column.origin_type), number, type);
}

RepairKey::RepairKey(const Sides& sides) {
  const pg::OpenRelation source(sides.source, AccessShareLock);
  const pg::OpenRelation target(sides.target, AccessShareLock);
  // Columns of the source that its rows are looked up by.
  std::vector<AttrNumber> determined;
  for (size_t i = 0; i < sides.key_columns; ++i) {
    const compare::Column& column = sides.columns[i];
    const Form_pg_attribute attribute = Attribute(target.get(), column.name);
    RequireTextInJson(attribute);
    columns_.push_back({column.probe(),
                        column.target,
                        sides.key_equality[i],
                        pg::QuoteLiteral(column.name),
                        pg::TypeName(attribute->atttypid, attribute->atttypmod),
                        {},
                        InvalidOid,
                        false});
    if (column.plain) determined.push_back(column.plain_number);
    if (column.plain || !sides.link || !sides.link->keys_injective) continue;
    const Form_pg_attribute from = ConvertedColumn(sides, i, source.get(), target.get());
    if (from == nullptr) continue;
    const Oid type = pg::Call(getBaseType, column.type);
    if (!LeadsBack(from->atttypid, type)) continue;
    columns_.back().origin = "source." + pg::QuoteIdentifier(pg::FromName(from->attname));
    columns_.back().origin_type = from->atttypid;
    columns_.back().is_number = type == NUMERICOID;
    determined.push_back(from->attnum);
  }
  // Without an index that serves them nothing is gained; with another one than the key's nobody
  // would look whether it has all rows.
  const std::vector<link::UniqueKey> keys = link::UsableKeys(source.get());
  const bool served = std::any_of(keys.begin(), keys.end(), [&](const link::UniqueKey& key) {
    return std::all_of(key.columns.begin(), key.columns.end(), [&](AttrNumber column) {
      return std::find(determined.begin(), determined.end(), column) != determined.end();
    });
  });
  for (Column& column : columns_) {
    if (!served) column.origin.clear();
    led_back_ |= !column.origin.empty();
  }
}

std::string RepairKey::Condition(Side side, const std::string& key) const {
  std::vector<std::string> conditions;
  for (const Column& column : columns_) {
    const std::string value =
        fmt::format("CAST({} OPERATOR(pg_catalog.->>) {} AS {})", key, column.name, column.type);
    conditions.push_back(fmt::format(
        "{} {} {}", side == Side::kSource ? column.source : column.target, column.equality, value));
    if (side == Side::kSource && !column.origin.empty())
      conditions.push_back(LeadBack(column, value));
  }
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

}  // namespace pg_cutover::compare
