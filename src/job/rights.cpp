// Whose rights a job has; see rights.hpp.
#include <fmt/format.h>

#include "job/rights.hpp"
#include "link/dropped.hpp"
#include "pg/call.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"

namespace pg_cutover::job {

namespace {

struct RoleFacts {
  bool exists;
  bool may_login;
};

RoleFacts FactsOf(Oid role) {
  return pg::Section([=]() -> RoleFacts {
    const HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
    if (!HeapTupleIsValid(tuple)) return {false, false};
    const bool may_login = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
    ReleaseSysCache(tuple);
    return {true, may_login};
  });
}

bool IsSuperuser(Oid role) {
  return pg::Call(superuser_arg, role);
}
bool MayConnect(Oid role) {
  return pg::Section([=] {
    return DatumGetBool(DirectFunctionCall3(has_database_privilege_id_id, ObjectIdGetDatum(role),
                                            ObjectIdGetDatum(MyDatabaseId),
                                            CStringGetTextDatum("CONNECT")));
  });
}
bool MayBecome(Oid role, Oid other) {
  return pg::Call(is_member_of_role, role, other);
}
bool MaySelect(Oid relation, Oid role) {
  return pg::Call(pg_class_aclcheck, relation, role, static_cast<AclMode>(ACL_SELECT)) ==
         ACLCHECK_OK;
}
bool Owns(Oid role, Oid relation) {
  return pg::Call(pg::compat::RelationOwnerCheck, relation, role);
}

std::string Quoted(Oid role) {
  return fmt::format("\"{}\"", pg::RoleName(role));
}

// Where a superuser asks: the owner whose code might run, or InvalidOid where all owners are
// superusers themselves.
Oid OwnerToBecome(Oid source, Oid target) {
  const Oid source_owner = OidIsValid(source) ? pg::OwnerOf(source) : InvalidOid;
  const Oid target_owner = OidIsValid(target) ? pg::OwnerOf(target) : source_owner;
  const bool trusted_source = !OidIsValid(source_owner) || IsSuperuser(source_owner);
  const bool trusted_target = !OidIsValid(target_owner) || IsSuperuser(target_owner);
  if (trusted_source && trusted_target) return InvalidOid;
  if (trusted_target)
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("a job cannot act for superuser {} on a table of role {}", Quoted(target_owner),
                    Quoted(source_owner)),
        fmt::format("{} belongs to {} and {} to {}: code attached to the one would run with the "
                    "rights of the other.",
                    pg::QualifiedName(source), Quoted(source_owner), pg::QualifiedName(target),
                    Quoted(target_owner)),
        fmt::format("ALTER TABLE {} OWNER TO {}", pg::QualifiedName(target),
                    pg::QuoteIdentifier(pg::RoleName(source_owner))));
  if (source_owner != target_owner && OidIsValid(source_owner) && !MaySelect(source, target_owner))
    pg::Raise(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        fmt::format("role {} may not read {}", Quoted(target_owner), pg::QualifiedName(source)),
        fmt::format("The job of a superuser on other roles' tables runs as {}, the owner of {}.",
                    Quoted(target_owner), pg::QualifiedName(target)),
        fmt::format("GRANT SELECT ON {} TO {}", pg::QualifiedName(source),
                    pg::QuoteIdentifier(pg::RoleName(target_owner))));
  return target_owner;
}

std::string LoginHint(Oid role) {
  return fmt::format("ALTER ROLE {} LOGIN", pg::QuoteIdentifier(pg::RoleName(role)));
}

void RequireLogin(Oid role, Oid target) {
  if (!FactsOf(role).may_login)
    pg::Raise(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        fmt::format("role {} is not permitted to log in", Quoted(role)),
        OidIsValid(target) && role == pg::OwnerOf(target)
            ? fmt::format("A job on {} has to connect as its owner.", pg::QualifiedName(target))
            : std::string("The workers of a job connect as the role that created it."),
        LoginHint(role) + ", or let the table belong to a role that may log in.");
  if (!MayConnect(role))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("role {} may not connect to this database", Quoted(role)),
              "The workers of a job connect as it.",
              fmt::format("GRANT CONNECT ON DATABASE ... TO {}",
                          pg::QuoteIdentifier(pg::RoleName(role))));
}

pg::ErrorInfo Problem(int sqlstate, std::string message, std::string detail, std::string hint) {
  return {sqlstate, std::move(message), std::move(detail), std::move(hint), {}};
}

