// Who may add to a migration; see migration.hpp.
#include <fmt/format.h>

#include "link/migration.hpp"

#include "catalog/migration_rows.hpp"
#include "catalog/subscription.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

void RequireMigrationMember(const std::string& migration, Oid owner) {
  if (pg::Call(is_member_of_role, GetUserId(), owner)) return;
  const std::string role = pg::RoleName(owner);
  if (pg::Call(GetUserNameFromId, owner, true) == nullptr)
    pg::Raise(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        fmt::format("migration \"{}\" belongs to a role that does not exist any more", migration),
        fmt::format("Its OID was {}.", role), "Call as a superuser, or name another migration.");
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("migration \"{}\" belongs to role \"{}\"", migration, role),
            fmt::format("You act as \"{}\", who is not a member of it.", pg::RoleName(GetUserId())),
            fmt::format("GRANT {} TO {}, or name another migration.", pg::QuoteIdentifier(role),
                        pg::QuoteIdentifier(pg::RoleName(GetUserId()))));
}

void JoinMigration(const std::string& migration) {
  if (migration.empty())
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "migration must not be empty", {},
              "Leave it out where there is none.");
  catalog::RequireOwnTables();
  // Asked once it is made: another role may have been a moment faster.
  RequireMigrationMember(migration, catalog::MakeMigration(migration, GetUserId()));
}

}  // namespace pg_cutover::link
