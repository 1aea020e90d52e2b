// Building what was deferred; see deferred.hpp.
#include <string_view>

#include <fmt/format.h>

#include "link/deferred.hpp"

#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

using catalog::DeferredKind;
using catalog::DeferredObject;

constexpr std::string_view kCreateIndex = "CREATE INDEX ";
constexpr std::string_view kCreateUniqueIndex = "CREATE UNIQUE INDEX ";
constexpr std::string_view kDropConcurrently = "DROP INDEX CONCURRENTLY ";
constexpr std::string_view kConcurrently = "CONCURRENTLY ";
constexpr std::string_view kNotValid = " NOT VALID";

std::string IndexStatement(const std::string& definition, bool concurrently) {
  if (!concurrently) return definition;
  const std::string_view head =
      definition.starts_with(kCreateUniqueIndex) ? kCreateUniqueIndex : kCreateIndex;
  return fmt::format("{}{}{}", head, kConcurrently, definition.substr(head.size()));
}

std::string Alter(const catalog::LinkRow& link, std::string_view action) {
  return fmt::format("ALTER TABLE {} {}", pg::QualifiedName(link.target), action);
}

std::string AddConstraint(const catalog::LinkRow& link, const DeferredObject& object,
                          std::string_view clause) {
  return Alter(link, fmt::format("ADD CONSTRAINT {} {}", pg::QuoteIdentifier(object.name), clause));
}

bool StaysNotValid(const DeferredObject& object) {
  return object.definition.ends_with(kNotValid);
}

// The statements that make the object, without `afterwards`.
std::vector<std::string> Core(const catalog::LinkRow& link, const DeferredObject& object,
                              bool concurrently) {
  switch (object.kind) {
    case DeferredKind::kIndex:
      return {IndexStatement(object.definition, concurrently)};
    case DeferredKind::kConstraint:
      if (!object.index_name) return {AddConstraint(link, object, object.definition)};
      return {IndexStatement(object.definition, concurrently),
              AddConstraint(link, object, object.constraint_clause.value())};
    case DeferredKind::kForeignKey:
      if (StaysNotValid(object)) return {AddConstraint(link, object, object.definition)};
      return {AddConstraint(link, object, fmt::format("{}{}", object.definition, kNotValid)),
              Alter(link, "VALIDATE CONSTRAINT " + pg::QuoteIdentifier(object.name))};
    case DeferredKind::kTrigger:
      return {object.definition};
  }
  return {};
}

const std::string& IndexName(const DeferredObject& object) {
  return object.index_name ? *object.index_name : object.name;
}

std::string QualifiedIndex(const catalog::LinkRow& link, const DeferredObject& object) {
  return fmt::format("{}.{}", pg::QuoteIdentifier(pg::Section([&] {
                       return get_namespace_name(get_rel_namespace(link.target));
                     })),
                     pg::QuoteIdentifier(IndexName(object)));
}

BuildState IndexState(const catalog::LinkRow& link, const std::string& name) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT i.indisvalid AND i.indisready FROM pg_catalog.pg_index i "
      "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid "
      "WHERE i.indrelid OPERATOR(pg_catalog.=) $1 "
      "AND c.relname OPERATOR(pg_catalog.=) $2::pg_catalog.name",
      {pg::Argument::ObjectId(link.target), pg::Argument::Text(name)});
  if (rows.empty()) return BuildState::kAbsent;
  return rows.Bool(0, 1).value() ? BuildState::kBuilt : BuildState::kInvalid;
}

// nullopt when there is no such constraint, else whether it is validated.
std::optional<bool> ConstraintState(const catalog::LinkRow& link, const std::string& name) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT convalidated FROM pg_catalog.pg_constraint "
      "WHERE conrelid OPERATOR(pg_catalog.=) $1 "
      "AND conname OPERATOR(pg_catalog.=) $2::pg_catalog.name",
      {pg::Argument::ObjectId(link.target), pg::Argument::Text(name)});
  if (rows.empty()) return std::nullopt;
  return rows.Bool(0, 1);
}

bool HasTrigger(const catalog::LinkRow& link, const std::string& name) {
  pg::Spi spi;
  return !spi.Execute(
                 "SELECT FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=) $1 "
                 "AND tgname OPERATOR(pg_catalog.=) $2::pg_catalog.name",
                 {pg::Argument::ObjectId(link.target), pg::Argument::Text(name)})
              .empty();
}

BuildState ConstraintBuildState(const catalog::LinkRow& link, const DeferredObject& object) {
  if (ConstraintState(link, object.name)) return BuildState::kBuilt;
  if (!object.index_name) return BuildState::kAbsent;
  const BuildState index = IndexState(link, *object.index_name);
  return index == BuildState::kBuilt ? BuildState::kHalf : index;
}

BuildState ForeignKeyState(const catalog::LinkRow& link, const DeferredObject& object) {
  const std::optional<bool> validated = ConstraintState(link, object.name);
  if (!validated) return BuildState::kAbsent;
  return *validated || StaysNotValid(object) ? BuildState::kBuilt : BuildState::kHalf;
}

}  // namespace

std::vector<std::string> BuildStatements(const catalog::LinkRow& link, const DeferredObject& object,
                                         bool concurrently) {
  std::vector<std::string> statements = Core(link, object, concurrently);
  statements.insert(statements.end(), object.afterwards.begin(), object.afterwards.end());
  return statements;
}

bool RunsAlone(const std::string& statement) {
  return statement.starts_with(fmt::format("{}{}", kCreateIndex, kConcurrently)) ||
         statement.starts_with(fmt::format("{}{}", kCreateUniqueIndex, kConcurrently)) ||
         statement.starts_with(kDropConcurrently);
}

BuildState StateOf(const catalog::LinkRow& link, const DeferredObject& object) {
  switch (object.kind) {
    case DeferredKind::kIndex:
      return IndexState(link, object.name);
    case DeferredKind::kConstraint:
      return ConstraintBuildState(link, object);
    case DeferredKind::kForeignKey:
      return ForeignKeyState(link, object);
    case DeferredKind::kTrigger:
      return HasTrigger(link, object.name) ? BuildState::kBuilt : BuildState::kAbsent;
  }
  return BuildState::kAbsent;
}

std::vector<std::string> RemainingStatements(const catalog::LinkRow& link,
                                             const DeferredObject& object, bool concurrently) {
  std::vector<std::string> statements = Core(link, object, concurrently);
  switch (StateOf(link, object)) {
    case BuildState::kAbsent:
      break;
    case BuildState::kInvalid:
      statements.insert(
          statements.begin(),
          fmt::format("{}{}", concurrently ? kDropConcurrently : std::string_view("DROP INDEX "),
                      QualifiedIndex(link, object)));
      break;
    case BuildState::kHalf:
      statements.erase(statements.begin());
      break;
    case BuildState::kBuilt:
      statements.clear();
      break;
  }
  statements.insert(statements.end(), object.afterwards.begin(), object.afterwards.end());
  return statements;
}

}  // namespace pg_cutover::link
