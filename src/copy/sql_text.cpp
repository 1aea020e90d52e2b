// The statements of the sql method; see sql_text.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "copy/sql_text.hpp"
#include "link/assignment.hpp"
#include "link/key.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

struct Key {
  std::string name;
  std::string expression;  // over alias source
  std::string type;
};

const FormData_pg_attribute& KeyColumn(::Relation relation, const std::string& column) {
  const char* const name = column.c_str();
  const AttrNumber number =
      pg::Section([=] { return get_attnum(RelationGetRelid(relation), name); });
  if (number == InvalidAttrNumber)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("key column \"{}\" of {} is gone", column,
                          pg::QualifiedName(RelationGetRelid(relation))));
  return *TupleDescAttr(RelationGetDescr(relation), number - 1);
}

std::string TypeOf(const FormData_pg_attribute& column) {
  return pg::TypeName(column.atttypid, column.atttypmod);
}

std::vector<Key> Keys(const catalog::LinkRow& link) {
  std::vector<Key> keys;
  const pg::OpenRelation source(link.source, AccessShareLock);
  if (!link.source_key.empty()) {
    for (const std::string& column : link.source_key)
      keys.push_back({column, "source." + pg::QuoteIdentifier(column),
                      TypeOf(KeyColumn(source.get(), column))});
    return keys;
  }
  const pg::OpenRelation target(link.target, AccessShareLock);
  for (const std::string& column : link.target_key) {
    const FormData_pg_attribute& attribute = KeyColumn(target.get(), column);
    for (const catalog::MappedColumn& mapped : link.mapping)
      if (mapped.column == column)
        keys.push_back({column, link::AsAssigned(mapped.expression, source.get(), attribute),
                        TypeOf(attribute)});
  }
  return keys;
}

// "(a, b) > (CAST($1 AS int), CAST($2 AS text))"
std::string Compare(const std::vector<Key>& keys, const char* comparison, int first_parameter) {
  std::vector<std::string> left;
  std::vector<std::string> right;
  for (const Key& key : keys) {
    left.push_back(key.expression);
    right.push_back(fmt::format("CAST(${} AS {})", first_parameter++, key.type));
  }
  return fmt::format("({}) {} ({})", fmt::join(left, ", "), comparison, fmt::join(right, ", "));
}

// "(a, b) IN (SELECT CAST(u.k1 AS int), ... FROM ROWS FROM (unnest($1), unnest($2)) AS u(k1, k2))"
std::string Listed(const std::vector<Key>& keys) {
  std::vector<std::string> left;
  std::vector<std::string> casts;
  std::vector<std::string> arrays;
  std::vector<std::string> names;
  for (size_t i = 0; i < keys.size(); ++i) {
    left.push_back(keys[i].expression);
    casts.push_back(fmt::format("CAST(listed.k{} AS {})", i, keys[i].type));
    arrays.push_back(fmt::format("pg_catalog.unnest(${})", i + 1));
    names.push_back(fmt::format("k{}", i));
  }
  return fmt::format("({}) IN (SELECT {} FROM ROWS FROM ({}) AS listed({}))", fmt::join(left, ", "),
                     fmt::join(casts, ", "), fmt::join(arrays, ", "), fmt::join(names, ", "));
}

// How the target's key index tells keys apart: an extension's operator is not on the search path,
// and two columns that are compared may have different collations.
constexpr const char* kKeyComparisons = R"sql(
SELECT pg_catalog.format('OPERATOR(%I.%s)', s.nspname, o.oprname),
       CASE WHEN l.oid IS NULL THEN '' ELSE pg_catalog.format(' COLLATE %I.%I', ls.nspname, l.collname) END
  FROM pg_catalog.pg_index i
 CROSS JOIN pg_catalog.generate_series(0, i.indnkeyatts - 1) AS p
  JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[p]
  JOIN pg_catalog.pg_amop a ON a.amopfamily = c.opcfamily AND a.amoplefttype = c.opcintype
   AND a.amoprighttype = c.opcintype AND a.amopstrategy = 3
  JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr
  JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
  JOIN pg_catalog.pg_attribute t ON t.attrelid = i.indrelid AND t.attnum = i.indkey[p]
  LEFT JOIN (pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace ls ON ls.oid = l.collnamespace)
    ON l.oid = t.attcollation
 WHERE i.indexrelid = $1
 ORDER BY p
)sql";

const std::string& MappedFrom(const catalog::LinkRow& link, const std::string& column) {
  for (const catalog::MappedColumn& mapped : link.mapping)
    if (mapped.column == column) return mapped.expression;
  pg::Raise(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      fmt::format("key column \"{}\" of {} is not mapped", column, pg::QualifiedName(link.target)));
}

