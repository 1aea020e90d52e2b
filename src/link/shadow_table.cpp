// The empty table that a shadow starts from; see shadow_table.hpp.
#include <fmt/format.h>

#include "link/shadow_table.hpp"

#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/ownership.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

std::string Qualified(const ShadowName& name) {
  const Oid schema = name.schema;
  return fmt::format("{}.{}", pg::QuoteIdentifier(pg::Call(get_namespace_name, schema)),
                     pg::QuoteIdentifier(name.name));
}

std::string CreateStatement(pg::Spi& spi, ::Relation source, const ShadowName& name) {
  const Oid id = RelationGetRelid(source);
  std::string statement = fmt::format(
      "CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES) USING {}", Qualified(name),
      pg::QualifiedName(id), pg::QuoteIdentifier(pg::Call(get_am_name, source->rd_rel->relam)));
  const pg::Rows options = spi.Execute(
      "SELECT p.prefix || quote_ident(o.option_name), o.option_value FROM pg_class c "
      "LEFT JOIN pg_class t ON t.oid = c.reltoastrelid "
      "CROSS JOIN LATERAL (VALUES ('', c.reloptions), ('toast.', t.reloptions)) AS p (prefix, "
      "options) "
      "CROSS JOIN LATERAL pg_options_to_table(p.options) AS o WHERE c.oid = $1",
      {pg::Argument::ObjectId(id)});
  std::string list;
  for (uint64_t row = 0; row < options.size(); ++row)
    list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", options.Text(row, 1).value(),
                        pg::QuoteLiteral(options.Text(row, 2).value_or("true")));
  if (!list.empty()) statement += fmt::format(" WITH ({})", list);
  // Spelled out also for the database's default: default_tablespace must not decide.
  const pg::Rows tablespace = spi.Execute(
      "SELECT t.spcname FROM pg_tablespace t JOIN pg_database d ON d.datname = current_database() "
      "WHERE t.oid = coalesce(nullif($1, 0::oid), d.dattablespace)",
      {pg::Argument::ObjectId(source->rd_rel->reltablespace)});
  return statement + " TABLESPACE " + pg::QuoteIdentifier(tablespace.Text(0, 1).value());
}

// What LIKE leaves out. Of the column options only those that users set: the server keeps versions
// of its own among them.
void CopySettings(pg::Spi& spi, Oid source, const std::string& shadow) {
  const pg::Rows columns = spi.Execute(
      "SELECT quote_ident(a.attname), CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::integer "
      "END, "
      "  (SELECT string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), "
      "', ') "
      "     FROM pg_options_to_table(a.attoptions) AS o "
      "    WHERE o.option_name IN ('n_distinct', 'n_distinct_inherited')) "
      "FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped "
      "  AND (a.attstattarget >= 0 OR a.attoptions IS NOT NULL) ORDER BY a.attnum",
      {pg::Argument::ObjectId(source)});
  for (uint64_t row = 0; row < columns.size(); ++row) {
    const std::string column =
        fmt::format("ALTER TABLE {} ALTER COLUMN {} SET ", shadow, columns.Text(row, 1).value());
    if (const auto target = columns.Int4(row, 2))
      spi.Execute(fmt::format("{}STATISTICS {}", column, *target));
    if (const auto options = columns.Text(row, 3))
      spi.Execute(fmt::format("{}({})", column, *options));
  }
  const pg::Rows comment =
      spi.Execute("SELECT obj_description($1, 'pg_class')", {pg::Argument::ObjectId(source)});
  if (const auto text = comment.Text(0, 1))
    spi.Execute(fmt::format("COMMENT ON TABLE {} IS {}", shadow, pg::QuoteLiteral(*text)));
}

void RequireCreate(Oid schema, Oid role) {
  if (pg::Call(pg::compat::SchemaAclCheck, schema, role, static_cast<AclMode>(ACL_CREATE)) ==
      ACLCHECK_OK)
    return;
  const std::string name = pg::QuoteIdentifier(pg::Call(get_namespace_name, schema));
  const std::string grantee = pg::RoleName(role);
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, fmt::format("permission denied for schema {}", name),
            fmt::format("Role \"{}\" may not create tables there.", grantee),
            fmt::format("GRANT CREATE ON SCHEMA {} TO {}.", name, pg::QuoteIdentifier(grantee)));
}

}  // namespace

ShadowName ParseShadowName(const std::string& text, Oid source) {
  const char* const given = text.c_str();
  struct Parts {
    const char* catalog;
    const char* schema;
    const char* relation;
  };
  const Parts parts = pg::Section([=] {
    const RangeVar* const parsed =
        makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(given)));
    return Parts{parsed->catalogname, parsed->schemaname, parsed->relname};
  });
  if (parts.catalog != nullptr)
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              fmt::format("the name of the target must not contain a database: {}", text));
  ShadowName shadow;
  shadow.name = parts.relation;
  shadow.schema = pg::Section([=] {
    return parts.schema == nullptr ? get_rel_namespace(source)
                                   : get_namespace_oid(parts.schema, false);
  });
  RequireCreate(shadow.schema, GetUserId());
  RequireCreate(shadow.schema, pg::OwnerOf(source));
  if (pg::Call(get_relname_relid, parts.relation, shadow.schema) != InvalidOid)
    pg::Raise(ERRCODE_DUPLICATE_TABLE, fmt::format("{} already exists", Qualified(shadow)), {},
              "Give another name, or link to the existing table with migrate_link(...).");
  return shadow;
}

Oid CreateLike(::Relation source, const ShadowName& name) {
  const CanonicalSettings settings;
  const Oid id = RelationGetRelid(source);
  const std::string shadow = Qualified(name);
  pg::Spi spi;
  spi.Execute(CreateStatement(spi, source, name));
  CopySettings(spi, id, shadow);
  const char* const bare = name.name.c_str();
  const Oid schema = name.schema;
  return pg::Section([=] { return get_relname_relid(bare, schema); });
}

}  // namespace pg_cutover::link
