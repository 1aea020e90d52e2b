// What stored queries need of the live table; see readers.hpp.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "swap/readers.hpp"

#include "core/names.hpp"
#include "link/tree.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kColumns =
    "SELECT attnum::int4, attname::text FROM pg_attribute "
    "WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

constexpr const char* kColumnsRead =
    "SELECT DISTINCT refobjsubid FROM pg_depend WHERE classid = $1::text::regclass AND objid = $2 "
    "AND refclassid = 'pg_class'::regclass AND refobjid = $3 AND refobjsubid > 0 ORDER BY 1";

constexpr const char* kReadsMirror =
    "SELECT FROM pg_depend WHERE classid = $1::text::regclass AND objid = $2 "
    "AND refclassid = 'pg_class'::regclass AND refobjid = $3 LIMIT 1";

// GROUP BY a primary key lets a query read every other column: it depends on the constraint.
constexpr const char* kConstraints =
    "SELECT k.contype::text, ARRAY(SELECT a.attnum::text FROM unnest(k.conkey) AS u (n) "
    "  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n) "
    "FROM pg_depend d JOIN pg_constraint k ON k.oid = d.refobjid "
    "WHERE d.classid = $1::text::regclass AND d.objid = $2 "
    "AND d.refclassid = 'pg_constraint'::regclass AND k.conrelid = $3 AND k.contype = 'p'";

constexpr const char* kPrimaryKey =
    "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid "
    "AND a.attnum = ANY (i.indkey) WHERE i.indrelid = $1 AND i.indisprimary";

struct AliasSearch {
  const char* schema;
  const char* table;
  // RangeVars of the table with a column list, in no order.
  List* found;
  // A list names the columns of a join with the table.
  bool over_join;
};

bool IsTable(const RangeVar* range, const AliasSearch& search) {
  return range->schemaname != nullptr && strcmp(range->schemaname, search.schema) == 0 &&
         strcmp(range->relname, search.table) == 0;
}

// Subqueries have columns of their own.
bool JoinsTable(const Node* node, const AliasSearch& search) {
  if (IsA(node, RangeTableSample)) node = reinterpret_cast<const RangeTableSample*>(node)->relation;
  if (IsA(node, RangeVar)) return IsTable(reinterpret_cast<const RangeVar*>(node), search);
  if (!IsA(node, JoinExpr)) return false;
  const auto* const join = reinterpret_cast<const JoinExpr*>(node);
  return JoinsTable(join->larg, search) || JoinsTable(join->rarg, search);
}

// In a tree as the grammar made it.
bool FindAliasLists(Node* node, void* argument) {
  if (node == nullptr) return false;
  auto* const search = static_cast<AliasSearch*>(argument);
  if (IsA(node, RangeVar)) {
    const auto* const range = reinterpret_cast<RangeVar*>(node);
    if (range->alias != nullptr && range->alias->colnames != NIL && IsTable(range, *search))
      search->found = lappend(search->found, node);
    return false;
  }
  if (IsA(node, JoinExpr)) {
    const auto* const join = reinterpret_cast<JoinExpr*>(node);
    search->over_join |=
        join->alias != nullptr && join->alias->colnames != NIL && JoinsTable(node, *search);
  }
  return link::WalkRawChildren(node, FindAliasLists, argument);
}

// The queries of a statement; its other parts are none the walker knows.
void SearchStatement(Node* statement, AliasSearch* search) {
  const auto search_queries = [=](auto&& self, Node* node) -> void {
    if (node == nullptr) return;
    if (IsA(node, List)) {
      const ListCell* cell;
      foreach (cell, reinterpret_cast<List*>(node))
        self(self, static_cast<Node*>(lfirst(cell)));
      return;
    }
    if (IsA(node, ReturnStmt)) node = reinterpret_cast<ReturnStmt*>(node)->returnval;
    if (!IsA(node, NotifyStmt)) (void)FindAliasLists(node, search);
  };
  if (IsA(statement, ViewStmt)) {
    search_queries(search_queries, reinterpret_cast<ViewStmt*>(statement)->query);
  } else if (IsA(statement, RuleStmt)) {
    search_queries(search_queries, reinterpret_cast<RuleStmt*>(statement)->whereClause);
    search_queries(search_queries,
                   reinterpret_cast<Node*>(reinterpret_cast<RuleStmt*>(statement)->actions));
  } else if (IsA(statement, CreateFunctionStmt)) {
    search_queries(search_queries, reinterpret_cast<CreateFunctionStmt*>(statement)->sql_body);
  }
}

std::string ColumnList(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + pg::QuoteIdentifier(name);
  return "(" + list + ")";
}

}  // namespace

LiveColumns::LiveColumns(const Pair& pair, bool deparsed) : pair_(pair) {
  pg::Spi spi;
  const pg::Rows live = spi.Execute(kColumns, {pg::Argument::ObjectId(pair.live)});
  for (uint64_t row = 0; row < live.size(); ++row) {
    Column column{live.Int4(row, 1).value(), live.Text(row, 2).value()};
    for (const ColumnPair& candidate : pair.columns)
      if ((deparsed ? candidate.mirror : candidate.live) == column.name) column.pair = &candidate;
    columns_.push_back(std::move(column));
  }
  const pg::Rows mirror = spi.Execute(kColumns, {pg::Argument::ObjectId(pair.mirror)});
  for (uint64_t row = 0; row < mirror.size(); ++row)
    mirror_columns_.push_back(mirror.Text(row, 2).value());
}

const LiveColumns::Column* LiveColumns::Find(int number) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const Column& column) { return column.number == number; });
  return found == columns_.end() ? nullptr : &*found;
}

