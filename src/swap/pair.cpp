// The two tables of a swap; see pair.hpp.
//
// Which columns are the same is read off the link: a target column whose expression, parsed, is a
// source column, bare or under casts. Generated columns are in no mapping; there the name decides.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "swap/pair.hpp"

#include "core/names.hpp"

#include "catalog/table_names.hpp"
#include "link/expression.hpp"
#include "link/table_name.hpp"
#include "pg/call.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

std::string Qualified(const std::string& schema, const std::string& name) {
  return pg::QuoteIdentifier(schema) + "." + pg::QuoteIdentifier(name);
}

struct Place {
  std::string schema;
  std::string name;
};

Place PlaceOf(pg::Spi& spi, Oid table) {
  const pg::Rows rows = spi.Execute(
      "SELECT n.nspname::text, c.relname::text FROM pg_class c "
      "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1",
      {pg::Argument::ObjectId(table)});
  if (rows.empty())
    pg::Raise(ERRCODE_UNDEFINED_TABLE,
              fmt::format("table {} was dropped", catalog::TableName(table)),
              "It was dropped after it was linked.");
  return {rows.Text(0, 1).value(), rows.Text(0, 2).value()};
}

// The source column that a mapping takes as it is or through casts.
std::optional<std::string> CarriedColumn(const catalog::MappedColumn& column) {
  Node* const expression = link::ParseExpression(
      {fmt::format("mapping of column \"{}\"", column.column), column.expression});
  const char* const name = pg::Section([=]() -> const char* {
    const Node* node = expression;
    while (node != nullptr && IsA(node, TypeCast))
      node = reinterpret_cast<const TypeCast*>(node)->arg;
    if (node == nullptr || !IsA(node, ColumnRef)) return nullptr;
    // source.column; a third part would be a field of a composite column.
    const List* const fields = reinterpret_cast<const ColumnRef*>(node)->fields;
    if (list_length(fields) != 2 || !IsA(llast(fields), String)) return nullptr;
    return strVal(llast(fields));
  });
  if (name == nullptr) return std::nullopt;
  return std::string(name);
}

struct Column {
  std::string name;
  bool generated = false;
  // Type, modifier and collation.
  std::string type;
};

std::vector<Column> ColumnsOf(pg::Spi& spi, Oid table) {
  const pg::Rows rows = spi.Execute(
      "SELECT attname::text, attgenerated <> '', "
      "  format('%s %s %s', atttypid::oid, atttypmod, attcollation::oid) "
      "FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
      {pg::Argument::ObjectId(table)});
  std::vector<Column> columns;
  for (uint64_t row = 0; row < rows.size(); ++row)
    columns.push_back(
        {rows.Text(row, 1).value(), rows.Bool(row, 2).value(), rows.Text(row, 3).value()});
  return columns;
}

const Column* Find(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

// Pairs each column at most once. Where one source column feeds several, it is the one that kept
// its name, else the first.
class Pairing {
 public:
  Pairing(std::vector<Column> live, std::vector<Column> mirror)
      : live_(std::move(live)), mirror_(std::move(mirror)) {}

  std::vector<ColumnPair> Run(const catalog::LinkRow& link) {
    std::vector<std::pair<std::string, std::string>> renamed;
    for (const catalog::MappedColumn& column : link.mapping) {
      const std::optional<std::string> source = CarriedColumn(column);
      if (!source) continue;
      if (*source == column.column)
        Add(*source, column.column);
      else
        renamed.emplace_back(*source, column.column);
    }
    for (const auto& [live, mirror] : renamed)
      Add(live, mirror);
    for (const Column& column : mirror_)
      if (column.generated) Add(column.name, column.name);
    return InLiveOrder();
  }

 private:
  void Add(const std::string& live, const std::string& mirror) {
    const Column* const from = Find(live_, live);
    const Column* const to = Find(mirror_, mirror);
    if (from == nullptr || to == nullptr) return;
    if (taken_live_.count(live) != 0 || taken_mirror_.count(mirror) != 0) return;
    taken_live_.insert(live);
    taken_mirror_.insert(mirror);
    pairs_.push_back({live, mirror, from->type == to->type});
  }

  std::vector<ColumnPair> InLiveOrder() const {
    std::vector<ColumnPair> ordered;
    for (const Column& column : live_)
      for (const ColumnPair& pair : pairs_)
        if (pair.live == column.name) ordered.push_back(pair);
    return ordered;
  }

  const std::vector<Column> live_;
  const std::vector<Column> mirror_;
  std::set<std::string> taken_live_;
  std::set<std::string> taken_mirror_;
  std::vector<ColumnPair> pairs_;
};

void CheckRetiredName(Oid schema, const std::string& schema_name, const std::string& name) {
  if (name.empty())
    pg::Raise(ERRCODE_INVALID_NAME, "the name for the old table must not be empty", {},
              "Leave it out to have one chosen.");
  if (name.size() > core::kMaxNameBytes)
    pg::Raise(
        ERRCODE_NAME_TOO_LONG, fmt::format("name \"{}\" for the old table is too long", name),
        fmt::format("It has {} bytes, a name has at most {}.", name.size(), core::kMaxNameBytes),
        "Choose a shorter one, or leave it out to have one chosen.");
  if (link::TableNameTaken(schema, name))
    pg::Raise(ERRCODE_DUPLICATE_TABLE,
              fmt::format("relation or type {} already exists", Qualified(schema_name, name)),
              "The old table was to get this name.",
              "Choose another one, or leave it out to have one chosen.");
}

}  // namespace

std::string Pair::Live() const {
  return Qualified(schema, live_name);
}

std::string Pair::Mirror() const {
  return Qualified(schema, mirror_name);
}

const ColumnPair* Pair::ByLive(const std::string& column) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ColumnPair& pair) { return pair.live == column; });
  return found == columns.end() ? nullptr : &*found;
}

Pair LoadPair(const catalog::LinkRow& link, const std::optional<std::string>& retired_name) {
  const link::CanonicalSettings settings;
  pg::Spi spi;
  const Place live = PlaceOf(spi, link.source);
  const Place mirror = PlaceOf(spi, link.target);
  if (live.schema != mirror.schema)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("tables {} and {} are in different schemas",
                          Qualified(live.schema, live.name), Qualified(mirror.schema, mirror.name)),
              "Tables that change places exchange their names within one schema.",
              fmt::format("ALTER TABLE {} SET SCHEMA {}.", Qualified(mirror.schema, mirror.name),
                          pg::QuoteIdentifier(live.schema)));
  Pair pair;
  pair.link = link;
  pair.live = link.source;
  pair.mirror = link.target;
  pair.schema = live.schema;
  pair.live_name = live.name;
  pair.mirror_name = mirror.name;
  const Oid schema = pg::Call(get_rel_namespace, pair.live);
  if (retired_name) CheckRetiredName(schema, live.schema, *retired_name);
  pair.retired_name = retired_name ? *retired_name : link::FreeTableName(schema, live.name, "_old");
  pair.columns = Pairing(ColumnsOf(spi, pair.live), ColumnsOf(spi, pair.mirror)).Run(link);
  return pair;
}

}  // namespace pg_cutover::swap
