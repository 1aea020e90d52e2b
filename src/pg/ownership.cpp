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
