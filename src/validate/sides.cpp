// The two sides of a check that compares tables; see sides.hpp.
#include <fmt/format.h>

#include "validate/sides.hpp"

#include "pg/text.hpp"
#include "validate/reader.hpp"

namespace pg_cutover::validate {

namespace {

compare::Sides WithoutLink(const Spec& spec) {
  compare::Sides sides;
  sides.source = spec.source();
  sides.target = spec.target();
  sides.source_rows = fmt::format("FROM {} AS source WHERE true", pg::QualifiedName(spec.source()));
  sides.target_rows = fmt::format("FROM {} AS target WHERE true", pg::QualifiedName(spec.target()));
  return sides;
}

}  // namespace

Filters FiltersOf(const Spec& spec) {
  Filters filters;
  if (const std::optional<std::string> filter = spec.Text("filter"))
    filters.source = Condition(spec.source(), *filter, "filter");
  const std::optional<std::string> filter = spec.Text("target_filter");
  if (!filter) return filters;
  if (!spec.has_target())
    spec.Refuse("target_filter", "needs a target", "For one relation, write \"filter\".");
  filters.target = Condition(spec.target(), *filter, "target_filter", "target");
  return filters;
}

compare::Sides SidesOf(const Spec& spec, const Filters& filters) {
  compare::Sides sides = catalog::FindLink(spec.source(), spec.target())
                             ? compare::LoadSides(spec.source(), spec.target())
                             : WithoutLink(spec);
  if (filters.source) sides.source_rows += fmt::format(" AND ({})", *filters.source);
  if (filters.target) sides.target_rows += fmt::format(" AND ({})", *filters.target);
  return sides;
}

std::string Where(const std::optional<std::string>& condition) {
  return condition ? fmt::format(" WHERE ({})", *condition) : std::string();
}

}  // namespace pg_cutover::validate
