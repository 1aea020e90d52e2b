// Duplicates under unique indexes; see unique.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/unique.hpp"

#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

struct UniqueIndex {
  Oid table = InvalidOid;
  std::string name;
  bool valid = false;
  bool nulls_equal = false;
  std::optional<std::string> predicate;
  std::vector<std::string> keys;  // SQL over the table's row, with the index's collations
};

std::vector<UniqueIndex> UniqueIndexesOf(Reader& reader, Oid relation) {
  const pg::Rows rows = reader.Catalog(
      "WITH tables AS (SELECT relid::oid AS id FROM pg_partition_tree($1) UNION SELECT $1::oid) "
      "SELECT i.indrelid, c.relname::text, i.indisvalid, i.indnullsnotdistinct, "
      "       pg_get_expr(i.indpred, i.indrelid), "
      "       ARRAY(SELECT '(' || pg_get_indexdef(i.indexrelid, k, true) || ')' || "
      "                    coalesce((SELECT format(' COLLATE %I.%I', n.nspname, l.collname) "
      "                                FROM pg_collation l JOIN pg_namespace n ON n.oid = "
      "l.collnamespace "
      "                               WHERE l.oid = (i.indcollation::oid[])[k - 1]), '') "
      "               FROM generate_series(1, i.indnkeyatts::integer) AS k ORDER BY k) "
      "  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
      " WHERE i.indrelid IN (SELECT id FROM tables) AND i.indisunique AND i.indislive "
      "   AND (i.indrelid = $1 OR NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = "
      "i.indexrelid)) "
      " ORDER BY i.indrelid <> $1, c.relname",
      {pg::Argument::RegClass(relation)});
  std::vector<UniqueIndex> indexes;
  for (uint64_t i = 0; i < rows.size(); ++i)
    indexes.push_back({rows.ObjectId(i, 1).value(), rows.Text(i, 2).value(),
                       rows.Bool(i, 3).value(), rows.Bool(i, 4).value(), rows.Text(i, 5),
                       rows.TextArray(i, 6)});
  return indexes;
}

int64_t Exclusions(Reader& reader, Oid relation) {
  return reader
      .Catalog(
          "SELECT count(*) FROM pg_constraint WHERE contype = 'x' AND conrelid IN "
          "(SELECT relid FROM pg_partition_tree($1) UNION SELECT $1)",
          {pg::Argument::RegClass(relation)})
      .Int8(0, 1)
      .value();
}

// Its duplicated keys, as a table of key and number of rows. Grouped by columns that have names:
// a key may be a constant, and GROUP BY takes a constant for a position or refuses it. OFFSET 0, or
// PostgreSQL may work keys out for rows that the predicate is there to keep from them.
std::string Repeated(const UniqueIndex& index) {
  std::vector<std::string> named;
  std::vector<std::string> names;
  for (const std::string& key : index.keys) {
    names.push_back(fmt::format("k{}", names.size() + 1));
    named.push_back(fmt::format("{} AS {}", key, names.back()));
  }
  return fmt::format(
      "SELECT jsonb_build_array({0})::text AS key, count(*) AS rows "
      "FROM (SELECT {1} FROM {2}{3}) AS keys{4} GROUP BY {0} HAVING count(*) > 1",
      fmt::join(names, ", "), fmt::join(named, ", "), FromClause(index.table),
      index.predicate ? fmt::format(" WHERE ({}) OFFSET 0", *index.predicate) : std::string(),
      index.nulls_equal ? std::string()
                        : fmt::format(" WHERE num_nulls({}) = 0", fmt::join(names, ", ")));
}

std::string NameOf(const UniqueIndex& index) {
  return fmt::format("unique index {}{}", index.name, index.valid ? "" : " (invalid)");
}

void Look(Reader& reader, const UniqueIndex& index, int64_t samples, Duplicates* found) {
  const std::string repeated = Repeated(index);
  const int64_t count = reader.Query(fmt::format("SELECT count(*) FROM ({}) AS repeated", repeated))
                            .Int8(0, 1)
                            .value();
  ++found->indexes;
  if (count == 0) return;
  const std::string sample = Joined(reader.Query(
      fmt::format("SELECT format('%s (%s rows)', repeated.key, repeated.rows) FROM ({}) AS "
                  "repeated LIMIT {}",
                  repeated, samples)));
  found->problems.push_back(fmt::format("{}: {} more than once in {}{}{}", NameOf(index),
                                        Counted(count, "key"), pg::QualifiedName(index.table),
                                        sample.empty() ? "" : ": ", sample));
}

}  // namespace

Duplicates FindDuplicates(Reader& reader, Oid relation, int64_t samples) {
  Duplicates found;
  found.exclusions = Exclusions(reader, relation);
  for (const UniqueIndex& index : UniqueIndexesOf(reader, relation)) {
    // An expression of one index that raises must not hide what is wrong under another.
    const std::optional<pg::Error> failure =
        pg::TryInSubtransaction([&] { Look(reader, index, samples, &found); });
    if (!failure) continue;
    RequireOfTheRows(reader, index.table, *failure);
    found.failures.push_back(fmt::format(
        "{} of {}: {}", NameOf(index), pg::QualifiedName(index.table), ErrorText(failure->info())));
  }
  return found;
}

}  // namespace pg_cutover::validate
