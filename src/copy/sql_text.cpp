// The statements of the sql method; see sql_text.hpp.
#include <fmt/format.h>

#include "copy/sql_text.hpp"
#include "link/mapping.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

struct Key {
  std::string name;
  std::string expression;  // over alias source
  std::string type;
};

std::string ColumnType(::Relation relation, const std::string& column) {
  const char* const name = column.c_str();
  const AttrNumber number =
      pg::Section([=] { return get_attnum(RelationGetRelid(relation), name); });
  if (number == InvalidAttrNumber)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("key column \"{}\" of {} is gone", column,
                          pg::QualifiedName(RelationGetRelid(relation))));
  const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), number - 1);
  return pg::TypeName(attribute->atttypid, attribute->atttypmod);
}

std::vector<Key> Keys(const catalog::LinkRow& link) {
  std::vector<Key> keys;
  if (!link.source_key.empty()) {
    const pg::OpenRelation source(link.source, AccessShareLock);
    for (const std::string& column : link.source_key)
      keys.push_back({column, "source." + pg::QuoteIdentifier(column),
                      ColumnType(source.get(), column)});
    return keys;
  }
  const pg::OpenRelation target(link.target, AccessShareLock);
  for (const std::string& column : link.target_key) {
    const std::string type = ColumnType(target.get(), column);
    for (const catalog::MappedColumn& mapped : link.mapping)
      if (mapped.column == column)
        keys.push_back({column, fmt::format("CAST(({}) AS {})", mapped.expression, type), type});
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
  return fmt::format("({}) IN (SELECT {} FROM ROWS FROM ({}) AS listed({}))",
                     fmt::join(left, ", "), fmt::join(casts, ", "), fmt::join(arrays, ", "),
                     fmt::join(names, ", "));
}

}  // namespace

SqlText BuildSqlText(const catalog::LinkRow& link, bool skip_existing) {
  SqlText text;
  const std::vector<Key> keys = Keys(link);
  const auto count = static_cast<int>(keys.size());
  // FOR SHARE needs the privilege to UPDATE. Without it, as without a key, the rows are read as they
  // are, which is what a copy that nobody keeps in step does anyway.
  text.lockable = !link.source_key.empty() &&
                  pg::Section([&] {
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
  for (const std::string& expression : expressions) present.push_back(expression + " IS NOT NULL");
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
        "LOCKED) SELECT {4}, true FROM locked UNION ALL SELECT {4}, false FROM (SELECT {0} FROM {1} "
        "WHERE {2}{3}) AS due WHERE NOT EXISTS (SELECT FROM locked WHERE ({5}) = ({6}))",
        fmt::join(aliased, ", "), source, range, filter, fmt::join(as_text, ", "),
        fmt::format("locked.{}", fmt::join(aliases, ", locked.")),
        fmt::format("due.{}", fmt::join(aliases, ", due.")));
  };
  text.lock_first = lock(until_first);
  text.lock_next = lock(after + " AND " + until_next);
  text.lock_listed = lock(Listed(keys));

  std::vector<std::string> target_key;
  for (const std::string& column : link.target_key)
    target_key.push_back(pg::QuoteIdentifier(column));
  const auto insert = [&](const std::string& range) {
    // Never a bare DO NOTHING: it would swallow conflicts on other unique indexes.
    return fmt::format(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} WHERE {}{}{}",
        pg::QualifiedName(link.target), link::TargetColumns(link), link::SelectList(link), source,
        range, filter,
        skip_existing ? fmt::format(" ON CONFLICT ({}) DO NOTHING", fmt::join(target_key, ", "))
                      : std::string());
  };
  text.insert_first = insert(until_first);
  text.insert_next = insert(after + " AND " + until_next);
  text.insert_listed = insert(Listed(keys));
  return text;
}

}  // namespace pg_cutover::copy
