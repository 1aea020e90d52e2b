// Reading the spec of a check; see spec.hpp.
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "validate/spec.hpp"

#include "pg/error.hpp"
#include "pg/ownership.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::validate {

namespace {

const char* TypeOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kText:
      return "string";
    case ValueKind::kNumber:
      return "number";
    case ValueKind::kBoolean:
      return "boolean";
    case ValueKind::kList:
      break;
  }
  return "array";
}

// Every key that the kind knows.
std::map<std::string, Key> Known(const Shape& shape) {
  std::map<std::string, Key> known;
  for (const Key& key : shape.keys)
    known.emplace(key.name, key);
  if (shape.relations == Relations::kOne || shape.relations == Relations::kOneOrTwo)
    known.emplace("relation",
                  Key{"relation", ValueKind::kText, shape.relations == Relations::kOne});
  if (shape.relations == Relations::kOneOrTwo || shape.relations == Relations::kNoneOrTwo) {
    known.emplace("source", Key{"source", ValueKind::kText});
    known.emplace("target", Key{"target", ValueKind::kText});
  }
  return known;
}

std::string Listed(const std::map<std::string, Key>& known) {
  std::vector<std::string> names;
  for (const auto& [name, key] : known)
    names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool IsAllowed(Oid relation, Allowed allowed) {
  switch (pg::Call(get_rel_relkind, relation)) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE:
      return true;
    case RELKIND_MATVIEW:
      return allowed != Allowed::kTables;
    case RELKIND_VIEW:
    case RELKIND_FOREIGN_TABLE:
      return allowed == Allowed::kReadable;
    default:
      return false;
  }
}

}  // namespace

Spec::Spec(const Shape& shape, const std::string& json)
    : kind_(shape.kind), relations_(shape.relations), creator_(GetUserId()) {
  Read(shape, json);
  ReadRelations(shape.allowed);
}

Spec::Spec(const Shape& shape, const std::string& json, Oid source, Oid target, Oid creator)
    : kind_(shape.kind),
      relations_(shape.relations),
      source_(source),
      target_(target),
      creator_(creator) {
  Read(shape, json);
}

void Spec::Read(const Shape& shape, const std::string& json) {
  const std::map<std::string, Key> known = Known(shape);
  pg::Spi spi;
  const pg::Rows document = spi.Query(
      "SELECT pg_catalog.jsonb_typeof($1::pg_catalog.jsonb) OPERATOR(pg_catalog.=) 'object'",
      {pg::Argument::Text(json)});
  if (!document.Bool(0, 1).value_or(false))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "spec must be a JSON object", {},
              fmt::format("Keys of {}: {}.", kind_, Listed(known)));
  const pg::Rows entries = spi.Query(
      "SELECT e.key, pg_catalog.jsonb_typeof(e.value), e.value OPERATOR(pg_catalog.#>>) '{}' "
      "FROM pg_catalog.jsonb_each($1::pg_catalog.jsonb) AS e",
      {pg::Argument::Text(json)});
  for (uint64_t i = 0; i < entries.size(); ++i) {
    const std::string name = entries.Text(i, 1).value();
    const std::string type = entries.Text(i, 2).value();
    const auto found = known.find(name);
    if (found == known.end())
      pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
                fmt::format("unknown key \"{}\" in the spec of a check of kind {}", name, kind_),
                {}, fmt::format("Keys of {}: {}.", kind_, Listed(known)));
    if (type != TypeOf(found->second.value))
      Refuse(name.c_str(), fmt::format("is a JSON {}, it has to be {} {}", type,
                                       found->second.value == ValueKind::kList ? "an" : "a",
                                       TypeOf(found->second.value)));
    values_.emplace(name, entries.Text(i, 3).value());
  }
  for (const auto& [name, key] : known)
    if (key.required && !Has(key.name))
      pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
                fmt::format("the spec of a check of kind {} needs the key \"{}\"", kind_, name), {},
                fmt::format("Keys of {}: {}.", kind_, Listed(known)));
}