std::vector<std::string> LiveColumns::Obstacles(const Reader& reader) const {
  std::vector<std::string> reasons;
  const auto arguments = [&](Oid table) {
    return std::vector<pg::Argument>{pg::Argument::Text(reader.catalog),
                                     pg::Argument::ObjectId(reader.object),
                                     pg::Argument::ObjectId(table)};
  };
  pg::Spi spi;
  const pg::Rows read = spi.Execute(kColumnsRead, arguments(pair_.live));
  for (uint64_t row = 0; row < read.size(); ++row) {
    const Column* const column = Find(read.Int4(row, 1).value());
    if (column != nullptr && column->pair == nullptr)
      reasons.push_back(fmt::format("it uses column {} of {}, for which {} has no counterpart",
                                    pg::QuoteIdentifier(column->name), pair_.Live(),
                                    pair_.Mirror()));
  }
  // Both of its tables would be the mirror then. (A look ahead without a mirror takes the live table for it.)
  if (pair_.mirror != pair_.live &&
      !spi.Execute(kReadsMirror, arguments(pair_.mirror)).empty())
    reasons.push_back(fmt::format("it reads both {} and {}", pair_.Live(), pair_.Mirror()));
  const pg::Rows keys = spi.Execute(kConstraints, arguments(pair_.live));
  if (keys.empty()) return reasons;
  const pg::Rows mirror_key = spi.Execute(kPrimaryKey, {pg::Argument::ObjectId(pair_.mirror)});
  std::vector<std::string> available;
  for (uint64_t row = 0; row < mirror_key.size(); ++row)
    available.push_back(mirror_key.Text(row, 1).value());
  std::vector<std::string> grouped;
  for (const std::string& number : keys.TextArray(0, 2)) {
    const Column* const column = Find(std::stoi(number));
    grouped.push_back(column == nullptr || column->pair == nullptr ? "" : column->pair->mirror);
  }
  const bool determined = std::all_of(available.begin(), available.end(), [&](const auto& name) {
    return std::find(grouped.begin(), grouped.end(), name) != grouped.end();
  });
  if (available.empty() || !determined)
    reasons.push_back(fmt::format("it groups by the primary key of {}, which is not the one of {}",
                                  pair_.Live(), pair_.Mirror()));
  return reasons;
}

bool LiveColumns::ReadsRetyped(const Reader& reader) const {
  pg::Spi spi;
  const pg::Rows read = spi.Execute(
      kColumnsRead, {pg::Argument::Text(reader.catalog), pg::Argument::ObjectId(reader.object),
                     pg::Argument::ObjectId(pair_.live)});
  for (uint64_t row = 0; row < read.size(); ++row) {
    const Column* const column = Find(read.Int4(row, 1).value());
    if (column != nullptr && column->pair != nullptr && !column->pair->same_type) return true;
  }
  return false;
}

std::vector<std::string> LiveColumns::MirrorAliases(const std::vector<std::string>& aliases) const {
  std::map<std::string, std::string> alias_of;
  std::set<std::string> taken(aliases.begin(), aliases.end());
  for (size_t i = 0; i < columns_.size() && i < aliases.size(); ++i)
    if (columns_[i].pair != nullptr) alias_of.emplace(columns_[i].pair->mirror, aliases[i]);
  std::vector<std::string> result;
  for (const std::string& column : mirror_columns_) {
    const auto known = alias_of.find(column);
    if (known != alias_of.end()) {
      result.push_back(known->second);
      continue;
    }
    // The query does not know it: any name will do that it does not use.
    std::string name = column;
    for (int number = 1; !taken.insert(name).second; ++number)
      name = core::BoundedName(column, fmt::format("_{}", number));
    result.push_back(std::move(name));
  }
  return result;
}

bool LiveColumns::SameOrder() const {
  return std::equal(columns_.begin(), columns_.end(), mirror_columns_.begin(),
                    mirror_columns_.end(), [](const Column& column, const std::string& mirror) {
                      return column.pair != nullptr && column.pair->mirror == mirror;
                    });
}

bool LiveColumns::Reorder(std::string* statement) const {
  struct Range {
    int location;
    std::string alias;
    std::vector<std::string> columns;
  };
  const char* const text = statement->c_str();
  const char* const schema = pair_.schema.c_str();
  const char* const table = pair_.live_name.c_str();
  const AliasSearch search = pg::Section([=] {
    AliasSearch result{schema, table, NIL, false};
    const List* const statements = raw_parser(text, RAW_PARSE_DEFAULT);
    SearchStatement(linitial_node(RawStmt, statements)->stmt, &result);
    return result;
  });
  if (search.over_join && !SameOrder()) return false;
  const List* const found = search.found;
  std::vector<Range> ranges;
  for (int i = 0; i < list_length(found); ++i) {
    const auto* const node = static_cast<const RangeVar*>(list_nth(found, i));
    Range range{node->location, node->alias->aliasname, {}};
    for (int column = 0; column < list_length(node->alias->colnames); ++column)
      range.columns.emplace_back(strVal(list_nth(node->alias->colnames, column)));
    ranges.push_back(std::move(range));
  }
  // From the end, so that locations stay true.
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.location > b.location; });
  for (const Range& range : ranges) {
    const std::string head = pair_.Live() + " " + pg::QuoteIdentifier(range.alias);
    const std::string printed = head + ColumnList(range.columns);
    const auto location = static_cast<size_t>(range.location);
    if (statement->compare(location, printed.size(), printed) != 0) return false;
    statement->replace(location, printed.size(), head + ColumnList(MirrorAliases(range.columns)));
  }
  return true;
}

}  // namespace pg_cutover::swap
