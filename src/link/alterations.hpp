// The alterations of a shadow: each is one ALTER TABLE statement on the empty table, and what they
// mean for the rows that will be copied into it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "link/columns.hpp"
#include "link/origin.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::link {

// Where the columns of a shadow come from, across renames and type changes.
class Lineage {
 public:
  // Directly after the shadow was created: column for column.
  Lineage(::Relation source, Oid shadow);

  // Runs `action` as ALTER TABLE shadow <action>, the `number`th. Raises feature_not_supported for
  // anything but changes of columns and constraints, and what PostgreSQL itself says about it.
  void Apply(int number, const std::string& action);

  // What each column of the shadow that has a source is to be filled with.
  std::vector<InheritedColumn> Inherited() const;

  // The shadow's name of a source column; nullopt when it was dropped.
  std::optional<std::string> NameOf(const std::string& source_column) const;
  bool TypeChanged(const std::string& source_column) const;

 private:
  struct Ancestor {
    AttrNumber source;
    bool type_changed = false;
    // Canonical, of ALTER COLUMN ... TYPE ... USING; empty: the column itself.
    std::string expression = {};
  };

  void NoteTypeChanges(const Origin& origin, const List* commands);
  std::string UsingOverSource(const Origin& origin, Node* raw, ::Relation shadow) const;
  const Ancestor* FindBySource(const std::string& source_column, AttrNumber* shadow_column) const;

  const ::Relation source_;
  const Oid shadow_;
  // By attribute number in the shadow, which renames and type changes leave alone.
  std::map<AttrNumber, Ancestor> ancestors_;
};

}  // namespace pg_cutover::link
