// Rows that come from other sources; see other_sources.hpp.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compare/other_sources.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

const Column* Find(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

// Rows of one source under the columns' own names, which no alias can hide.
std::string Derived(const std::vector<Column>& columns, const std::string& rows) {
  std::vector<std::string> values;
  for (const Column& column : columns)
    values.push_back(fmt::format("{} AS {}", column.source, pg::QuoteIdentifier(column.name)));
  return fmt::format("(SELECT {} {})", fmt::join(values, ", "), rows);
}

std::string Without(const Sides& sides, const catalog::LinkRow& other, ::Relation target) {
  // Before the snapshot: whoever empties it afterwards would make its rows look like nobody's.
  const Oid relation = other.source;
  const pg::OpenRelation source(relation, AccessShareLock);
  pg::Section([=] { (void)find_all_inheritors(relation, AccessShareLock, nullptr); });
  const std::vector<Column> columns = LinkedColumns(other, source.get(), target);
  pg::Spi spi;
  std::vector<std::string> same;
  for (const std::string& name : other.target_key) {
    const Column* const column = Find(columns, name);
    same.push_back(fmt::format("other.{} {} {}", pg::QuoteIdentifier(name),
                               EqualityOf(spi, column->type), column->target));
  }
  std::string condition = fmt::format("{}", fmt::join(same, " AND "));
  // A row that both sources account for is compared.
  std::vector<std::string> mine;
  for (size_t i = 0; i < sides.key_columns; ++i)
    if (Find(columns, sides.columns[i].name) != nullptr)
      mine.push_back(fmt::format("mine.{0} {1} other.{0}",
                                 pg::QuoteIdentifier(sides.columns[i].name),
                                 sides.key_equality[i]));
  if (mine.size() == sides.key_columns) {
    const std::vector<Column> key(
        sides.columns.begin(),
        sides.columns.begin() + static_cast<std::ptrdiff_t>(sides.key_columns));
    condition += fmt::format(" AND NOT EXISTS (SELECT FROM {} AS mine WHERE {})",
                             Derived(key, sides.source_rows), fmt::join(mine, " AND "));
  }
  return fmt::format(
      " AND NOT EXISTS (SELECT FROM {} AS other WHERE {})",
      Derived(columns, fmt::format("FROM {} AS source WHERE ({})", pg::QualifiedName(other.source),
                                   link::Condition(other))),
      condition);
}

}  // namespace

std::vector<catalog::LinkRow> OtherSources(const catalog::LinkRow& link) {
  std::vector<catalog::LinkRow> others;
  if (!link.owner) return others;
  for (catalog::LinkRow& other : catalog::LinksOf(link.target))
    if (other.id != link.id && other.target == link.target && other.owner && !other.dormant)
      others.push_back(std::move(other));
  return others;
}

std::string WithoutOtherSources(const Sides& sides, const std::vector<catalog::LinkRow>& others) {
  const pg::OpenRelation target(sides.target, AccessShareLock);
  std::string conditions;
  for (const catalog::LinkRow& other : others)
    conditions += Without(sides, other, target.get());
  return conditions;
}

}  // namespace pg_cutover::compare
