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

// Partitions included: rows of foreign ones have no version that says when they changed.
bool HasVersionsOfAllRows(Oid relation) {
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

}  // namespace

// One for each key column; empty, with the reason, where there is no common order.
std::vector<KeyRanges::Column> KeyRanges::Columns(const Sides& sides, std::string* obstacle) {
  const pg::OpenRelation source(sides.source, AccessShareLock);
  const pg::OpenRelation target(sides.target, AccessShareLock);
  if (sides.key_columns == 0 || !sides.unique) {
    *obstacle = "there is no key that is unique on both sides";
    return {};
  }
  if (!HasVersionsOfAllRows(sides.source) || !HasVersionsOfAllRows(sides.target)) {
    *obstacle = "one of them does not store its rows, or not all of them here";
    return {};
  }
  std::vector<Column> keys;
  std::vector<AttrNumber> of_source;
  std::vector<AttrNumber> of_target;
  for (size_t i = 0; i < sides.key_columns; ++i) {
    const compare::Column& column = sides.columns[i];
    // Range conditions find their operators in pg_catalog.
    if (!column.plain || !sides.key_equality[i].starts_with("OPERATOR(pg_catalog.")) {
      *obstacle = fmt::format("key column \"{}\" is computed, or has another type or collation",
                              column.name);
      return {};
    }
    const Form_pg_attribute to = Attribute(target.get(), column.name);
    // The wider of two integers: a key of the source need not fit the target's.
    const std::string type = column.plain_type == to->atttypid
                                 ? pg::TypeName(to->atttypid, to->atttypmod)
                                 : pg::TypeName(INT8OID, -1);
    keys.push_back({*column.plain, column.target, type});
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

KeyRanges::KeyRanges(const Sides& sides) : sides_(sides) {
  std::string obstacle;
  columns_ = Columns(sides, &obstacle);
  if (columns_.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} and {} cannot be compared range by range",
                          pg::QualifiedName(sides.source), pg::QualifiedName(sides.target)),
              fmt::format("The reason: {}.", obstacle), "Use mode => 'snapshot'.");
}

std::optional<std::string> RangeObstacle(const Sides& sides) {
  std::string obstacle;
  if (!KeyRanges::Columns(sides, &obstacle).empty()) return std::nullopt;
  return obstacle;
}

std::string KeyRanges::Listed(std::string Column::*side) const {
  std::vector<std::string> names;
  for (const Column& column : columns_)
    names.push_back(column.*side);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string KeyRanges::Literals(const KeyPosition& position) const {
  std::vector<std::string> values;
  for (size_t i = 0; i < columns_.size(); ++i)
    values.push_back(
        fmt::format("CAST({} AS {})", pg::QuoteLiteral(position[i]), columns_[i].type));
  return fmt::format("{}", fmt::join(values, ", "));
}

std::string KeyRanges::Condition(std::string Column::*side, const std::optional<KeyPosition>& after,
                                 const std::optional<KeyPosition>& end) const {
  std::string condition;
  if (after) condition = fmt::format("({}) > ({})", Listed(side), Literals(*after));
  if (end)
    condition += fmt::format("{}({}) <= ({})", condition.empty() ? "" : " AND ", Listed(side),
                             Literals(*end));
  return condition;
}

std::string KeyRanges::AsText() const {
  std::vector<std::string> texts;
  for (const Column& column : columns_)
    texts.push_back(fmt::format("({})::pg_catalog.text", column.source));
  return fmt::format("{}", fmt::join(texts, ", "));
}

KeyPosition KeyRanges::FirstPosition(const pg::Rows& rows) const {
  KeyPosition position;
  for (size_t i = 0; i < columns_.size(); ++i)
    position.push_back(rows.Text(0, static_cast<int>(i) + 1).value());
  return position;
}

std::optional<KeyPosition> KeyRanges::Last() const {
  std::vector<std::string> order;
  for (const Column& column : columns_)
    order.push_back(column.source + " DESC");
  pg::Spi spi;
  const pg::Rows found =
      spi.Query(fmt::format("SELECT {} FROM {} AS source ORDER BY {} LIMIT 1", AsText(),
                            pg::QualifiedName(sides_.source), fmt::join(order, ", ")));
  if (found.empty()) return std::nullopt;
  return FirstPosition(found);
}

std::optional<RangeEnd> KeyRanges::FindEnd(const std::optional<KeyPosition>& after, int64_t rows,
                                           const std::optional<KeyPosition>& last) const {
  const std::string from = after ? Condition(&Column::source, after, std::nullopt) : "true";
  // By the column, as its collation has it.
  const std::string beyond = last ? Condition(&Column::source, last, std::nullopt) : "true";
  pg::Spi spi;
  const pg::Rows found = spi.Query(fmt::format(
      "SELECT {}, {} FROM {} AS source WHERE {} ORDER BY {} OFFSET {} LIMIT 1", AsText(), beyond,
      pg::QualifiedName(sides_.source), from, Listed(&Column::source), rows - 1));
  if (found.empty()) return std::nullopt;
  return RangeEnd{FirstPosition(found),
                  found.Bool(0, static_cast<int>(columns_.size()) + 1).value()};
}

Conditions KeyRanges::Between(const std::optional<KeyPosition>& after,
                              const std::optional<KeyPosition>& end) const {
  return {Condition(&Column::source, after, end), Condition(&Column::target, after, end)};
}

Conditions ChangedSince(uint64_t horizon) {
  const auto since = [&](const char* alias) {
    return fmt::format("pg_catalog.age({}.xmin) <= pg_catalog.age('{}'::pg_catalog.xid)", alias,
                       static_cast<uint32_t>(horizon));
  };
  return {since("source"), since("target")};
}

}  // namespace pg_cutover::compare
