// Who may do what to a table; see ownership.hpp.
#include <fmt/format.h>

#include "pg/ownership.hpp"

#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::pg {

void RequireOwner(Oid relation) {
  if (Call(compat::RelationOwnerCheck, relation, GetUserId())) return;
  Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
        fmt::format("must be owner of relation {}", QualifiedName(relation)),
        fmt::format("It belongs to role \"{}\", you act as \"{}\".", RoleName(OwnerOf(relation)),
                    RoleName(GetUserId())),
        "Call as the owner, or as a member of the owning role.");
}

void RequireReadable(Oid relation) {
  if (Section([=] { return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT); }) != ACLCHECK_OK)
    Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
          fmt::format("permission denied for relation {}", QualifiedName(relation)),
          fmt::format("Role \"{}\" may not SELECT from it.", RoleName(GetUserId())),
          fmt::format("GRANT SELECT ON {} TO {}.", QualifiedName(relation),
                      QuoteIdentifier(RoleName(GetUserId()))));
  if (Call(check_enable_rls, relation, GetUserId(), true) == RLS_ENABLED)
    Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
          fmt::format("row security would hide rows of {}", QualifiedName(relation)),
          fmt::format("Its policies apply to role \"{}\".", RoleName(GetUserId())),
          "Call as a role with BYPASSRLS, or as the owner of a table without FORCE ROW LEVEL "
          "SECURITY.");
}

Oid OwnerOf(Oid relation) {
  return Section([=]() -> Oid {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
  });
}

}  // namespace pg_cutover::pg
