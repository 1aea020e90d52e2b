// Which way a copy takes, and why; see method.hpp.
#include <fmt/format.h>

#include "capture/preconditions.hpp"
#include "copy/method.hpp"
#include "link/mapping.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

// Run as the caller: everything it reads is readable by everybody.
constexpr const char* kObstacles = R"sql(
WITH source AS (
    SELECT c.* FROM pg_catalog.pg_class c
     WHERE c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1))
), target AS (
    SELECT c.* FROM pg_catalog.pg_class c
     WHERE c.oid = $2 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($2))
)
SELECT 1, pg_catalog.format('%s %s is not a table',
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'f' THEN 'foreign table' ELSE 'relation' END,
       c.oid::pg_catalog.regclass)
  FROM source c WHERE c.relkind NOT IN ('r', 'p')
UNION ALL
SELECT 2, pg_catalog.format('target partition %s is a foreign table', c.oid::pg_catalog.regclass)
  FROM target c WHERE c.relkind = 'f'
UNION ALL
SELECT 3, pg_catalog.format('%s uses the table access method %s, not heap',
       c.oid::pg_catalog.regclass, a.amname)
  FROM (SELECT * FROM source UNION SELECT * FROM target) c
  JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE c.relkind = 'r' AND a.amname <> 'heap'
UNION ALL
SELECT 4, pg_catalog.format('target %s has trigger "%s"', c.oid::pg_catalog.regclass, t.tgname)
  FROM target c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid
 WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
   -- Not the guard of a table that is kept in step: the copy may pass it.
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = t.tgfoid
                      AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
                      AND e.extname = 'pg_cutover')
UNION ALL
SELECT 5, pg_catalog.format('target %s has rule "%s"', c.oid::pg_catalog.regclass, r.rulename)
  FROM target c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
UNION ALL
SELECT 6, pg_catalog.format('target %s has exclusion constraint "%s"',
       c.oid::pg_catalog.regclass, k.conname)
  FROM target c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
 WHERE k.contype = 'x'
UNION ALL
SELECT 7, pg_catalog.format('target %s has foreign key "%s"%s', c.oid::pg_catalog.regclass, k.conname,
       CASE WHEN c.relkind = 'p' OR c.relispartition THEN '' ELSE ' and is not empty' END)
  FROM target c JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
 WHERE k.contype = 'f' AND NOT ($3 AND c.relkind = 'r' AND NOT c.relispartition)
 ORDER BY 1, 2
)sql";

}  // namespace

bool IsEmpty(Oid relation) {
  pg::Spi spi;
  return spi.Query(fmt::format("SELECT FROM {} LIMIT 1", pg::QualifiedName(relation))).affected() ==
         0;
}

MethodChoice ChooseMethod(const catalog::LinkRow& link, const std::string& requested,
                          bool before_start) {
  if (requested != "auto" && requested != "direct" && requested != "sql")
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("unknown method \"{}\"", requested), {},
              "Use auto, direct or sql.");
  if (before_start) capture::RequireNoneFillsColumns(link);
  MethodChoice choice;
  const bool empty = before_start && IsEmpty(link.target);
  {
    pg::Spi spi;
    const pg::Rows rows =
        spi.Query(kObstacles, {pg::Argument::ObjectId(link.source),
                               pg::Argument::ObjectId(link.target), pg::Argument::Bool(empty)});
    for (uint64_t i = 0; i < rows.size(); ++i)
      choice.obstacles.push_back(rows.Text(i, 2).value_or(""));
  }
  if (!link.owner)
    choice.obstacles.push_back("the link fills columns of rows that another link owns");
  if (link::HasSubquery(link)) choice.obstacles.push_back("the mapping contains a subquery");
  if (choice.obstacles.empty() && link.source_key.empty())
    choice.obstacles.push_back("the source has no key by which busy rows could be looked up again");
  if (requested == "direct" && !choice.obstacles.empty())
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED, "the direct method cannot copy this link",
              fmt::format("{}.", fmt::join(choice.obstacles, "; ")),
              "Use method => 'sql', or 'auto' to let the extension choose.");
  choice.method = requested == "sql" || !choice.obstacles.empty() ? "sql" : "direct";
  return choice;
}

}  // namespace pg_cutover::copy
