// Ranges of the key; see ranges.hpp.
#include <fmt/format.h>

#include "compare/ranges.hpp"
#include "compare/statements.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

struct RangeKey {
  std::string source;  // source.a
  std::string target;  // target.b
  std::string type;    // of the target
};

bool StoresRows(::Relation relation) {
  const char kind = relation->rd_rel->relkind;
  return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_MATVIEW;
}

// One for each key column; empty, with the reason, where there is no common order.
std::vector<RangeKey> RangeKeys(const Sides& sides, std::string* obstacle) {
  const pg::OpenRelation source(sides.source, AccessShareLock);
  const pg::OpenRelation target(sides.target, AccessShareLock);
  if (sides.key_columns == 0 || !sides.unique) {
    *obstacle = "there is no key that is unique on both sides";
    return {};
  }
  if (!StoresRows(source.get()) || !StoresRows(target.get())) {
    *obstacle = "one of them does not store its rows";
    return {};
  }
  std::vector<RangeKey> keys;
  for (size_t i = 0; i < sides.key_columns; ++i) {
    const Column& column = sides.columns[i];
    // Range conditions find their operators in pg_catalog.
    if (!column.plain || !sides.key_equality[i].starts_with("OPERATOR(pg_catalog.")) {
      *obstacle = fmt::format("key column \"{}\" is computed, or has another type or collation",
                              column.name);
      return {};
    }
    const Form_pg_attribute to = Attribute(target.get(), column.name);
    keys.push_back({*column.plain, column.target, pg::TypeName(to->atttypid, to->atttypmod)});
  }
  return keys;
}

std::vector<RangeKey> RequireKeys(const Sides& sides) {
  std::string obstacle;
  std::vector<RangeKey> keys = RangeKeys(sides, &obstacle);
  if (keys.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} and {} cannot be compared range by range",
                          pg::QualifiedName(sides.source), pg::QualifiedName(sides.target)),
              fmt::format("The reason: {}.", obstacle), "Use mode => 'snapshot'.");
  return keys;
}

std::string Listed(const std::vector<RangeKey>& keys, std::string RangeKey::*side) {
  std::vector<std::string> names;
  for (const RangeKey& key : keys)
    names.push_back(key.*side);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string Literals(const std::vector<RangeKey>& keys, const KeyPosition& position) {
  std::vector<std::string> values;
  for (size_t i = 0; i < keys.size(); ++i)
    values.push_back(fmt::format("CAST({} AS {})", pg::QuoteLiteral(position[i]), keys[i].type));
  return fmt::format("{}", fmt::join(values, ", "));
}

std::string Between(const std::vector<RangeKey>& keys, std::string RangeKey::*side,
                    const std::optional<KeyPosition>& after,
                    const std::optional<KeyPosition>& end) {
  std::string condition;
  if (after) condition = fmt::format("({}) > ({})", Listed(keys, side), Literals(keys, *after));
  if (end)
    condition += fmt::format("{}({}) <= ({})", condition.empty() ? "" : " AND ", Listed(keys, side),
                             Literals(keys, *end));
  return condition;
}

std::string AsText(const std::vector<RangeKey>& keys) {
  std::vector<std::string> texts;
  for (const RangeKey& key : keys)
    texts.push_back(fmt::format("({})::pg_catalog.text", key.source));
  return fmt::format("{}", fmt::join(texts, ", "));
}

// The first row's first columns.
KeyPosition Position(const pg::Rows& rows, size_t columns) {
  KeyPosition position;
  for (size_t i = 0; i < columns; ++i)
    position.push_back(rows.Text(0, static_cast<int>(i) + 1).value());
  return position;
}

}  // namespace

std::optional<std::string> RangeObstacle(const Sides& sides) {
  std::string obstacle;
  if (!RangeKeys(sides, &obstacle).empty()) return std::nullopt;
  return obstacle;
}

void RequireRanges(const Sides& sides) {
  (void)RequireKeys(sides);
}

std::optional<KeyPosition> LastKey(const Sides& sides) {
  const std::vector<RangeKey> keys = RequireKeys(sides);
  std::vector<std::string> order;
  for (const RangeKey& key : keys)
    order.push_back(key.source + " DESC");
  pg::Spi spi;
  const pg::Rows found =
      spi.Query(fmt::format("SELECT {} FROM {} AS source ORDER BY {} LIMIT 1", AsText(keys),
                            pg::QualifiedName(sides.source), fmt::join(order, ", ")));
  if (found.empty()) return std::nullopt;
  return Position(found, keys.size());
}

std::optional<RangeEnd> FindRangeEnd(const Sides& sides, const std::optional<KeyPosition>& after,
                                     int64_t rows, const std::optional<KeyPosition>& last) {
  const std::vector<RangeKey> keys = RequireKeys(sides);
  const std::string from = Between(keys, &RangeKey::source, after, std::nullopt);
  // By the column, as its collation has it.
  const std::string beyond = last ? Between(keys, &RangeKey::source, last, std::nullopt) : "true";
  pg::Spi spi;
  const pg::Rows found = spi.Query(
      fmt::format("SELECT {}, {} FROM {} AS source WHERE {} ORDER BY {} OFFSET {} LIMIT 1",
                  AsText(keys), beyond, pg::QualifiedName(sides.source),
                  from.empty() ? "true" : from, Listed(keys, &RangeKey::source), rows - 1));
  if (found.empty()) return std::nullopt;
  return RangeEnd{Position(found, keys.size()),
                  found.Bool(0, static_cast<int>(keys.size()) + 1).value()};
}

Conditions RangeConditions(const Sides& sides, const std::optional<KeyPosition>& after,
                           const std::optional<KeyPosition>& end) {
  const std::vector<RangeKey> keys = RequireKeys(sides);
  return {Between(keys, &RangeKey::source, after, end),
          Between(keys, &RangeKey::target, after, end)};
}

Conditions ChangedSince(uint64_t horizon) {
  const auto since = [&](const char* alias) {
    return fmt::format("pg_catalog.age({}.xmin) <= pg_catalog.age('{}'::pg_catalog.xid)", alias,
                       static_cast<uint32_t>(horizon));
  };
  return {since("source"), since("target")};
}

}  // namespace pg_cutover::compare