// "target.a OPERATOR(pg_catalog.=) CAST((source.a) AS integer) AND ..." A key that were cut would
// fill the row of another one.
std::string SameKey(const catalog::LinkRow& link) {
  const pg::OpenRelation source(link.source, AccessShareLock);
  const pg::OpenRelation target(link.target, AccessShareLock);
  const Oid index = link::KeyIndex(target.get(), link.target_key);
  if (!OidIsValid(index))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("{} has no unique index on ({}) any more", pg::QualifiedName(link.target),
                          fmt::join(link.target_key, ", ")),
              {}, "Create it again; it must be immediate, valid, and without a predicate.");
  pg::Spi spi;
  const pg::Rows comparisons = spi.Query(kKeyComparisons, {pg::Argument::ObjectId(index)});
  std::vector<std::string> conditions;
  for (size_t i = 0; i < link.target_key.size(); ++i) {
    const std::string& column = link.target_key[i];
    conditions.push_back(fmt::format(
        "target.{} {} {}{}", pg::QuoteIdentifier(column), comparisons.Text(i, 1).value(),
        link::AsAssigned(MappedFrom(link, column), source.get(), KeyColumn(target.get(), column)),
        comparisons.Text(i, 2).value()));
  }
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

// "a = (source.a), ..." of the columns besides the key. The values are computed in the SET list,
// which casts to the columns' types as INSERT does.
std::string Assignments(const catalog::LinkRow& link) {
  std::vector<std::string> assignments;
  for (const catalog::MappedColumn& mapped : link.mapping)
    if (std::find(link.target_key.begin(), link.target_key.end(), mapped.column) ==
        link.target_key.end())
      assignments.push_back(
          fmt::format("{} = ({})", pg::QuoteIdentifier(mapped.column), mapped.expression));
  if (assignments.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("{} fills no column of {}", pg::QualifiedName(link.source),
                          pg::QualifiedName(link.target)),
              "Only the key is mapped.",
              "Link them again, and map the columns that are to be filled.");
  return fmt::format("{}", fmt::join(assignments, ", "));
}

// Of a partial link; parameters as `range` has them. An UPDATE that waited for a row of the target
// would wait for an application with the rows of the batch locked, which that application may want.
class Fill {
 public:
  Fill(const catalog::LinkRow& link, const std::vector<Key>& keys)
      : source_(pg::QualifiedName(link.source) + " AS source"),
        target_(pg::QualifiedName(link.target) + " AS target"),
        same_key_(SameKey(link)),
        assignments_(Assignments(link)),
        filter_(link::Condition(link)) {
    for (size_t i = 0; i < keys.size(); ++i) {
      as_.push_back(fmt::format("{} AS k{}", keys[i].expression, i));
      locked_.push_back(fmt::format("locked.k{}", i));
      due_.push_back(fmt::format("due.k{}", i));
      text_.push_back(fmt::format("CAST(k{} AS pg_catalog.text)", i));
      expressions_.push_back(keys[i].expression);
    }
  }

  std::string Statement(const std::string& range) const {
    const std::string pairs =
        fmt::format("SELECT {} FROM {} JOIN {} ON {} WHERE {} AND ({})", fmt::join(as_, ", "),
                    source_, target_, same_key_, range, filter_);
    return fmt::format(
        "WITH locked AS MATERIALIZED ({0} FOR NO KEY UPDATE OF target SKIP LOCKED), "
        "filled AS (UPDATE {1} SET {2} FROM {3}, locked WHERE ({4}) = ({5}) AND {6} RETURNING "
        "locked.*) "
        "SELECT {7}, true FROM filled UNION ALL SELECT {7}, false FROM ({0}) AS due "
        "WHERE NOT EXISTS (SELECT FROM locked WHERE ({5}) = ({8}))",
        pairs, target_, assignments_, source_, fmt::join(expressions_, ", "),
        fmt::join(locked_, ", "), same_key_, fmt::join(text_, ", "), fmt::join(due_, ", "));
  }

 private:
  const std::string source_;
  const std::string target_;
  const std::string same_key_;
  const std::string assignments_;
  const std::string filter_;
  std::vector<std::string> as_;
  std::vector<std::string> locked_;
  std::vector<std::string> due_;
  std::vector<std::string> text_;
  std::vector<std::string> expressions_;
};

