// Whose rights a check has; see roles.hpp.
#include <fmt/format.h>

#include "validate/roles.hpp"

#include "pg/error.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

bool IsSuperuser(Oid role) {
  return pg::Call(superuser_arg, role);
}
bool Exists(Oid role) {
  return pg::Call(GetUserNameFromId, role, true) != nullptr;
}
bool MayBecome(Oid role, Oid other) {
  return pg::Call(is_member_of_role, role, other);
}

}  // namespace

Oid RoleFor(Oid creator, Oid source, Oid target) {
  if (!Exists(creator))
    pg::Raise(ERRCODE_UNDEFINED_OBJECT, "the role that added the check does not exist any more", {},
              "Let a superuser drop the check, and add it as another role.");
  if (!IsSuperuser(creator) || !OidIsValid(source)) return creator;
  const Oid first = pg::OwnerOf(source);
  const Oid second = OidIsValid(target) ? pg::OwnerOf(target) : first;
  if (IsSuperuser(first) && IsSuperuser(second)) return creator;
  // The one with fewer rights that has those of the other as well.
  if (!IsSuperuser(first) && MayBecome(first, second)) return first;
  if (!IsSuperuser(second) && MayBecome(second, first)) return second;
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "the tables of a check belong to roles of which neither may act for the other",
            fmt::format("{} belongs to \"{}\" and {} to \"{}\": code attached to the one would run "
                        "with the rights of the other.",
                        pg::QualifiedName(source), pg::RoleName(first), pg::QualifiedName(target),
                        pg::RoleName(second)),
            fmt::format("ALTER TABLE {} OWNER TO {}", pg::QualifiedName(target),
                        pg::QuoteIdentifier(pg::RoleName(first))));
}

void RequireMember(Oid role, const catalog::CheckRow& check) {
  if (MayBecome(GetUserId(), role)) return;
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("check \"{}\" belongs to role \"{}\"", check.name, pg::RoleName(role)),
            fmt::format("You act as \"{}\", who is not a member of it.", pg::RoleName(GetUserId())),
            "Call as that role, or as a member of it.");
}

CheckScope::CheckScope(Oid role, const std::string& search_path)
    : user_(role, SECURITY_RESTRICTED_OPERATION) {
  settings_.Set("row_security", "off");
  settings_.Set("transaction_read_only", "on");
  settings_.Set("search_path", search_path.c_str());
}

}  // namespace pg_cutover::validate
