// Our tables in subscriptions; see subscription.hpp.
#include <fmt/format.h>

#include "catalog/scope.hpp"
#include "catalog/subscription.hpp"
#include "pg/text.hpp"

namespace pg_cutover::catalog {

std::optional<std::string> SubscriptionToOurTables() {
  Scope scope;
  const pg::Rows rows = scope.Query(
      "SELECT s.subname::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = "
      "r.srsubid JOIN pg_class c ON c.oid = r.srrelid WHERE c.relnamespace = "
      "'migrate'::regnamespace ORDER BY 1 LIMIT 1");
  if (rows.empty()) return std::nullopt;
  return rows.Text(0, 1);
}

void RequireOwnTables() {
  const std::optional<std::string> subscription = SubscriptionToOurTables();
  if (!subscription) return;
  const std::string name = pg::QuoteIdentifier(*subscription);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("subscription {} fills the tables of pg_cutover in this database", name),
            "Links and jobs that are made here would have the numbers of the publisher's, and stop "
            "the subscription.",
            fmt::format("Publish tables by name instead of FOR ALL TABLES, ALTER SUBSCRIPTION {} "
                        "REFRESH PUBLICATION, then drop and create the extension here.",
                        name));
}

}  // namespace pg_cutover::catalog
