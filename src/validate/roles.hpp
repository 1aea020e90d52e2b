// Whose rights a check has.
//
// A check belongs to the role that added it and runs with that role's rights, whoever starts the
// validation: its SQL must not run as a superuser because a superuser started it. Where a superuser
// adds a check of another role's table it runs as the table's owner, as jobs do: an owner can
// attach code to his table (to a constraint, an index, a view), and that code must not run as a
// superuser.
#pragma once

#include "catalog/validation_rows.hpp"
#include "pg/resource.hpp"
#include "validate/check.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::validate {

// The role that a check of these tables (either may be InvalidOid) runs as. Raises
// object_not_in_prerequisite_state where no one role can.
Oid RoleFor(Oid creator, Oid source, Oid target);

// Raises insufficient_privilege unless the current role is, or may become, that role.
void RequireMember(Oid role, const catalog::CheckRow& check);

// Around everything that a check evaluates: the role, in a restricted operation so that it cannot
// be left and nothing stays behind in the session; nothing can be written; row security is an error
// rather than a part of the rows; names mean what they meant to the role that added the check.
class CheckScope {
 public:
  CheckScope(Oid role, const std::string& search_path);

 private:
  pg::UserScope user_;
  pg::GucScope settings_;
};

}  // namespace pg_cutover::validate
