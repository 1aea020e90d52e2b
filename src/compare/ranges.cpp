// Ranges of the key; see ranges.hpp.
#include <algorithm>
#include <utility>

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

// Partitions included: rows of foreign ones have no version that says when they changed.
bool StoresRows(Oid relation) {
  return pg::Section([=] {
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr)) {
      const char kind = get_rel_relkind(lfirst_oid(cell));
      if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_MATVIEW)
        return false;
    }
    return true;
  });
}

// Whether an index has the rows in the order of these columns: without one each range reads and
// sorts the whole table. A unique index on the first few of them will do.
bool HasOrder(::Relation relation, const std::vector<AttrNumber>& columns) {
  const List* const indexes = pg::Call(RelationGetIndexList, relation);
  for (int i = 0; i < list_length(indexes); ++i) {
    const pg::OpenRelation index(list_nth_oid(indexes, i), AccessShareLock);
    const FormData_pg_index* const form = index.get()->rd_index;
    const HeapTuple tuple = index.get()->rd_indextuple;
    if (!form->indisvalid || !form->indislive || index.get()->rd_rel->relam != BTREE_AM_OID ||
        !pg::Section([=] { return heap_attisnull(tuple, Anum_pg_index_indpred, nullptr); }))
      continue;
    const auto count = std::min<size_t>(static_cast<size_t>(form->indnkeyatts), columns.size());
    bool same = count == columns.size() || form->indisunique;
    for (size_t k = 0; k < count && same; ++k) {
      same = form->indkey.values[k] == columns[k] &&
             index.get()->rd_indoption[k] == index.get()->rd_indoption[0];
      if (!same) break;
      const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(relation), columns[k] - 1);
      const Oid type = column->atttypid;
      same = index.get()->rd_indcollation[k] == column->attcollation &&
             index.get()->rd_opfamily[k] == pg::Section([=] {
               return lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
             });
    }
    if (same) return true;
  }
  return false;
}

// One for each key column; empty, with the reason, where there is no common order.
std::vector<RangeKey> RangeKeys(const Sides& sides, std::string* obstacle) {
  const pg::OpenRelation source(sides.source, AccessShareLock);
  const pg::OpenRelation target(sides.target, AccessShareLock);
  if (sides.key_columns == 0 || !sides.unique) {
    *obstacle = "there is no key that is unique on both sides";
    return {};
  }
  if (!StoresRows(sides.source) || !StoresRows(sides.target)) {
    *obstacle = "one of them does not store its rows, or not all of them here";
    return {};
  }
  std::vector<RangeKey> keys;
  std::vector<AttrNumber> of_source;
  std::vector<AttrNumber> of_target;
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
    of_source.push_back(column.plain_number);
    of_target.push_back(to->attnum);
  }
  for (const auto& [relation, columns] :
       {std::pair(source.get(), of_source), std::pair(target.get(), of_target)}) {
    if (HasOrder(relation, columns)) continue;
    std::vector<std::string> names;
    for (const AttrNumber number : columns)
      names.push_back(pg::QuoteIdentifier(
          pg::FromName(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname)));
    *obstacle = fmt::format("{} has no index that begins with ({})",
                            pg::QualifiedName(RelationGetRelid(relation)), fmt::join(names, ", "));
    return {};
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
