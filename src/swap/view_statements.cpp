// Statements that make views; see view_statements.hpp.
#include <fmt/format.h>

#include "swap/view_statements.hpp"

#include "pg/ownership.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

std::string CreateView(pg::Spi& spi, Oid view, const char* create) {
  const pg::Rows rows = spi.Execute(
      "SELECT pg_get_viewdef($1), (SELECT string_agg(format('%s=%L', split_part(o, '=', 1), "
      "  substr(o, strpos(o, '=') + 1)), ', ' ORDER BY n) "
      "  FROM pg_class c, unnest(c.reloptions) WITH ORDINALITY AS u (o, n) WHERE c.oid = $1)",
      {pg::Argument::ObjectId(view)});
  const std::optional<std::string> options = rows.Text(0, 2);
  std::string query = rows.Text(0, 1).value();
  if (query.back() == ';') query.pop_back();
  return fmt::format("{} {}{} AS{}{}", create, pg::QualifiedName(view),
                     options ? fmt::format(" WITH ({})", *options) : "",
                     query.front() == ' ' ? "" : " ", query);
}

// Each row is a statement, in this order.
void AppendRows(pg::Spi& spi, const char* query, Oid object, std::vector<std::string>* statements) {
  const pg::Rows rows = spi.Execute(query, {pg::Argument::ObjectId(object)});
  for (uint64_t row = 0; row < rows.size(); ++row)
    statements->push_back(rows.Text(row, 1).value());
}

constexpr const char* kDefaults =
    "SELECT format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', $1::regclass, a.attname, "
    "  pg_get_expr(d.adbin, d.adrelid)) "
    "FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
    "WHERE d.adrelid = $1 ORDER BY a.attnum";

// Neither triggers nor rules of a view can be disabled.
constexpr const char* kTriggers =
    "SELECT s.statement FROM pg_trigger t, obj_description(t.oid, 'pg_trigger') AS comment, "
    "  LATERAL (VALUES (1, pg_get_triggerdef(t.oid)), (2, 'COMMENT ON TRIGGER ' || "
    "    format('%I ON %s IS ', t.tgname, $1::regclass) || quote_literal(comment))) "
    "    AS s (step, statement) "
    "WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND s.statement IS NOT NULL "
    "ORDER BY t.tgname, s.step";

constexpr const char* kTriggerExtensions =
    "SELECT format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION %I', t.tgname, $1::regclass, "
    "  e.extname) "
    "FROM pg_trigger t JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid "
    "JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid "
    "WHERE t.tgrelid = $1 AND d.deptype = 'x' ORDER BY t.tgname, e.extname";

constexpr const char* kComments =
    "SELECT format(CASE d.objsubid WHEN 0 THEN 'COMMENT ON VIEW %1$s IS %3$L' "
    "  ELSE 'COMMENT ON COLUMN %1$s.%2$I IS %3$L' END, $1::regclass, a.attname, d.description) "
    "FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid "
    "  AND a.attnum = d.objsubid AND d.objsubid > 0 "
    "WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1 ORDER BY d.objsubid";

// Default privileges of whoever makes it would add to what it has: then they are taken away first.
// Without any, a view whose privileges nobody has touched needs nothing.
constexpr const char* kGrants =
    "WITH subject AS (SELECT c.oid, c.relowner, c.relacl, EXISTS (SELECT FROM pg_default_acl f "
    "    WHERE f.defaclrole = quote_ident(current_user)::regrole AND f.defaclobjtype = 'r' "
    "    AND f.defaclnamespace IN (0, c.relnamespace)) AS has_defaults "
    "  FROM pg_class c WHERE c.oid = $1), "
    "items AS (SELECT i.* FROM subject s, "
    "  aclexplode(coalesce(s.relacl, acldefault('r', s.relowner))) WITH ORDINALITY AS i), "
    "given AS (SELECT s.relowner AS grantee FROM subject s UNION SELECT 0 "
    "  UNION SELECT i.grantee FROM pg_default_acl f, aclexplode(f.defaclacl) i "
    "    WHERE f.defaclrole = quote_ident(current_user)::regrole AND f.defaclobjtype = 'r'), "
    "names AS (SELECT 0::oid AS oid, 'PUBLIC' AS name "
    "  UNION ALL SELECT oid, quote_ident(rolname) FROM pg_roles), "
    "touched AS (SELECT FROM subject s WHERE s.relacl IS NOT NULL OR s.has_defaults) "
    "SELECT statement FROM ("
    "  SELECT 0 AS attribute, 0 AS item, format('REVOKE ALL ON %s FROM %s', $1::regclass, "
    "    string_agg(n.name, ', ' ORDER BY n.oid)) AS statement "
    "  FROM given g JOIN names n ON n.oid = g.grantee, touched HAVING count(*) > 0 "
    "  UNION ALL SELECT 0, i.ordinality, format('GRANT %s ON %s TO %s%s', i.privilege_type, "
    "    $1::regclass, n.name, CASE WHEN i.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
    "  FROM items i JOIN names n ON n.oid = i.grantee, touched "
    "  UNION ALL SELECT a.attnum, i.ordinality, format('GRANT %s (%I) ON %s TO %s%s', "
    "    i.privilege_type, a.attname, $1::regclass, n.name, "
    "    CASE WHEN i.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
    "  FROM pg_attribute a, aclexplode(a.attacl) WITH ORDINALITY AS i "
    "  JOIN names n ON n.oid = i.grantee WHERE a.attrelid = $1 AND a.attnum > 0"
    ") AS s ORDER BY attribute, item";