// Of a link that owns the rows.
std::string Insert(const catalog::LinkRow& link, bool skip_existing, const std::string& range) {
  std::vector<std::string> target_key;
  for (const std::string& column : link.target_key)
    target_key.push_back(pg::QuoteIdentifier(column));
  // Never a bare DO NOTHING: it would swallow conflicts on other unique indexes.
  return fmt::format(
      "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} AS source WHERE {} AND ({}){}",
      pg::QualifiedName(link.target), link::TargetColumns(link), link::SelectList(link),
      pg::QualifiedName(link.source), range, link::Condition(link),
      skip_existing ? fmt::format(" ON CONFLICT ({}) DO NOTHING", fmt::join(target_key, ", "))
                    : std::string());
}

}  // namespace

SqlText BuildSqlText(const catalog::LinkRow& link, bool skip_existing) {
  SqlText text;
  const std::vector<Key> keys = Keys(link);
  const auto count = static_cast<int>(keys.size());
  // FOR SHARE needs the privilege to UPDATE. Without it, as without a key, the rows are read as
  // they are, which is what a copy that nobody keeps in step does anyway.
  text.lockable =
      !link.source_key.empty() && pg::Section([&] {
                                    return pg_class_aclcheck(link.source, GetUserId(), ACL_UPDATE);
                                  }) == ACLCHECK_OK;

  std::vector<std::string> expressions;
  std::vector<std::string> as_text;
  std::vector<std::string> aliases;
  std::vector<std::string> descending;
  std::vector<std::string> aliased;
  for (size_t i = 0; i < keys.size(); ++i) {
    text.key_names.push_back(keys[i].name);
    expressions.push_back(keys[i].expression);
    as_text.push_back(fmt::format("CAST(k{} AS pg_catalog.text)", i));
    aliases.push_back(fmt::format("k{}", i));
    descending.push_back(fmt::format("k{} DESC", i));
    aliased.push_back(fmt::format("{} AS k{}", keys[i].expression, i));
  }
  const std::string source = pg::QualifiedName(link.source) + " AS source";
  const std::string after = Compare(keys, ">", 1);
  const std::string until_first = Compare(keys, "<=", 1);
  const std::string until_next = Compare(keys, "<=", count + 1);
  const std::string filter = fmt::format(" AND ({})", link::Condition(link));

  const auto bound = [&](const std::string& range, int limit_parameter) {
    return fmt::format(
        "SELECT {} FROM (SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT ${}) AS range "
        "ORDER BY {} LIMIT 1",
        fmt::join(as_text, ", "), fmt::join(aliased, ", "), source, range,
        fmt::join(expressions, ", "), limit_parameter, fmt::join(descending, ", "));
  };
  std::vector<std::string> present;
  for (const std::string& expression : expressions)
    present.push_back(expression + " IS NOT NULL");
  text.bound_first = bound(fmt::format("{}", fmt::join(present, " AND ")), 1);
  text.bound_next = bound(after, count + 1);

  if (link.source_key.empty()) {
    std::vector<std::string> nulls;
    for (const std::string& expression : expressions)
      nulls.push_back(fmt::format("{} IS NULL", expression));
    text.null_key = fmt::format("SELECT {} FROM (SELECT {} FROM {} WHERE ({}){} LIMIT 1) AS range",
                                fmt::join(as_text, ", "), fmt::join(aliased, ", "), source,
                                fmt::join(nulls, " OR "), filter);
  }

  const auto lock = [&](const std::string& range) {
    return fmt::format(
        "WITH locked AS MATERIALIZED (SELECT {0} FROM {1} WHERE {2}{3} FOR SHARE OF source SKIP "
        "LOCKED) SELECT {4}, true FROM locked UNION ALL SELECT {4}, false FROM (SELECT {0} FROM "
        "{1} "
        "WHERE {2}{3}) AS due WHERE NOT EXISTS (SELECT FROM locked WHERE ({5}) = ({6}))",
        fmt::join(aliased, ", "), source, range, filter, fmt::join(as_text, ", "),
        fmt::format("locked.{}", fmt::join(aliases, ", locked.")),
        fmt::format("due.{}", fmt::join(aliases, ", due.")));
  };
  text.lock_first = lock(until_first);
  text.lock_next = lock(after + " AND " + until_next);
  text.lock_listed = lock(Listed(keys));

  const std::optional<Fill> fill = link.owner ? std::nullopt : std::make_optional<Fill>(link, keys);
  const auto write = [&](const std::string& range) {
    return fill ? fill->Statement(range) : Insert(link, skip_existing, range);
  };
  text.write_first = write(until_first);
  text.write_next = write(after + " AND " + until_next);
  text.write_listed = write(Listed(keys));
  return text;
}

}  // namespace pg_cutover::copy
