// The two sides of a check that compares tables; see sides.hpp.
#include <fmt/format.h>

#include "validate/sides.hpp"

#include "catalog/link_rows.hpp"
#include "validate/reader.hpp"

namespace pg_cutover::validate {

std::optional<std::string> SourceCondition(const Spec& spec) {
  if (const std::optional<std::string> filter = spec.Text("filter"))
    return Condition(spec.source(), *filter, "filter");
  if (!spec.has_target()) return std::nullopt;
  const std::optional<catalog::LinkRow> link = catalog::FindLink(spec.source(), spec.target());
  return link ? link->source_filter : std::nullopt;
}

std::optional<std::string> TargetCondition(const Spec& spec) {
  const std::optional<std::string> filter = spec.Text("target_filter");
  if (!filter) return std::nullopt;
  if (!spec.has_target())
    spec.Refuse("target_filter", "needs a target", "For one relation, write \"filter\".");
  return Condition(spec.target(), *filter, "target_filter");
}

std::string Where(const std::optional<std::string>& condition) {
  return condition ? fmt::format(" WHERE ({})", *condition) : std::string();
}

}  // namespace pg_cutover::validate
