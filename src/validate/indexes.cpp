// The check indexes: every index is whole, usable, and in order.
//
// Valid, ready and live in the catalog; built with the version of its collation that the operating
// system has now (another version sorts otherwise, and an index over text then misses rows that are
// there); the same definitions on both tables of a pair; and with amcheck, where that is installed,
// the pages themselves, of TOAST too: bt_index_check with heapallindexed finds heap rows without an
// entry.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/check.hpp"

#include "pg/error.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/reader.hpp"

namespace pg_cutover::validate {

namespace {

// $1 in these: tables, and their TOAST.
constexpr const char* kUnusable =
    "SELECT format('%s%s is %s', i.indexrelid::regclass, ' (TOAST of ' || t.oid::regclass || ')', "
    "concat_ws(' and ', "
    "              CASE WHEN NOT i.indislive THEN 'being dropped' END, "
    "              CASE WHEN NOT i.indisready THEN 'not ready' END, "
    "              CASE WHEN NOT i.indisvalid THEN 'not valid' END)) "
    "  FROM pg_index i "
    "  LEFT JOIN pg_class t ON t.reltoastrelid = i.indrelid AND t.oid = ANY ($1::oid[]) "
    " WHERE i.indrelid = ANY ($1::oid[]) AND NOT (i.indisvalid AND i.indisready AND i.indislive) "
    "ORDER BY 1";

// Collations that an order, or a place in a partition, was worked out by: those of the keys; inside
// the types of the keys (a range's, a composite's); and what an expression or a predicate names, or
// is read from a column of. Where a table is partitioned by values that are equal only if their
// bytes are, no version changes where they belong.
constexpr const char* kCollations =
    "WITH RECURSIVE indexes AS ("
    "  SELECT i.* FROM pg_index i WHERE i.indrelid = ANY ($1::oid[])), "
    "types(object, id) AS ("
    "  SELECT a.attrelid, a.atttypid FROM indexes i JOIN pg_attribute a "
    "      ON a.attrelid = i.indexrelid AND a.attnum BETWEEN 1 AND i.indnkeyatts "
    "  UNION "
    "  SELECT t.object, n.id FROM types t CROSS JOIN LATERAL ("
    "      SELECT unnest(ARRAY[y.typbasetype, y.typelem]) FROM pg_type y WHERE y.oid = t.id "
    "      UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.id "
    "      UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.id "
    "      UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a "
    "                    ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped "
    "                 WHERE y.oid = t.id AND y.typtype = 'c') AS n(id) "
    "   WHERE n.id <> 0), "
    "used(object, how, collation_id) AS ("
    "  SELECT i.indexrelid, 'built', k.id FROM indexes i, unnest(i.indcollation::oid[]) AS k(id) "
    "  UNION "
    "  SELECT t.object, 'built', r.rngcollation FROM types t JOIN pg_range r ON r.rngtypid = t.id "
    "  UNION "
    "  SELECT t.object, 'built', a.attcollation FROM types t "
    "    JOIN pg_type y ON y.oid = t.id AND y.typtype = 'c' "
    "    JOIN pg_attribute a ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped "
    "  UNION "
    "  SELECT d.objid, 'built', coalesce(a.attcollation, d.refobjid) FROM indexes i "
    "    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid "
    "    LEFT JOIN pg_attribute a ON d.refclassid = 'pg_class'::regclass "
    "         AND d.refobjid = i.indrelid AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid "
    "         AND a.attnum > 0 "
    "   WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) "
    "     AND (d.refclassid = 'pg_collation'::regclass OR a.attnum IS NOT NULL) "
    "  UNION "
    "  SELECT p.partrelid, 'partitioned', l.oid FROM pg_partitioned_table p JOIN pg_collation l "
    "      ON l.oid = ANY (p.partcollation::oid[]) "
    "      OR l.oid IN (SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
    "                      AND d.objid = p.partrelid AND d.objsubid = 0 "
    "                      AND d.refclassid = 'pg_collation'::regclass) "
    "   WHERE p.partrelid = ANY ($1::oid[]) AND (p.partstrat = 'r' OR NOT l.collisdeterministic)), "
    "versions(collation_id, name, built, now) AS MATERIALIZED ("
    "  SELECT l.oid, l.collname::text, l.collversion, pg_collation_actual_version(l.oid) "
    "    FROM pg_collation l WHERE l.collprovider <> 'd' "
    "     AND l.oid IN (SELECT u.collation_id FROM used u) "
    "  UNION ALL "
    "  SELECT l.oid, 'default', d.datcollversion, pg_database_collation_actual_version(d.oid) "
    "    FROM pg_collation l, pg_database d "
    "   WHERE l.collprovider = 'd' AND d.datname = current_database()) "
    "SELECT format('%s was %s with version %s of collation %s, which has version %s now', "
    "              u.object::regclass, u.how, v.built, v.name, v.now) "
    "  FROM used u JOIN versions v USING (collation_id) WHERE v.built <> v.now ORDER BY 1";

// With the table whose TOAST it is an index of.
constexpr const char* kBtrees =
    "SELECT i.indexrelid, t.oid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "  JOIN pg_am a ON a.oid = c.relam "
    "  LEFT JOIN pg_class t ON t.reltoastrelid = i.indrelid AND t.oid = ANY ($1::oid[]) "
    " WHERE i.indrelid = ANY ($1::oid[]) "
    "   AND c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid AND i.indisready ORDER BY 1";

// The statement that makes each index, from USING on: without its name and its table's. What that
// does not say: an exclusion constraint's operators, and whether a key is looked at after each row,
// which ON CONFLICT and foreign keys need.
constexpr const char* kDefinitions =
    "SELECT CASE WHEN i.indisexclusion THEN pg_get_constraintdef(k.oid) || "
    "            coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') ELSE "
    "       format('%s%s%s', CASE WHEN i.indisprimary THEN 'PRIMARY KEY ' WHEN i.indisunique "
    "                             THEN 'UNIQUE ' END, "
    "              substr(d.rest, position(n.table_name || ' USING ' IN d.rest) + "
    "length(n.table_name) + 1), "
    "              CASE WHEN NOT i.indimmediate THEN ' DEFERRABLE' || "
    "                        CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END END) "
    "       END "
    "  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = "
    "i.indrelid "
    "  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') "
    " CROSS JOIN LATERAL (SELECT format('%I.%I', s.nspname, t.relname) AS table_name "
    "                       FROM pg_namespace s WHERE s.oid = t.relnamespace) AS n "
    " CROSS JOIN LATERAL (SELECT substr(pg_get_indexdef(i.indexrelid), "
    "                           length(format('CREATE %sINDEX %I ON ', "
    "                                         CASE WHEN i.indisunique THEN 'UNIQUE ' END, "
    "c.relname)) + 1) "
    "                           AS rest) AS d "
    " WHERE i.indrelid = $1";

// All tables of a partition tree, or the table alone.
std::vector<Oid> Tree(Reader& reader, Oid relation) {
  return ObjectIds(
      reader.Catalog("SELECT relid::oid FROM pg_partition_tree($1) UNION SELECT $1::oid ORDER BY 1",
                     {pg::Argument::RegClass(relation)}));
}

std::vector<Oid> ToastOf(Reader& reader, const std::vector<Oid>& tables) {
  return ObjectIds(reader.Catalog(
      "SELECT reltoastrelid FROM pg_class WHERE oid = ANY ($1::oid[]) AND reltoastrelid <> 0",
      {OidArray(tables)}));
}

std::vector<std::string> List(const pg::Rows& rows) {
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < rows.size(); ++i)
    texts.push_back(rows.Text(i, 1).value());
  return texts;
}

void CompareDefinitions(Reader& reader, const Spec& spec, std::vector<std::string>* problems) {
  const auto definitions = [&](Oid relation) {
    std::vector<std::string> texts =
        List(reader.Catalog(kDefinitions, {pg::Argument::RegClass(relation)}));
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  const std::vector<std::string> source = definitions(spec.source());
  const std::vector<std::string> target = definitions(spec.target());
  const auto missing = [&](const std::vector<std::string>& from, const std::vector<std::string>& in,
                           Oid relation) {
    std::vector<std::string> absent;
    std::set_difference(from.begin(), from.end(), in.begin(), in.end(), std::back_inserter(absent));
    for (const std::string& definition : absent)
      problems->push_back(
          fmt::format("{} has no index like {}", pg::QualifiedName(relation), definition));
  };
  missing(source, target, spec.target());
  missing(target, source, spec.source());
}

struct PageCheck {
  int64_t checked = 0;
  int64_t toast = 0;                    // beside them
  std::optional<std::string> not_done;  // why no index, or no more of them, was looked into
  std::vector<std::string> problems;
  std::vector<std::string> failures;  // what kept it from looking into an index
};

bool IsCorruption(int sqlstate) {
  return sqlstate == ERRCODE_INDEX_CORRUPTED || sqlstate == ERRCODE_DATA_CORRUPTED;
}

// As the role that added the check, even where its rows are read as the table's owner: amcheck
// itself becomes the owner before it calls anything that the owner made, and mostly superusers may
// call it.
void CheckPages(Reader& reader, const Spec& spec, const pg::Argument& tables, PageCheck* outcome) {
  const pg::UserScope creator(spec.creator(), SECURITY_RESTRICTED_OPERATION);
  const pg::Rows home = reader.Catalog(
      "SELECT quote_ident(n.nspname), has_function_privilege(p.oid, 'EXECUTE') AND "
      "       has_schema_privilege(n.oid, 'USAGE') "
      "  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
      "  JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'bt_index_check' AND p.pronargs "
      "= 2 "
      " WHERE e.extname = 'amcheck'");
  if (home.empty()) {
    outcome->not_done = "amcheck is not installed";
    return;
  }
  if (!home.Bool(0, 2).value()) {
    outcome->not_done = fmt::format("role \"{}\" may not call bt_index_check of amcheck",
                                    pg::RoleName(GetUserId()));
    return;
  }
  const std::string statement =
      fmt::format("SELECT {}.bt_index_check($1, $2)", home.Text(0, 1).value());
  const bool heapallindexed = spec.Flag("heapallindexed", true);
  const pg::Rows btrees = reader.Catalog(kBtrees, {tables});
  for (uint64_t i = 0; i < btrees.size(); ++i) {
    const Oid index = btrees.ObjectId(i, 1).value();
    const std::optional<Oid> of = btrees.ObjectId(i, 2);
    const std::string place =
        of ? fmt::format(" (TOAST of {})", pg::QualifiedName(*of)) : std::string();
    const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
      pg::Spi spi;
      (void)spi.Query(statement,
                      {pg::Argument::RegClass(index), pg::Argument::Bool(heapallindexed)});
    });
    if (failure && failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
    if (failure && !IsCorruption(failure->sqlstate())) {
      // A lock that somebody holds, for instance. It must not hide what is known to be wrong.
      outcome->failures.push_back(fmt::format("{}{} not looked into: {}", pg::QualifiedName(index),
                                              place, ErrorText(failure->info())));
      continue;
    }
    ++(of ? outcome->toast : outcome->checked);
    if (failure) outcome->problems.push_back(failure->info().message + place);
  }
}

int64_t Number(Reader& reader, const std::vector<Oid>& tables) {
  return reader
      .Catalog("SELECT count(*) FROM pg_index WHERE indrelid = ANY ($1::oid[])", {OidArray(tables)})
      .Int8(0, 1)
      .value();
}

std::string LookedInto(const PageCheck& pages) {
  std::string text =
      pages.not_done
          ? fmt::format("pages not looked into: {}", *pages.not_done)
          : fmt::format("{}{} looked into by amcheck",
                        Counted(pages.checked, "btree index", "btree indexes"),
                        pages.toast == 0 ? "" : fmt::format(" and {} of TOAST", pages.toast));
  for (const std::string& failure : pages.failures)
    text += "; " + failure;
  return text;
}

std::string WithoutIndex(const Spec& spec) {
  if (!spec.has_target())
    return fmt::format("nothing was looked at: {} has no index", pg::QualifiedName(spec.source()));
  return fmt::format("neither {} nor {} has an index", pg::QualifiedName(spec.source()),
                     pg::QualifiedName(spec.target()));
}

}  // namespace

