// The checks of a migration; see checks.hpp.
#include <fmt/format.h>

#include "validate/checks.hpp"

#include "catalog/event_rows.hpp"
#include "catalog/validation_rows.hpp"
#include "pg/error.hpp"
#include "pg/text.hpp"
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

}  // namespace

void RequireMigrationMember(const std::string& migration, Oid owner) {
  if (MayBecome(owner)) return;
  const std::string role = pg::RoleName(owner);
  if (pg::Call(GetUserNameFromId, owner, true) == nullptr)
    pg::Raise(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        fmt::format("migration \"{}\" belongs to a role that does not exist any more", migration),
        fmt::format("Its OID was {}.", role),
        "Call as a superuser, or give the checks another migration.");
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("migration \"{}\" belongs to role \"{}\"", migration, role),
            fmt::format("You act as \"{}\", who is not a member of it.", pg::RoleName(GetUserId())),
            fmt::format("GRANT {} TO {}, or give your checks a migration of another name.",
                        pg::QuoteIdentifier(role), pg::QuoteIdentifier(pg::RoleName(GetUserId()))));
}

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
    kind.examine(spec);
  }
  RequireMigrationMember(migration, catalog::MakeMigration(migration, row.created_by));
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
  if (!found) {
    std::string names;
    for (const catalog::CheckRow& check : catalog::ChecksOf(migration))
      names += (names.empty() ? "" : ", ") + check.name;
    pg::Raise(ERRCODE_UNDEFINED_OBJECT,
              fmt::format("migration \"{}\" has no check named \"{}\"", migration, name),
              names.empty() ? "It has no checks at all." : fmt::format("It has: {}.", names));
  }
  const std::optional<Oid> owner = catalog::MigrationOwner(migration);
  if (!owner || !MayBecome(*owner)) RequireMember(found->created_by, *found);
  catalog::DeleteCheck(migration, name);
  Record(*found, fmt::format("check \"{}\" of kind {} was dropped", name, found->kind),
         fmt::format("SELECT migrate_add_check({}, {}, {}, {})", pg::QuoteLiteral(migration),
                     pg::QuoteLiteral(name), pg::QuoteLiteral(found->kind),
                     pg::QuoteLiteral(found->spec)));
}

}  // namespace pg_cutover::validate
