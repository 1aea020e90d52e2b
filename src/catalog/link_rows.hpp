// Rows of migrate.link, migrate.deferred_object and migrate.source_object.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

class Scope;

struct MappedColumn {
  std::string column;      // of the target
  std::string expression;  // over the source row, every name qualified
};

struct LinkRow {
  int64_t id = 0;
  Oid source = InvalidOid;
  Oid target = InvalidOid;
  std::string columns = "{}";  // jsonb text, as given
  std::optional<std::string> filter;
  std::vector<MappedColumn> mapping;
  std::optional<std::string> source_filter;
  std::vector<std::string> target_key;
  std::vector<std::string> source_key;
  // The whole source as it was when the link was made; see link/source_drift.hpp.
  std::vector<std::string> source_columns;
  bool owner = true;
  std::optional<std::string> sync_refusal;
  // Different source keys are known to give different target keys.
  bool keys_injective = false;
  bool created_target = false;
  // The tables are swapped: the link of the other direction is at work.
  bool dormant = false;
  std::optional<std::string> migration;
  Oid created_by = InvalidOid;
};

enum class DeferredKind { kIndex, kConstraint, kForeignKey, kTrigger };

struct DeferredObject {
  int64_t link = 0;
  int32_t position = 0;
  DeferredKind kind = DeferredKind::kIndex;
  std::string name;
  std::string definition;
  std::optional<std::string> index_name;
  std::optional<std::string> constraint_clause;
  std::vector<std::string> afterwards;
  std::optional<std::string> after_name;
  bool from_target = false;
  bool built = false;
};

// What hung on the source when the link was made; see link/source_objects.hpp.
struct SourceObject {
  std::string kind;
  std::string name;
  std::string definition;
};

// Returns the new id. `row.id` is ignored. `row.migration` has a row.
int64_t InsertLink(const LinkRow& row);
std::optional<LinkRow> FindLink(Oid source, Oid target);
// Raises undefined_object when it is gone.
LinkRow LoadLink(int64_t id);
// The same under the active snapshot, without beginning a new command.
LinkRow LoadLinkNow(Scope& scope, int64_t id);
std::vector<LinkRow> LinksOf(Oid relation);
void SetDormant(int64_t id, bool dormant);
void DeleteLink(int64_t id);

// Appends; `object.position` is assigned.
void InsertDeferredObject(const DeferredObject& object);
// In the order in which they are to be built.
std::vector<DeferredObject> DeferredObjects(int64_t link, bool pending_only);
void MarkBuilt(int64_t link, int32_t position);

// Together once, where the link is made.
void InsertSourceObjects(int64_t link, const std::vector<SourceObject>& objects);
std::vector<SourceObject> SourceObjects(int64_t link);

}  // namespace pg_cutover::catalog
