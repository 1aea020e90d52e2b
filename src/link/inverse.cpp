// The way back; see inverse.hpp.
//
// The inverse of a link with a filter has none: rows that the filter left out stay in the old table
// as they are, nothing in the new table stands for them. Should the application give a new row the
// key of one of them, the mirror takes it for the same row and overwrites it.
#include <algorithm>

#include <fmt/format.h>

#include "link/inverse.hpp"

#include "link/columns.hpp"
#include "link/inverse_columns.hpp"
#include "link/key.hpp"
#include "link/origin.hpp"
#include "link/relation_checks.hpp"
#include "link/source_drift.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

std::set<std::string> GivenColumns(Datum given) {
  std::set<std::string> names;
  if (given == 0) return names;
  for (const auto& [column, expression] : pg::ObjectEntries(given, "reverse_columns"))
    names.insert(column);
  return names;
}

std::string QuotedList(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + pg::QuoteIdentifier(name);
  return text;
}

// Runs `body` with the direction in the context of every error: the table that messages call the
// target is the old one here.
template <class Body>
auto WithDirection(const catalog::LinkRow& link, Body&& body) {
  const Origin direction{fmt::format("mapping of {} back to {}", pg::QualifiedName(link.target),
                                     pg::QualifiedName(link.source)),
                         {}};
  std::optional<pg::ErrorInfo> failure;
  try {
    const OriginScope scope(direction);
    return body();
  } catch (const pg::Error& error) {
    failure = error.info();
  }
  failure->context += (failure->context.empty() ? "" : "\n") + direction.what;
  throw pg::Error(std::move(*failure));
}

// What keeps rows from flowing this way, whatever the columns are.
void CheckTables(::Relation source, ::Relation target, Inverse* inverse) {
  if (const std::optional<std::string> refusal = CheckSource(source))
    inverse->obstacles.push_back(fmt::format(
        "{} cannot be kept in step: {}", pg::QualifiedName(RelationGetRelid(source)), *refusal));
  if (const std::optional<std::string> refusal = CheckTarget(target))
    inverse->obstacles.push_back(fmt::format(
        "{} cannot be kept in step: {}", pg::QualifiedName(RelationGetRelid(target)), *refusal));
}

// Each row of the new table must have an old row of its own: with two of them behind one key, the
// deletion of one would take the other's mirror away.
void ChooseInverseKeys(const catalog::LinkRow& link, const Resolution& resolution,
                       ::Relation source, ::Relation target, Inverse* inverse) {
  if (link.source_key.empty()) {
    inverse->obstacles.push_back(
        fmt::format("{} has no key that a row could be found by", pg::QualifiedName(link.source)));
    return;
  }
  for (const std::string& key : link.source_key) {
    if (std::any_of(resolution.columns.begin(), resolution.columns.end(),
                    [&](const ResolvedColumn& column) { return column.name == key; }))
      continue;
    // Where something else is said about the column already, this adds nothing.
    if (inverse->obstacles.empty())
      inverse->obstacles.push_back(fmt::format("key column \"{}\" of {} has no source", key,
                                               pg::QualifiedName(link.source)));
    return;
  }
  const Keys keys = ChooseKeys(resolution, source, target, link.source_key, false);
  inverse->link.target_key = keys.target;
  inverse->link.source_key = keys.source;
  inverse->link.keys_injective = keys.injective;
  if (!keys.injective)
    inverse->obstacles.push_back(fmt::format(
        "key ({}): different rows of {} may get the same key in {}", QuotedList(keys.target),
        pg::QualifiedName(link.target), pg::QualifiedName(link.source)));
}

Inverse Find(const catalog::LinkRow& link, Datum given) {
  const pg::OpenRelation old_table(link.source, AccessShareLock);
  const pg::OpenRelation new_table(link.target, AccessShareLock);
  Inverse inverse;
  inverse.link.source = link.target;
  inverse.link.target = link.source;
  inverse.link.migration = link.migration;
  inverse.link.created_by = GetUserId();
  inverse.link.source_columns = ColumnDefinitions(new_table.get());
  if (given != 0) inverse.link.columns = pg::OutputText(JSONBOID, given);
  CheckTables(new_table.get(), old_table.get(), &inverse);

  const WayBack way = FindWayBack(link, old_table.get(), new_table.get(), GivenColumns(given));
  inverse.obstacles.insert(inverse.obstacles.end(), way.obstacles.begin(), way.obstacles.end());

  ColumnRequest request;
  request.columns = given;
  request.inherited = way.columns;
  // Columns that get nothing were looked at above; they are no reason for an error.
  request.owner = false;
  const Resolution resolution = Resolve(request, new_table.get(), old_table.get());
  for (const ResolvedColumn& column : resolution.columns)
    inverse.link.mapping.push_back({column.name, column.expression});
  ChooseInverseKeys(link, resolution, new_table.get(), old_table.get(), &inverse);
  return inverse;
}

}  // namespace

Inverse Invert(const catalog::LinkRow& link, Datum given) {
  return WithDirection(link, [&] {
    if (link.owner) return Find(link, given);
    // Other links own its rows: what this one would write back may be another's to write.
    Inverse none;
    none.obstacles.push_back(
        fmt::format("the link from {} to {} fills only some columns of rows that another link owns",
                    pg::QualifiedName(link.source), pg::QualifiedName(link.target)));
    return none;
  });
}

}  // namespace pg_cutover::link
