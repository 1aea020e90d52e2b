// The checks of a migration; see checks.hpp.
#include <fmt/format.h>

#include "validate/checks.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/migration_rows.hpp"
#include "catalog/scope.hpp"
#include "catalog/validation_rows.hpp"
#include "link/migration.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "validate/read_only_query.hpp"
#include "validate/roles.hpp"

namespace pg_cutover::validate {

namespace {

std::string SearchPath() {
  return pg::Section([] { return GetConfigOption("search_path", false, false); });
}

void Record(const catalog::CheckRow& check, const std::string& message,
            const std::string& inverse) {
  catalog::Event event;
  event.kind = "validation";
  event.message = message;
  event.migration = check.migration;
  event.source = check.source;
  event.target = check.target;
  event.inverse = inverse;
  catalog::RecordEvent(event);
}

void RequireName(const std::string& value, const char* parameter) {
  if (!value.empty()) return;
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("{} must not be empty", parameter));
}

bool MayBecome(Oid role) {
  return pg::Call(is_member_of_role, GetUserId(), role);
}

// The call that makes the check again under any search_path: with its tables as they are called
// now, and everything else meaning what it meant to whoever added the check.
std::string AddCall(const catalog::CheckRow& check) {
  const auto name = [](Oid relation) -> std::optional<std::string> {
    if (!OidIsValid(relation) || pg::Call(get_rel_relkind, relation) == '\0') return std::nullopt;
    return pg::QualifiedName(relation);
  };
  pg::Spi spi;
  const std::string spec =
      spi.Query(
             "SELECT (s.spec OPERATOR(pg_catalog.||) pg_catalog.jsonb_strip_nulls("
             "  pg_catalog.jsonb_build_object('relation', CASE WHEN s.one THEN $2 END, "
             "    'source', CASE WHEN NOT s.one THEN $2 END, 'target', $3)))::pg_catalog.text "
             "  FROM (SELECT j.spec, j.spec OPERATOR(pg_catalog.?) 'relation' AS one "
             "          FROM (SELECT $1::pg_catalog.jsonb AS spec) AS j) AS s",
             {pg::Argument::Text(check.spec), pg::Argument::Text(name(check.source)),
              pg::Argument::Text(name(check.target))})
          .Text(0, 1)
          .value();
  return fmt::format(
      "SELECT {}.migrate_add_check({}, {}, {}, {}) FROM pg_catalog.set_config('search_path', {}, "
      "true)",
      catalog::ExtensionSchema(), pg::QuoteLiteral(check.migration), pg::QuoteLiteral(check.name),
      pg::QuoteLiteral(check.kind), pg::QuoteLiteral(spec), pg::QuoteLiteral(check.search_path));
}

}  // namespace

void AddCheck(const std::string& migration, const std::string& name, const std::string& kind_name,
              const std::string& spec_text) {
  RequireName(migration, "migration");
  RequireName(name, "name");
  const Kind& kind = FindKind(kind_name);
  const Spec spec(kind.shape(), spec_text);
  catalog::CheckRow row;
  row.migration = migration;
  row.name = name;
  row.kind = kind.name;
  row.spec = spec_text;
  row.source = spec.source();
  row.target = spec.target();
  row.search_path = SearchPath();
  row.created_by = GetUserId();
  const Oid role = RoleFor(row.created_by, row.source, row.target);
  if (kind.examine != nullptr) {
    const CheckScope scope(role, row.search_path);
    // Planning evaluates functions that are marked IMMUTABLE.
    const ReadOnlyScope read_only;
    kind.examine(spec);
    read_only.RequireNothingWritten("planning the check");
  }
  link::JoinMigration(migration);
  if (catalog::FindCheck(migration, name))
    pg::Raise(ERRCODE_DUPLICATE_OBJECT,
              fmt::format("migration \"{}\" has a check named \"{}\" already", migration, name), {},
              fmt::format("SELECT migrate_drop_check({}, {}) makes room for another one.",
                          pg::QuoteLiteral(migration), pg::QuoteLiteral(name)));
  catalog::InsertCheck(row);
  Record(row, fmt::format("check \"{}\" of kind {} was added", name, row.kind),
         fmt::format("SELECT migrate_drop_check({}, {})", pg::QuoteLiteral(migration),
                     pg::QuoteLiteral(name)));
}

void DropCheck(const std::string& migration, const std::string& name) {
  const std::optional<catalog::CheckRow> found = catalog::FindCheck(migration, name);
  const std::optional<Oid> owner = catalog::MigrationOwner(migration);
  // What checks there are, or are not, is told to nobody else.
  if (owner && !(found && MayBecome(found->created_by)))
    link::RequireMigrationMember(migration, *owner);
  if (!found) {
    std::string names;
    for (const catalog::CheckRow& check : catalog::ChecksOf(migration))
      names += (names.empty() ? "" : ", ") + check.name;
    pg::Raise(ERRCODE_UNDEFINED_OBJECT,
              fmt::format("migration \"{}\" has no check named \"{}\"", migration, name),
              names.empty() ? "It has no checks at all." : fmt::format("It has: {}.", names));
  }
  catalog::DeleteCheck(migration, name);
  Record(*found, fmt::format("check \"{}\" of kind {} was dropped", name, found->kind),
         AddCall(*found));
}

}  // namespace pg_cutover::validate
