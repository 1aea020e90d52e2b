// What a swap would do with all that hangs on the source; see preflight.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "validate/preflight.hpp"

#include "capture/preconditions.hpp"
#include "catalog/capture_rows.hpp"

namespace pg_cutover::validate {

namespace {

constexpr const char* kDependents = "dependents";

std::string Text(const Obstacle& obstacle) {
  return obstacle.reason.empty() ? obstacle.object
                                 : fmt::format("{}: {}", obstacle.object, obstacle.reason);
}

Finding Refused(const Obstacle& obstacle) {
  return {kDependents, {Status::kRefused, Text(obstacle), obstacle.hint}};
}

// What one look at an object finds carried over, another may refuse.
std::vector<std::string> Carried(const SwapOutlook& outlook) {
  std::vector<std::string> carried;
  for (const std::string& object : outlook.carried)
    if (std::none_of(outlook.refused.begin(), outlook.refused.end(),
                     [&](const Obstacle& refused) { return refused.object == object; }))
      carried.push_back(object);
  return carried;
}

}  // namespace

std::vector<Finding> PreflightSwap(const SwapOutlook& outlook) {
  if (outlook.pointless)
    return {{kDependents,
             {Status::kUnknown,
              "not looked at: the tables cannot change places, as " + *outlook.pointless,
              {}}}};
  std::vector<Finding> findings;
  if (outlook.impossible) findings.push_back(Refused(*outlook.impossible));
  for (const Obstacle& refused : outlook.refused)
    findings.push_back(Refused(refused));
  if (outlook.impossible) return findings;
  const std::vector<std::string> carried = Carried(outlook);
  std::string details = carried.empty() ? std::string("nothing has to be carried over by a swap")
                                        : fmt::format("a swap carries over {}: {}", carried.size(),
                                                      fmt::join(carried, "; "));
  if (!outlook.target_known)
    details += "; grants, policies, options and the like depend on the target";
  findings.push_back({kDependents, {Status::kOk, std::move(details), {}}});
  return findings;
}

Finding PreflightLink(const std::optional<catalog::LinkRow>& link, const Obstacle& obstacle) {
  constexpr const char* kLink = "link";
  if (!link) return {kLink, {Status::kRefused, Text(obstacle), obstacle.hint}};
  const std::string which =
      link->id == 0 ? std::string("columns can be mapped by their names; no link is made yet")
                    : fmt::format("link {} exists", link->id);
  if (link->dormant)
    return {kLink,
            {Status::kWarning, which + "; the tables have changed places",
             "SELECT migrate_revert(...)"}};
  const std::optional<catalog::CaptureRow> capture =
      link->id == 0 ? std::nullopt : catalog::FindCapture(link->id);
  if (capture && capture->broken)
    return {kLink,
            {Status::kWarning,
             fmt::format("{}; dual-write is on, but broken: {}", which, *capture->broken),
             "See the runbook, \"A link is broken\"."}};
  if (capture)
    return {kLink,
            {Status::kOk,
             fmt::format("{}; dual-write is on{}", which,
                         capture->complete_xid ? ", the target is complete" : ""),
             {}}};
  const std::optional<pg::Error> failure =
      TryForRefusal([&] { capture::RequireCapturable(*link, capture::Moment::kBeforeCopy); });
  if (!failure) return {kLink, {Status::kOk, which + "; the target can be kept in step", {}}};
  Answer answer = Refusal(*failure);
  answer.details = fmt::format("{}; {}", which, answer.details);
  return {kLink, std::move(answer)};
}

}  // namespace pg_cutover::validate
