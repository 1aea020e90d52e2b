// The check indexes: every index is whole, usable, and in order.
//
// Valid, ready and live in the catalog; built with the version of its collation that the operating
// system has now (another version sorts otherwise, and an index over text then misses rows that are
// there); the same definitions on both tables of a pair; and with amcheck, where that is installed,
// the pages themselves: bt_index_check with heapallindexed finds heap rows without an entry.
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

constexpr const char* kUnusable =
    "SELECT format('%s is %s', i.indexrelid::regclass, concat_ws(' and ', "
    "              CASE WHEN NOT i.indislive THEN 'being dropped' END, "
    "              CASE WHEN NOT i.indisready THEN 'not ready' END, "
    "              CASE WHEN NOT i.indisvalid THEN 'not valid' END)) "
    "  FROM pg_index i WHERE i.indrelid = ANY ($1::oid[]) "
    "   AND NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1";

constexpr const char* kCollations =
    "SELECT DISTINCT format('%s was built with version %s of collation %s, which has version %s "
    "now', "
    "              i.indexrelid::regclass, v.built, v.name, v.now) "
    "  FROM pg_index i, unnest(i.indcollation::oid[]) AS k(id) "
    " CROSS JOIN LATERAL ("
    "       SELECT l.collname::text, l.collversion, pg_collation_actual_version(l.oid) "
    "         FROM pg_collation l WHERE l.oid = k.id AND l.collprovider <> 'd' "
    "       UNION ALL "
    "       SELECT 'default', d.datcollversion, pg_database_collation_actual_version(d.oid) "
    "         FROM pg_database d JOIN pg_collation l ON l.oid = k.id AND l.collprovider = 'd' "
    "        WHERE d.datname = current_database()) AS v(name, built, now) "
    " WHERE i.indrelid = ANY ($1::oid[]) AND v.built <> v.now ORDER BY 1";

constexpr const char* kBtrees =
    "SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "  JOIN pg_am a ON a.oid = c.relam "
    " WHERE i.indrelid = ANY ($1::oid[]) "
    "   AND c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid AND i.indisready ORDER BY 1";

// The statement that makes each index, from USING on: without its name and its table's.
constexpr const char* kDefinitions =
    "SELECT format('%s%s', CASE WHEN i.indisprimary THEN 'PRIMARY KEY ' WHEN i.indisexclusion "
    "                           THEN 'EXCLUDE ' WHEN i.indisunique THEN 'UNIQUE ' END, "
    "              substr(d.rest, position(n.table_name || ' USING ' IN d.rest) + "
    "length(n.table_name) + 1)) "
    "  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = "
    "i.indrelid "
    " CROSS JOIN LATERAL (SELECT format('%I.%I', s.nspname, t.relname) AS table_name "
    "                       FROM pg_namespace s WHERE s.oid = t.relnamespace) AS n "
    " CROSS JOIN LATERAL (SELECT substr(pg_get_indexdef(i.indexrelid), "
    "                           length(format('CREATE %sINDEX %I ON ', "
    "                                         CASE WHEN i.indisunique THEN 'UNIQUE ' END, "
    "c.relname)) + 1) "
    "                           AS rest) AS d "
    " WHERE i.indrelid = $1";

// All tables of a partition tree, or the table alone, as a parameter of the queries above.
pg::Argument Tree(Reader& reader, Oid relation) {
  const pg::Rows rows = reader.Query(
      "SELECT array_agg(t.id::text) "
      "  FROM (SELECT relid::oid AS id FROM pg_partition_tree($1) UNION SELECT $1::oid) AS t",
      {pg::Argument::RegClass(relation)});
  return pg::Argument::TextArray(rows.TextArray(0, 1));
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
        List(reader.Query(kDefinitions, {pg::Argument::RegClass(relation)}));
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
  const pg::Rows home = reader.Query(
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
  const pg::Rows btrees = reader.Query(kBtrees, {tables});
  for (uint64_t i = 0; i < btrees.size(); ++i) {
    const Oid index = btrees.ObjectId(i, 1).value();
    const std::optional<pg::Error> failure = pg::TryInSubtransaction([&] {
      pg::Spi spi;
      (void)spi.Query(statement,
                      {pg::Argument::RegClass(index), pg::Argument::Bool(heapallindexed)});
    });
    if (failure && failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw *failure;
    if (failure && !IsCorruption(failure->sqlstate())) {
      // A lock that somebody holds, for instance. It must not hide what is known to be wrong.
      outcome->failures.push_back(fmt::format("{} not looked into: {} (SQLSTATE {})",
                                              pg::QualifiedName(index), failure->info().message,
                                              pg::SqlStateText(failure->sqlstate())));
      continue;
    }
    ++outcome->checked;
    if (failure) outcome->problems.push_back(failure->info().message);
  }
}

}  // namespace

Finding Indexes(const Spec& spec) {
  Reader reader;
  std::vector<Oid> relations = {spec.source()};
  if (spec.has_target()) relations.push_back(spec.target());
  std::vector<std::string> problems;
  PageCheck pages;
  for (const Oid relation : relations) {
    const pg::Argument tables = Tree(reader, relation);
    for (const char* const query : {kUnusable, kCollations}) {
      const std::vector<std::string> found = List(reader.Query(query, {tables}));
      problems.insert(problems.end(), found.begin(), found.end());
    }
    CheckPages(reader, spec, tables, &pages);
  }
  if (spec.has_target()) CompareDefinitions(reader, spec, &problems);
  problems.insert(problems.end(), pages.problems.begin(), pages.problems.end());
  std::string looked_into =
      pages.not_done ? fmt::format("pages not looked into: {}", *pages.not_done)
                     : fmt::format("{} looked into by amcheck",
                                   Counted(pages.checked, "btree index", "btree indexes"));
  for (const std::string& failure : pages.failures)
    looked_into += "; " + failure;
  if (!problems.empty())
    return {Status::kFail, fmt::format("{}; {}", fmt::join(problems, "; "), looked_into)};
  return {pages.failures.empty() ? Status::kPass : Status::kInconclusive,
          fmt::format("all indexes are valid and ready{}; {}",
                      spec.has_target() ? ", and the same on both tables" : "", looked_into)};
}

}  // namespace pg_cutover::validate
