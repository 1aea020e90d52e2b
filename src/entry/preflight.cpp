// migrate_preflight: puts together what the checks find and what a swap would do. Changes nothing.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "entry/swap_outlook.hpp"
#include "link/relation_checks.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/resource.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"
#include "validate/preflight.hpp"

namespace pg_cutover::entry {

namespace {

using validate::Finding;

validate::Obstacle ObstacleFrom(const pg::Error& error) {
  return {error.info().message, error.info().detail, error.info().hint};
}

// Errors of the server can come out of it as well as ours: only a subtransaction makes them
// answers.
template <class Body>
std::optional<pg::Error> Attempt(Body&& body) {
  std::optional<pg::Error> failure = pg::TryInSubtransaction(body);
  if (failure && failure->sqlstate() == ERRCODE_QUERY_CANCELED) throw std::move(*failure);
  return failure;
}

Finding Unknown(const char* check, const pg::Error& error) {
  return {check, {validate::Status::kUnknown, error.info().message, error.info().hint}};
}

std::optional<std::string> WhyNoSwap(const std::optional<catalog::LinkRow>& link, Oid source) {
  if (link) {
    if (link->dormant) return "they have changed places";
    if (!link->owner) return "the link fills only some columns of rows that another link makes";
    return link->sync_refusal;
  }
  const pg::OpenRelation relation(source, AccessShareLock);
  return link::CheckSource(relation.get());
}

// Throws on an error that is only of the moment: it is no reason why tables could not be swapped.
validate::SwapOutlook OutlookFor(const std::optional<catalog::LinkRow>& link, Oid source) {
  validate::SwapOutlook outlook;
  outlook.target_known = link.has_value();
  Outlook found;
  if (const std::optional<pg::Error> failure = validate::TryForRefusal([&] {
        outlook.pointless = WhyNoSwap(link, source);
        if (!outlook.pointless) found = link ? LookAhead(*link) : LookAheadWithoutTarget(source);
      }))
    outlook.impossible = ObstacleFrom(*failure);
  outlook.carried = std::move(found.carried);
  for (swap::Refusal& refusal : found.refusals)
    outlook.refused.push_back(
        {std::move(refusal.object), std::move(refusal.reason), std::move(refusal.hint)});
  return outlook;
}

// The link, stored or drafted, goes to `link`; none where there could be none.
Finding FindLink(Oid source, Oid target, std::optional<catalog::LinkRow>* link) {
  std::optional<Finding> finding;
  const std::optional<pg::Error> failure = Attempt([&] {
    const std::optional<pg::Error> refusal =
        validate::TryForRefusal([&] { *link = LinkOrDraft(source, target); });
    finding =
        validate::PreflightLink(*link, refusal ? ObstacleFrom(*refusal) : validate::Obstacle{});
  });
  return failure ? Unknown("link", *failure) : *finding;
}

std::vector<Finding> Preflight(Oid source, Oid target) {
  pg::RequireOwner(source);
  if (OidIsValid(target)) pg::RequireOwner(target);
  // For the whole call: what one check says is to be true when the next one looks.
  const pg::OpenRelation held_source(source, AccessShareLock);
  std::optional<pg::OpenRelation> held_target;
  if (OidIsValid(target)) held_target.emplace(target, AccessShareLock);

  const validate::Subject subject = {source, target, pg::QualifiedName(source)};
  std::vector<Finding> findings = validate::Preflight(subject);
  std::optional<catalog::LinkRow> link;
  if (OidIsValid(target)) {
    findings.push_back(FindLink(source, target, &link));
    if (!link) return findings;
  }
  std::vector<Finding> swap;
  if (const std::optional<pg::Error> failure =
          Attempt([&] { swap = validate::PreflightSwap(OutlookFor(link, source)); }))
    swap = {Unknown("dependents", *failure)};
  std::move(swap.begin(), swap.end(), std::back_inserter(findings));
  return findings;
}

void PutRow(FunctionCallInfo call, const Finding& finding) {
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  const bool no_hint = finding.answer.hint.empty();
  Datum values[4] = {pg::MakeText(finding.check), pg::MakeText(StatusName(finding.answer.status)),
                     pg::MakeText(finding.answer.details),
                     no_hint ? Datum{0} : pg::MakeText(finding.answer.hint)};
  pg::Section([&] {
    bool nulls[4] = {false, false, false, no_hint};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_preflight) {
  namespace entry = pg_cutover::entry;
  const entry::Arguments arguments(fcinfo);
  const Oid source = arguments.Relation(0, "source");
  const Oid target = arguments.IsNull(1) ? InvalidOid : arguments.Relation(1, "target");
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  for (const pg_cutover::validate::Finding& finding : entry::Preflight(source, target))
    entry::PutRow(fcinfo, finding);
  return Datum{0};
}