Finding Indexes(const Spec& spec) {
  Reader reader;
  std::vector<Oid> relations = {spec.source()};
  if (spec.has_target()) relations.push_back(spec.target());
  int64_t indexes = 0;
  std::vector<std::string> problems;
  PageCheck pages;
  for (const Oid relation : relations) {
    std::vector<Oid> tables = Tree(reader, relation);
    indexes += Number(reader, tables);
    const std::vector<Oid> toast = ToastOf(reader, tables);
    tables.insert(tables.end(), toast.begin(), toast.end());
    for (const char* const query : {kUnusable, kCollations}) {
      const std::vector<std::string> found = List(reader.Catalog(query, {OidArray(tables)}));
      problems.insert(problems.end(), found.begin(), found.end());
    }
    CheckPages(reader, spec, OidArray(tables), &pages);
  }
  if (spec.has_target()) CompareDefinitions(reader, spec, &problems);
  problems.insert(problems.end(), pages.problems.begin(), pages.problems.end());
  const std::string looked_into = LookedInto(pages);
  if (!problems.empty())
    return {Status::kFail, fmt::format("{}; {}", fmt::join(problems, "; "), looked_into)};
  // Nothing was proved of one table without an index; two without any are alike.
  if (indexes == 0)
    return {spec.has_target() && pages.failures.empty() ? Status::kPass : Status::kInconclusive,
            fmt::format("{}; {}", WithoutIndex(spec), looked_into)};
  return {pages.failures.empty() ? Status::kPass : Status::kInconclusive,
          fmt::format("all indexes are valid and ready{}; {}",
                      spec.has_target() ? ", and the same on both tables" : "", looked_into)};
}

}  // namespace pg_cutover::validate
