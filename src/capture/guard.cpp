// The guard of a mirror: a statement trigger that rejects direct writes; see install.hpp.
#include <fmt/format.h>

#include "capture/install.hpp"
#include "capture/tables.hpp"
#include "catalog/scope.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

void InstallGuard(Oid mirror) {
  const std::string guard = pg::QuoteIdentifier(kGuardName);
  // A statement on a partition fires the triggers of that partition alone.
  for (const Oid member : TreeOf(mirror)) {
    if (FindTrigger(member, kGuardName)) continue;
    const std::string table = pg::QualifiedName(member);
    catalog::Scope scope;
    scope.Execute(
        fmt::format("CREATE TRIGGER {} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "
                    "{} FOR EACH STATEMENT EXECUTE FUNCTION migrate.guard()",
                    guard, table));
    // A subscription's or a restore's writes would make the mirror as wrong as anybody's.
    scope.Execute(fmt::format("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", table, guard));
  }
}

void RemoveGuard(Oid mirror) {
  for (const Oid member : TreeOf(mirror)) {
    if (!FindTrigger(member, kGuardName)) continue;
    catalog::Scope scope;
    scope.Execute(fmt::format("DROP TRIGGER {} ON {}", pg::QuoteIdentifier(kGuardName),
                              pg::QualifiedName(member)));
  }
}

bool HasGuard(Oid mirror) {
  return FindTrigger(mirror, kGuardName).has_value();
}

}  // namespace pg_cutover::capture
