// Giving the live table's columns the mirror's names for a moment; see dependents.hpp.
//
// PostgreSQL prints stored expressions by column number, so that under the new names its own
// printers write what is to run against the mirror. Nobody sees these names: the caller holds the
// table exclusively and takes them back in the same transaction.
#include <map>
#include <set>

#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "core/names.hpp"
#include "link/expression.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

std::set<std::string> ColumnNames(Oid table) {
  const link::CanonicalSettings settings;
  pg::Spi spi;
  const pg::Rows rows =
      spi.Execute("SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND NOT attisdropped",
                  {pg::Argument::ObjectId(table)});
  std::set<std::string> names;
  for (uint64_t row = 0; row < rows.size(); ++row)
    names.insert(rows.Text(row, 1).value());
  return names;
}

}  // namespace

Alignment AlignColumnNames(const Pair& pair) {
  const std::string table = pair.Live();
  Alignment alignment;
  const auto rename = [&](const std::string& from, const std::string& to) {
    constexpr const char* kRename = "ALTER TABLE {} RENAME COLUMN {} TO {}";
    const std::string old_name = pg::QuoteIdentifier(from);
    const std::string new_name = pg::QuoteIdentifier(to);
    alignment.align.push_back(fmt::format(kRename, table, old_name, new_name));
    alignment.restore.insert(alignment.restore.begin(),
                             fmt::format(kRename, table, new_name, old_name));
  };

  const std::set<std::string> present = ColumnNames(pair.live);
  std::set<std::string> wanted;
  for (const ColumnPair& column : pair.columns)
    if (column.live != column.mirror) wanted.insert(column.mirror);

  // Whoever has a name that another column is to get steps aside: columns that exchange their
  // names, and columns that only the live table has.
  std::map<std::string, std::string> aside;
  for (const std::string& name : wanted) {
    if (present.count(name) == 0) continue;
    // Said in refusals of what uses it.
    std::string free = core::BoundedName(name, " (live)");
    for (int number = 2; present.count(free) != 0 || wanted.count(free) != 0; ++number)
      free = core::BoundedName(name, fmt::format(" (live {})", number));
    rename(name, free);
    aside.emplace(name, free);
  }
  for (const ColumnPair& column : pair.columns) {
    if (column.live == column.mirror) continue;
    const auto moved = aside.find(column.live);
    rename(moved == aside.end() ? column.live : moved->second, column.mirror);
  }
  return alignment;
}

}  // namespace pg_cutover::swap
