// Checks before a swap; see cutover_checks.hpp.
#include <fmt/format.h>

#include "entry/cutover_checks.hpp"
#include "job/rights.hpp"
#include "link/expression.hpp"
#include "link/inverse.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/dependents.hpp"
#include "swap/gate.hpp"
#include "swap/late_objects.hpp"
#include "swap/lock_pair.hpp"
#include "swap/object_pairs.hpp"
#include "swap/pair.hpp"

namespace pg_cutover::entry {

namespace {

void RequireCreate(Oid table, Oid role) {
  const Oid schema = pg::Call(get_rel_namespace, table);
  const AclMode create = ACL_CREATE;
  if (pg::Call(pg::compat::SchemaAclCheck, schema, role, create) == ACLCHECK_OK) return;
  const std::string name =
      pg::QuoteIdentifier(pg::Section([=]() -> const char* { return get_namespace_name(schema); }));
  pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
            fmt::format("role \"{}\" may not rename tables in schema {}", pg::RoleName(role), name),
            {},
            fmt::format("GRANT CREATE ON SCHEMA {} TO {}", name,
                        pg::QuoteIdentifier(pg::RoleName(role))));
}

// Old columns as the user computes them, in words that mean the same to a worker.
std::string Canonical(Datum given, const catalog::LinkRow& inverse) {
  if (given == 0) return "{}";
  std::vector<std::string> columns;
  std::vector<std::string> expressions;
  for (const auto& [column, expression] : pg::ObjectEntries(given, "reverse_columns"))
    for (const catalog::MappedColumn& mapped : inverse.mapping) {
      if (mapped.column != column) continue;
      columns.push_back(mapped.column);
      expressions.push_back(mapped.expression);
    }
  pg::Spi spi;
  return spi
      .Execute("SELECT coalesce(pg_catalog.jsonb_object($1, $2), '{}')::pg_catalog.text",
               {pg::Argument::TextArray(columns), pg::Argument::TextArray(expressions)})
      .Text(0, 1)
      .value();
}

}  // namespace

void RequireCarriedOver(const catalog::LinkRow& link,
                        const std::optional<std::string>& retired_name,
                        const std::vector<catalog::RenamedPair>& reverted) {
  const Oid role = job::ChooseRoles(link.source, link.target).effective;
  RequireCreate(link.source, role);
  const link::CanonicalSettings settings;
  const pg::UserScope acting(role, 0);
  const swap::Pair pair = swap::LoadPair(link, retired_name);
  swap::RequireNothingLate(pair);
  if (swap::TakesBack(pair))
    if (const std::vector<std::string> late = swap::LateObjects(pair); !late.empty())
      pg::Notice(
          fmt::format("{} has got what {} lacks since the cutover", pair.Live(), pair.Mirror()),
          fmt::format("{}: they stay with the table that steps aside, {}.", fmt::join(late, ", "),
                      pg::QuoteIdentifier(pair.retired_name)),
          fmt::format("Make the same on {} if the table that comes back needs it.", pair.Mirror()));
  std::vector<catalog::DeferredObject> ignored;
  swap::RequireCarried(pair, swap::FindDependents(pair, false, reverted, &ignored));
}

void RequireSwappable(const catalog::LinkRow& link) {
  const link::CanonicalSettings settings;
  swap::RequireReady(link);
  swap::RequireNoForgottenTransaction(swap::LockOrder(link.source, link.target, {}));
}

std::string RequireInverse(const catalog::LinkRow& link, Datum given, const char* hint) {
  const link::Inverse inverse = link::Invert(link, given);
  if (inverse.obstacles.empty()) return Canonical(given, inverse.link);
  pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
            fmt::format("rows of {} cannot be turned back into rows of {}",
                        pg::QualifiedName(link.target), pg::QualifiedName(link.source)),
            fmt::format("{}.", fmt::join(inverse.obstacles, "; ")), hint);
}

}  // namespace pg_cutover::entry
