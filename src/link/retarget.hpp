// The source's indexes, constraints, foreign keys and triggers, made again for a shadow.
//
// Indexes, unique and exclusion constraints are made on the empty shadow for real: that shows that
// they can be built there, and lets PostgreSQL write their definitions. TakeOff then turns them
// into deferred objects. All look-ups here and in TakeOff go through Spi::Execute: Spi::Query would
// not see what this statement has just made.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"
#include "link/alterations.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

class Retargeter {
 public:
  // `lineage` must outlive it.
  Retargeter(Oid source, Oid shadow, const Lineage& lineage);

  // Makes the source's key index on the shadow, as a primary key if it is one. Raises when the
  // alterations dropped one of its columns.
  void CloneKey(Oid source_index);
  // Makes every other index and unique or exclusion constraint of the source.
  void CloneIndexes(Oid except);
  // The outbound foreign keys and user triggers: not made, only described (triggers are made and
  // dropped again).
  std::vector<catalog::DeferredObject> ForeignKeys() const;
  std::vector<catalog::DeferredObject> Triggers();

  // The name that a cloned object takes at the swap, by the name it has now.
  const std::map<std::string, std::string>& after_names() const { return after_names_; }
  // What the alterations leave no room for: it needs a dropped column, or does not fit a new type.
  const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  struct SourceIndex {
    Oid index = InvalidOid;
    Oid constraint = InvalidOid;
    std::string name;
    std::string type;  // of the constraint: p, u, x or empty
    std::string deferrable;
    bool unique = false;
  };

  std::vector<SourceIndex> SourceIndexes() const;
  // False when a column it needs was dropped.
  bool Clone(const SourceIndex& index);
  bool MakeIndex(const SourceIndex& index, const std::string& name);
  bool MakeExclusion(const SourceIndex& index, const std::string& name);
  void CopyComments(const SourceIndex& index, const std::string& name);
  std::optional<catalog::DeferredObject> MakeTrigger(Oid trigger, const std::string& name);
  std::string FreeName(const std::string& source_name) const;
  std::optional<std::string> Columns(const std::vector<std::string>& source_columns) const;

  const Oid source_;
  const Oid shadow_;
  const Lineage& lineage_;
  std::map<std::string, std::string> after_names_;
  mutable std::vector<std::string> left_out_;
};

}  // namespace pg_cutover::link
