// The parts of AddProperties, one file each; see dependents.hpp.
//
// All take the Pair as it is now (object_pairs.hpp) and append refusals, what is carried, and
// statements; the caller throws the statements away where definitions are not to be deparsed. What
// is equal already makes no statement, so that a swap back finds nothing to do. They run under
// CanonicalSettings of the caller.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "swap/dependents.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::swap {

// The mirror's owner, and comments on table and columns.
void AddOwner(const Pair& pair, Dependents* dependents);
void AddComments(const Pair& pair, Dependents* dependents);
// Table and column privileges. SQL can grant in the owner's name only: what another role granted
// with a grant option of its own is granted by the owner instead.
void AddGrants(const Pair& pair, Dependents* dependents);
// The privileges on `mirror` become those on `live`; `called` is what it is called when the
// statements run, with its kind: "SEQUENCE public.s". `kind` as for acldefault: r, s.
std::vector<std::string> GrantStatements(Oid live, Oid mirror, char kind,
                                         const std::string& called);
void AddPolicies(const Pair& pair, Dependents* dependents);
void AddReplicaIdentity(const Pair& pair, Dependents* dependents);
void AddPublications(const Pair& pair, Dependents* dependents);
// Storage parameters, column storage, compression, statistics targets, cluster mark: what the
// mirror does not set itself, which it may have been made for.
void AddStorage(const Pair& pair, Dependents* dependents);

// nullopt makes IS NULL.
std::string CommentStatement(const std::string& object, const std::optional<std::string>& comment);

}  // namespace pg_cutover::swap