void Spec::ReadRelations(Allowed allowed) {
  if (Has("source") != Has("target"))
    Refuse(Has("source") ? "source" : "target", "stands alone",
           "Give both source and target, or one relation.");
  if (Has("relation") && Has("source"))
    Refuse("relation", "stands beside source and target",
           "Give both source and target, or one relation.");
  if (relations_ == Relations::kOneOrTwo && !Has("relation") && !Has("source"))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("the spec of a check of kind {} names no relation", kind_), {},
              "Give {\"relation\": ...}, or {\"source\": ..., \"target\": ...}.");
  if (Has("relation")) source_ = RelationOf("relation", allowed);
  if (Has("source")) source_ = RelationOf("source", allowed);
  if (Has("target")) target_ = RelationOf("target", allowed);
  if (OidIsValid(source_) && source_ == target_)
    Refuse("target", "is the source itself", "Name two different tables.");
}

Oid Spec::RelationOf(const std::string& key, Allowed allowed) const {
  const std::string name = values_.at(key);
  pg::Spi spi;
  const std::optional<Oid> found =
      spi.Query("SELECT pg_catalog.to_regclass($1)::pg_catalog.oid", {pg::Argument::Text(name)})
          .ObjectId(0, 1);
  if (!found)
    pg::Raise(ERRCODE_UNDEFINED_TABLE, fmt::format("relation \"{}\" does not exist", name),
              fmt::format("It is the \"{}\" in the spec of a check of kind {}.", key, kind_),
              "Write the name with its schema.");
  if (!IsAllowed(*found, allowed))
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE,
              fmt::format("a check of kind {} cannot look at {}", kind_, pg::QualifiedName(*found)),
              fmt::format("It is the \"{}\" in the spec.", key),
              allowed == Allowed::kReadable  ? "Name a table, a view or a foreign table."
              : allowed == Allowed::kIndexed ? "Name a table or a materialized view."
                                             : "Name a table.");
  if (pg::Call(get_rel_persistence, *found) == RELPERSISTENCE_TEMP)
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} is temporary", pg::QualifiedName(*found)),
              fmt::format("It is the \"{}\" in the spec; other sessions, which run the check as "
                          "well, do not see it.",
                          key),
              "Use a permanent or unlogged table.");
  pg::RequireOwner(*found);
  return *found;
}

std::optional<std::string> Spec::Text(const char* key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::optional<double> Spec::Number(const char* key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  double number = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, number);
  if (error != std::errc() || stop != end) Refuse(key, "is out of range");
  return number;
}

int64_t Spec::Whole(const char* key, int64_t otherwise, int64_t least, int64_t most) const {
  const std::optional<double> number = Number(key);
  if (!number) return otherwise;
  if (*number != std::floor(*number) || *number < static_cast<double>(least) ||
      *number > static_cast<double>(most))
    Refuse(key, fmt::format("is not a whole number from {} to {}", least, most));
  return static_cast<int64_t>(*number);
}

bool Spec::Flag(const char* key, bool otherwise) const {
  const auto found = values_.find(key);
  return found == values_.end() ? otherwise : found->second == "true";
}

std::optional<std::vector<std::string>> Spec::List(const char* key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT e.value OPERATOR(pg_catalog.#>>) '{}', pg_catalog.jsonb_typeof(e.value) "
      "FROM pg_catalog.jsonb_array_elements($1::pg_catalog.jsonb) WITH ORDINALITY AS e(value, n) "
      "ORDER BY e.n",
      {pg::Argument::Text(found->second)});
  std::vector<std::string> list;
  for (uint64_t i = 0; i < rows.size(); ++i) {
    if (rows.Text(i, 2) != "string") Refuse(key, "is not a list of names");
    list.push_back(rows.Text(i, 1).value());
  }
  if (list.empty()) Refuse(key, "is an empty list", "Leave the key out to mean the default.");
  return list;
}

void Spec::Refuse(const char* key, const std::string& what, const std::string& hint) const {
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
            fmt::format("\"{}\" in the spec of a check of kind {} {}", key, kind_, what), {}, hint);
}

}  // namespace pg_cutover::validate
