// What a swap would carry over or refuse; see swap_outlook.hpp.
#include "entry/swap_outlook.hpp"

#include "link/create.hpp"
#include "pg/ownership.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/pair.hpp"

namespace pg_cutover::entry {

catalog::LinkRow LinkOrDraft(Oid source, Oid target) {
  pg::RequireOwner(source);
  pg::RequireOwner(target);
  if (std::optional<catalog::LinkRow> found = catalog::FindLink(source, target)) return *found;
  link::Request request;
  request.source = source;
  request.target = target;
  request.allow_unsyncable = true;
  return link::Draft(request);
}

Outlook LookAhead(const catalog::LinkRow& link) {
  const swap::Pair pair = swap::LoadPair(link, std::nullopt);
  std::vector<catalog::DeferredObject> ignored;
  swap::Dependents dependents = swap::FindDependents(pair, false, {}, &ignored);
  return {std::move(dependents.carried), std::move(dependents.refusals)};
}

// The table as its own mirror: whatever the mirror would need, this one has.
Outlook LookAheadWithoutTarget(Oid source) {
  catalog::LinkRow link;
  link.source = source;
  link.target = source;
  {
    pg::Spi spi;
    const pg::Rows rows = spi.Query(
        "SELECT a.attname::text FROM pg_catalog.pg_attribute a "
        " WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0 "
        "   AND NOT a.attisdropped AND a.attgenerated OPERATOR(pg_catalog.=) ''",
        {pg::Argument::ObjectId(source)});
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const std::string column = rows.Text(row, 1).value();
      link.mapping.push_back({column, "source." + pg::QuoteIdentifier(column)});
    }
  }
  Outlook outlook = LookAhead(link);
  // Said once of the table and once of its mirror.
  std::vector<swap::Refusal> once;
  for (swap::Refusal& refusal : outlook.refusals) {
    bool known = false;
    for (const swap::Refusal& other : once)
      known = known || (other.object == refusal.object && other.reason == refusal.reason);
    if (!known) once.push_back(std::move(refusal));
  }
  outlook.refusals = std::move(once);
  return outlook;
}

}  // namespace pg_cutover::entry
