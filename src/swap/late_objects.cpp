// What was made on the live table too late; see late_objects.hpp.
#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "swap/late_objects.hpp"

#include "link/expression.hpp"
#include "link/source_objects.hpp"
#include "pg/error.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"

namespace pg_cutover::swap {

namespace {

using link::TableObject;

class LateSearch {
 public:
  explicit LateSearch(const Pair& pair)
      : pair_(pair),
        known_(catalog::SourceObjects(pair.link.id)),
        mirror_(link::ObjectsOf(pair.mirror)) {
    for (const catalog::SourceObject& known : known_)
      names_.insert({known.kind, known.name});
    for (const catalog::DeferredObject& object : catalog::DeferredObjects(pair.link.id, false)) {
      if (!object.built) pending_.insert(object.name);
      if (object.after_name) clones_.insert(object.index_name.value_or(object.name));
    }
  }

  std::vector<TableObject> Run() {
    std::vector<TableObject> fresh;
    std::vector<TableObject> old;
    for (TableObject& object : link::ObjectsOf(pair_.live))
      (TakeKnown(object, [&](const auto& known) { return known.name == object.object.name; })
           ? old
           : fresh)
          .push_back(std::move(object));
    const auto renamed = std::stable_partition(fresh.begin(), fresh.end(), [&](const auto& object) {
      return !TakeKnown(object, [](const auto&) { return true; });
    });
    std::move(renamed, fresh.end(), std::back_inserter(old));
    fresh.erase(renamed, fresh.end());
    if (fresh.empty()) return {};
    for (const ObjectPair& same : PairIndexes(pair_, StandingRenames(pair_)))
      pairs_.insert({same.live, same.mirror});
    // What the mirror has of the old ones is no equal of a new one.
    for (const TableObject& object : mirror_)
      if (object.index && clones_.contains(object.object.name)) taken_.insert(object.id);
    for (const TableObject& object : old)
      if (!object.index) (void)TakeEqual(object);
    std::vector<TableObject> late;
    for (TableObject& object : fresh)
      if (!Carried(object) && !TakeEqual(object)) late.push_back(std::move(object));
    return late;
  }

 private:
  // Each entry of the list stands for one object, by preference the one of that name: a second
  // index of the same definition is new.
  template <class Condition>
  bool TakeKnown(const TableObject& object, Condition&& condition) {
    const auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& known) {
      return known.kind == object.object.kind && known.definition == object.object.definition &&
             condition(known);
    });
    if (found == known_.end()) return false;
    known_.erase(found);
    return true;
  }

  // The swap itself makes it for the mirror: see AddForeignKeys. On the way back the old table gets
  // the keys that were taken off it.
  bool Carried(const TableObject& object) const {
    const bool pending = pending_.contains(object.object.name);
    if (TakesBack(pair_) && pending) return true;
    return object.to_itself && !pending &&
           std::all_of(object.columns.begin(), object.columns.end(),
                       [&](const std::string& column) { return pair_.ByLive(column) != nullptr; });
  }

  // What its columns are called in the mirror; nullopt: that lacks one of them.
  std::optional<std::set<std::string>> InMirror(const TableObject& object) const {
    std::set<std::string> columns;
    for (const std::string& name : object.columns) {
      const ColumnPair* const column = pair_.ByLive(name);
      if (column == nullptr) return std::nullopt;
      columns.insert(column->mirror);
    }
    return columns;
  }

  // Over columns of other names or types the same is another text.
  bool OfChangedColumns(const TableObject& object) const {
    return std::any_of(object.columns.begin(), object.columns.end(), [&](const auto& name) {
      const ColumnPair* const column = pair_.ByLive(name);
      return column == nullptr || column->mirror != name || !column->same_type;
    });
  }

  // By hand, on purpose, under that name: the shadow has none of its source's by it.
  bool Made(const TableObject& object, const TableObject& candidate) const {
    return candidate.object.name == object.object.name &&
           !names_.contains({object.object.kind, object.object.name});
  }

  bool Equal(const TableObject& object, const TableObject& candidate) const {
    if (candidate.object.kind != object.object.kind || candidate.index != object.index)
      return false;
    if (object.index && pairs_.contains({object.id, candidate.id}))
      return candidate.shape == object.shape;
    const std::set<std::string> columns(candidate.columns.begin(), candidate.columns.end());
    if (InMirror(object) != columns) return false;
    if (candidate.object.definition == object.object.definition) return true;
    return OfChangedColumns(object) && candidate.shape == object.shape &&
           (object.index || object.object.kind == "statistics object" || Made(object, candidate));
  }

  bool TakeEqual(const TableObject& object) {
    const auto found = std::find_if(mirror_.begin(), mirror_.end(), [&](const auto& candidate) {
      return !taken_.contains(candidate.id) && Equal(object, candidate);
    });
    if (found == mirror_.end()) return false;
    taken_.insert(found->id);
    return true;
  }

  const Pair& pair_;
  std::vector<catalog::SourceObject> known_;
  const std::vector<TableObject> mirror_;
  // Of all that were known: kind and name.
  std::set<std::pair<std::string, std::string>> names_;
  // Foreign keys and triggers that the mirror is still to get.
  std::set<std::string> pending_;
  // Indexes that the link gave to the mirror, as they are called there.
  std::set<std::string> clones_;
  std::set<std::pair<Oid, Oid>> pairs_;
  std::set<Oid> taken_;
};

bool IsListed(const Pair& pair) {
  return pair.link.created_target || !catalog::SourceObjects(pair.link.id).empty();
}

std::vector<TableObject> Find(const Pair& pair) {
  if (!IsListed(pair)) return {};
  const link::CanonicalSettings settings;
  return LateSearch(pair).Run();
}

std::vector<std::string> Labels(const std::vector<TableObject>& objects) {
  std::vector<std::string> labels;
  for (const TableObject& late : objects)
    labels.push_back(fmt::format("{} \"{}\"", late.object.kind, late.object.name));
  return labels;
}

}  // namespace

std::vector<std::string> LateObjects(const Pair& pair) {
  return Labels(Find(pair));
}

void RequireNothingLate(const Pair& pair) {
  if (TakesBack(pair)) return;
  const std::vector<TableObject> late = Find(pair);
  if (late.empty()) return;
  // The mirror cannot have these before it is live: heap-level writes pass them by.
  const bool only_live = std::any_of(late.begin(), late.end(), [](const TableObject& object) {
    return object.object.kind == "trigger" || object.object.kind == "foreign key";
  });
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} has got what {} lacks since that was made", pair.Live(), pair.Mirror()),
            fmt::format("{}: made or altered since, and gone with the swap.",
                        fmt::join(Labels(late), ", ")),
            fmt::format("Make the same on {} (CREATE INDEX CONCURRENTLY, ALTER TABLE ... ADD "
                        "CONSTRAINT) or drop it from {}, then ask again.{}",
                        pair.Mirror(), pair.Live(),
                        only_live ? " Triggers and foreign keys: drop them, and make them again "
                                    "after the swap."
                                  : ""));
}

}  // namespace pg_cutover::swap