std::optional<pg::ErrorInfo> RoleProblem(const catalog::JobRow& job) {
  const std::string resume = fmt::format("then SELECT migrate_resume({})", job.id);
  for (const Oid role : {job.login_role, job.effective_role})
    if (!FactsOf(role).exists)
      return Problem(ERRCODE_UNDEFINED_OBJECT,
                     fmt::format("the role with OID {} that job {} runs as does not exist any more",
                                 role, job.id),
                     "What the job has done so far stays.",
                     fmt::format("SELECT migrate_cancel({}), then ask for the job again as another "
                                 "role.",
                                 job.id));
  if (!FactsOf(job.login_role).may_login)
    return Problem(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                   fmt::format("role {} is not permitted to log in", Quoted(job.login_role)),
                   fmt::format("The workers of job {} connect as it.", job.id),
                   fmt::format("{}, {}.", LoginHint(job.login_role), resume));
  if (!MayConnect(job.login_role))
    return Problem(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                   fmt::format("role {} may not connect to this database", Quoted(job.login_role)),
                   fmt::format("The workers of job {} connect as it.", job.id),
                   fmt::format("GRANT it CONNECT on the database, {}.", resume));
  if (!MayBecome(job.login_role, job.effective_role))
    return Problem(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        fmt::format("role {} may not become role {} any more", Quoted(job.login_role),
                    Quoted(job.effective_role)),
        fmt::format("The workers of job {} connect as the one and act as the other.", job.id),
        fmt::format("GRANT {} TO {}, {}.", pg::QuoteIdentifier(pg::RoleName(job.effective_role)),
                    pg::QuoteIdentifier(pg::RoleName(job.login_role)), resume));
  return std::nullopt;
}

std::optional<pg::ErrorInfo> TableProblem(const catalog::JobRow& job, Oid relation) {
  if (!OidIsValid(relation)) return std::nullopt;
  const Oid owner = pg::OwnerOf(relation);
  if (IsSuperuser(job.effective_role)) {
    if (IsSuperuser(owner)) return std::nullopt;
    return Problem(ERRCODE_INSUFFICIENT_PRIVILEGE,
                   fmt::format("job {} cannot act for superuser {} on a table of role {}", job.id,
                               Quoted(job.effective_role), Quoted(owner)),
                   fmt::format("{} belongs to that role now, and its owner can attach code to it.",
                               pg::QualifiedName(relation)),
                   fmt::format("SELECT migrate_cancel({}), then ask for the job again.", job.id));
  }
  if (Owns(job.effective_role, relation)) return std::nullopt;
  if (relation == job.source && relation != job.target && MaySelect(relation, job.effective_role))
    return std::nullopt;
  return Problem(ERRCODE_INSUFFICIENT_PRIVILEGE,
                 fmt::format("role {} does not own {} any more", Quoted(job.effective_role),
                             pg::QualifiedName(relation)),
                 fmt::format("It belongs to role {}; job {} acts as {}.", Quoted(owner), job.id,
                             Quoted(job.effective_role)),
                 fmt::format("Give the right back, then SELECT migrate_resume({}).", job.id));
}

}  // namespace

Roles ChooseRoles(Oid source, Oid target) {
  Roles roles{GetSessionUserId(), GetUserId()};
  if (IsSuperuser(roles.effective)) {
    const Oid owner = OwnerToBecome(source, target);
    if (OidIsValid(owner)) roles = {owner, owner};
  }
  // In a SECURITY DEFINER function the session's role may not be allowed to become the definer.
  if (!MayBecome(roles.login, roles.effective)) roles.login = roles.effective;
  RequireLogin(roles.login, target);
  return roles;
}

std::optional<pg::ErrorInfo> DroppedTableOf(const catalog::JobRow& job) {
  for (const Oid relation : {job.source, job.target})
    if (std::optional<pg::ErrorInfo> dropped = link::Dropped(relation)) {
      if (dropped->hint.empty())
        dropped->hint = fmt::format("SELECT migrate_cancel({}) ends the job.", job.id);
      return dropped;
    }
  return std::nullopt;
}

std::optional<pg::ErrorInfo> RightsProblem(const catalog::JobRow& job) {
  if (std::optional<pg::ErrorInfo> problem = RoleProblem(job)) return problem;
  if (std::optional<pg::ErrorInfo> problem = DroppedTableOf(job)) return problem;
  if (std::optional<pg::ErrorInfo> problem = TableProblem(job, job.source)) return problem;
  return TableProblem(job, job.target);
}

bool MayControl(const catalog::JobRow& job) {
  return pg::Call(superuser) || pg::Call(has_privs_of_role, GetUserId(), job.effective_role);
}

void RequireControl(const catalog::JobRow& job) {
  if (MayControl(job)) return;
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, fmt::format("permission denied for job {}", job.id),
            fmt::format("It runs as role {}, you act as {}.", Quoted(job.effective_role),
                        Quoted(GetUserId())),
            "Call as that role, or as a member of it.");
}

}  // namespace pg_cutover::job
