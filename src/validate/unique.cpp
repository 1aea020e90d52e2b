// Duplicates under unique indexes; see unique.hpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/unique.hpp"

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
  const pg::Rows rows = reader.Query(
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
      .Query(
          "SELECT count(*) FROM pg_constraint WHERE contype = 'x' AND conrelid IN "
          "(SELECT relid FROM pg_partition_tree($1) UNION SELECT $1)",
          {pg::Argument::RegClass(relation)})
      .Int8(0, 1)
      .value();
}

// Its duplicated keys, as a table of key and number of rows.
std::string Repeated(const UniqueIndex& index) {
  std::vector<std::string> conditions;
  if (index.predicate) conditions.push_back(fmt::format("({})", *index.predicate));
  if (!index.nulls_equal)
    conditions.push_back(fmt::format("num_nulls({}) = 0", fmt::join(index.keys, ", ")));
  return fmt::format(
      "SELECT jsonb_build_array({0})::text AS key, count(*) AS rows FROM {1}{2}{3} GROUP BY {0} "
      "HAVING count(*) > 1",
      fmt::join(index.keys, ", "), FromClause(index.table), conditions.empty() ? "" : " WHERE ",
      fmt::join(conditions, " AND "));
}

}  // namespace

Duplicates FindDuplicates(Reader& reader, Oid relation, int64_t samples) {
  Duplicates found;
  found.exclusions = Exclusions(reader, relation);
  for (const UniqueIndex& index : UniqueIndexesOf(reader, relation)) {
    ++found.indexes;
    const std::string repeated = Repeated(index);
    const int64_t count =
        reader.Query(fmt::format("SELECT count(*) FROM ({}) AS repeated", repeated))
            .Int8(0, 1)
            .value();
    if (count == 0) continue;
    const std::string sample = Joined(reader.Query(fmt::format(
        "SELECT format('%s (%s rows)', repeated.key, repeated.rows) FROM ({}) AS repeated "
        "LIMIT {}",
        repeated, samples)));
    found.problems.push_back(fmt::format("unique index {}{}: {} more than once in {}{}{}",
                                         index.name, index.valid ? "" : " (invalid)",
                                         Counted(count, "key"), pg::QualifiedName(index.table),
                                         sample.empty() ? "" : ": ", sample));
  }
  return found;
}

}  // namespace pg_cutover::validate
