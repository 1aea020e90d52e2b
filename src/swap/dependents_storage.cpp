// How the table is stored, planned and vacuumed; see properties.hpp.
//
// A shadow begins with the live table's settings, and its alterations may change them: what the
// mirror sets is meant. So only what it does not set is taken over, in a first swap; a swap back
// leaves either table as it is. vacuum_truncate is left out: it is switched off on a mirror that is
// being copied into.
#include <algorithm>

#include <fmt/format.h>

#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"
#include "swap/properties.hpp"

namespace pg_cutover::swap {

namespace {

constexpr const char* kParameters =
    "WITH parameters AS (SELECT c.oid, p.prefix || quote_ident(o.option_name) AS name, "
    "    o.option_value AS value "
    "  FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid "
    "  CROSS JOIN LATERAL (VALUES ('', c.reloptions), ('toast.', t.reloptions)) "
    "    AS p (prefix, options) "
    "  CROSS JOIN LATERAL pg_options_to_table(p.options) AS o "
    "  WHERE c.oid IN ($1, $2) AND o.option_name <> 'vacuum_truncate') "
    "SELECT name || ' = ' || quote_literal(coalesce(value, 'true')) FROM parameters l "
    "WHERE oid = $1 AND NOT EXISTS (SELECT FROM parameters m WHERE m.oid = $2 AND m.name = l.name) "
    "ORDER BY name";

// Compression and storage only where the column's type knows them.
constexpr const char* kColumns =
    "SELECT quote_ident(m.attname), "
    "  CASE WHEN l.attstattarget >= 0 AND NOT coalesce(m.attstattarget >= 0, false) "
    "       THEN 'STATISTICS ' || l.attstattarget END, "
    "  (SELECT '(' || string_agg(quote_ident(o.option_name) || ' = ' || "
    "       quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')' "
    "     FROM pg_options_to_table(l.attoptions) AS o "
    "    WHERE o.option_name IN ('n_distinct', 'n_distinct_inherited') AND NOT EXISTS (SELECT "
    "      FROM pg_options_to_table(m.attoptions) AS p WHERE p.option_name = o.option_name)), "
    "  CASE WHEN l.attstorage <> lt.typstorage AND m.attstorage = mt.typstorage "
    "         AND mt.typstorage <> 'p' "
    "       THEN 'STORAGE ' || CASE l.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' "
    "         WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END, "
    "  CASE WHEN l.attcompression::text <> '' AND m.attcompression::text = '' "
    "         AND mt.typstorage <> 'p' "
    "       THEN 'COMPRESSION ' || CASE l.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END END "
    "FROM unnest($3::text[], $4::text[]) AS c (live, mirror) "
    "JOIN pg_attribute l ON l.attrelid = $1 AND l.attname = c.live "
    "JOIN pg_attribute m ON m.attrelid = $2 AND m.attname = c.mirror "
    "JOIN pg_type lt ON lt.oid = l.atttypid JOIN pg_type mt ON mt.oid = m.atttypid "
    "ORDER BY m.attnum";

constexpr const char* kClustered =
    "SELECT i.indrelid = $1, i.indexrelid FROM pg_index i "
    "WHERE i.indrelid IN ($1, $2) AND i.indisclustered";

constexpr const char* kStatisticsTarget =
    "SELECT l.stxstattarget::integer FROM pg_statistic_ext l, pg_statistic_ext m "
    "WHERE l.oid = $1 AND m.oid = $2 AND l.stxstattarget >= 0 "
    "  AND NOT coalesce(m.stxstattarget >= 0, false)";

class Storage {
 public:
  Storage(const Pair& pair, Dependents* dependents) : pair_(pair), dependents_(dependents) {}

  void Run() {
    Parameters();
    Columns();
    Cluster();
    StatisticsTargets();
  }

 private:
  void Alter(const std::string& what, const std::string& action) {
    dependents_->carried.push_back(fmt::format("{} of {}", what, pair_.Live()));
    dependents_->after.push_back(fmt::format("ALTER TABLE {} {}", pair_.Live(), action));
  }

  void Parameters() {
    const pg::Rows rows = spi_.Execute(kParameters, Both());
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const std::string parameter = rows.Text(row, 1).value();
      Alter(fmt::format("storage parameter {}", parameter), fmt::format("SET ({})", parameter));
    }
  }

  void Columns() {
    std::vector<pg::Argument> arguments = Both();
    arguments.push_back(pg::Argument::TextArray(LiveNames(pair_)));
    arguments.push_back(pg::Argument::TextArray(MirrorNames(pair_)));
    const pg::Rows rows = spi_.Execute(kColumns, arguments);
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const std::string column = rows.Text(row, 1).value();
      for (int setting = 2; setting <= 5; ++setting)
        if (const auto value = rows.Text(row, setting))
          Alter(fmt::format("{} of column {}", *value, column),
                fmt::format("ALTER COLUMN {} SET {}", column, *value));
    }
  }

  void Cluster() {
    const pg::Rows rows = spi_.Execute(kClustered, Both());
    if (rows.size() != 1 || !rows.Bool(0, 1).value()) return;
    const Oid index = rows.ObjectId(0, 2).value();
    const std::vector<ObjectPair> indexes = PairIndexes(pair_, {});
    const auto found = std::find_if(indexes.begin(), indexes.end(),
                                    [&](const ObjectPair& other) { return other.live == index; });
    if (found == indexes.end()) return;
    Alter("cluster mark", "CLUSTER ON " + pg::QuoteIdentifier(found->mirror_name));
  }

  void StatisticsTargets() {
    for (const ObjectPair& pair : PairStatistics(pair_, {})) {
      const pg::Rows rows = spi_.Execute(kStatisticsTarget, {pg::Argument::ObjectId(pair.live),
                                                             pg::Argument::ObjectId(pair.mirror)});
      if (rows.empty()) continue;
      dependents_->after.push_back(
          fmt::format("ALTER STATISTICS {}.{} SET STATISTICS {}", pg::QuoteIdentifier(pair.schema),
                      pg::QuoteIdentifier(pair.mirror_name), rows.Int4(0, 1).value()));
    }
  }

  std::vector<pg::Argument> Both() const {
    return {pg::Argument::ObjectId(pair_.live), pg::Argument::ObjectId(pair_.mirror)};
  }

  const Pair& pair_;
  Dependents* const dependents_;
  pg::Spi spi_;
};

}  // namespace

void AddStorage(const Pair& pair, Dependents* dependents) {
  if (TakesBack(pair)) return;
  Storage(pair, dependents).Run();
}

}  // namespace pg_cutover::swap