constexpr const char* kRules =
    "SELECT s.statement FROM pg_rewrite r, obj_description(r.oid, 'pg_rewrite') AS comment, "
    "  LATERAL (VALUES (1, pg_get_ruledef(r.oid)), (2, 'COMMENT ON RULE ' || "
    "    format('%I ON %s IS ', r.rulename, $1::regclass) || quote_literal(comment))) "
    "    AS s (step, statement) "
    "WHERE r.ev_class = $1 AND r.ev_type <> '1' AND s.statement IS NOT NULL "
    "ORDER BY r.rulename, s.step";

constexpr const char* kObstacles =
    "SELECT format('%I granted privileges on it, who is not its owner', "
    "  pg_get_userbyid(i.grantor)) "
    "FROM pg_class c, aclexplode(c.relacl) i WHERE c.oid = $1 AND i.grantor <> c.relowner "
    "UNION SELECT format('%I granted privileges on its columns, who is not its owner', "
    "  pg_get_userbyid(i.grantor)) "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) i "
    "WHERE c.oid = $1 AND i.grantor <> c.relowner "
    "UNION SELECT 'it has a security label' FROM pg_seclabel "
    "WHERE classoid = 'pg_class'::regclass AND objoid = $1 "
    "UNION SELECT format('its owner %I may not create in schema %I', "
    "  pg_get_userbyid(c.relowner), n.nspname) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1 "
    "AND NOT has_schema_privilege(c.relowner, n.oid, 'CREATE') "
    "AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) "
    "AND c.relowner <> quote_ident(current_user)::regrole ORDER BY 1";

}  // namespace

std::string ReplaceViewStatement(Oid view) {
  pg::Spi spi;
  return CreateView(spi, view, "CREATE OR REPLACE VIEW");
}

std::vector<std::string> MakeViewStatements(Oid view) {
  pg::Spi spi;
  std::vector<std::string> statements{CreateView(spi, view, "CREATE VIEW")};
  AppendRows(spi, kDefaults, view, &statements);
  AppendRows(spi, kTriggers, view, &statements);
  AppendRows(spi, kTriggerExtensions, view, &statements);
  AppendRows(spi, kComments, view, &statements);
  const Oid owner = pg::OwnerOf(view);
  if (owner != GetUserId())
    statements.push_back(fmt::format("ALTER VIEW {} OWNER TO {}", pg::QualifiedName(view),
                                     pg::QuoteIdentifier(pg::RoleName(owner))));
  AppendRows(spi, kGrants, view, &statements);
  return statements;
}

std::vector<std::string> MakeRuleStatements(Oid view) {
  pg::Spi spi;
  std::vector<std::string> statements;
  AppendRows(spi, kRules, view, &statements);
  return statements;
}

std::string ReplaceRuleStatement(Oid rule) {
  pg::Spi spi;
  const std::string definition =
      spi.Execute("SELECT pg_get_ruledef($1)", {pg::Argument::ObjectId(rule)}).Text(0, 1).value();
  constexpr std::string_view kCreate = "CREATE RULE ";
  return "CREATE OR REPLACE RULE " + definition.substr(kCreate.size());
}

std::vector<std::string> ObstaclesToMaking(Oid view) {
  pg::Spi spi;
  std::vector<std::string> reasons;
  AppendRows(spi, kObstacles, view, &reasons);
  return reasons;
}

}  // namespace pg_cutover::swap
