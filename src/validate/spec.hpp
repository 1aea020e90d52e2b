// The spec of a check: JSON that says what it looks at, read once and strictly.
//
// A key that the kind does not know, a value of another JSON type, a relation that is missing or
// does not belong to the role: each is an error that names the key, before anything is stored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::validate {

enum class ValueKind { kText, kNumber, kBoolean, kList };

// Which relations a spec names: {"relation": ...}, or {"source": ..., "target": ...}.
enum class Relations { kNone, kOne, kOneOrTwo, kNoneOrTwo };

struct Key {
  const char* name;
  ValueKind value;
  bool required = false;
};

// What a relation of a spec may be: tables, plain or partitioned; those and materialized views; or
// whatever has rows.
enum class Allowed { kTables, kIndexed, kReadable };

// What a kind allows; `keys` without those of the relations.
struct Shape {
  const char* kind;
  Relations relations;
  Allowed allowed;
  const std::vector<Key>& keys;
};

class Spec {
 public:
  // From jsonb text. The relations named in it are looked up with the search_path in force.
  Spec(const Shape& shape, const std::string& json);
  // A check that was stored means the relations that it was added with, whatever their names are
  // now.
  Spec(const Shape& shape, const std::string& json, Oid source, Oid target, Oid creator);

  // The one relation, or the first of two; InvalidOid: none.
  Oid source() const { return source_; }
  Oid target() const { return target_; }
  bool has_target() const { return OidIsValid(target_); }
  // The role that added the check.
  Oid creator() const { return creator_; }

  bool Has(const char* key) const { return values_.contains(key); }
  std::optional<std::string> Text(const char* key) const;
  std::optional<double> Number(const char* key) const;
  // Raises unless it is a whole number within the bounds.
  int64_t Whole(const char* key, int64_t otherwise, int64_t least, int64_t most) const;
  bool Flag(const char* key, bool otherwise) const;
  // Raises when it is not a list of texts.
  std::optional<std::vector<std::string>> List(const char* key) const;

  // As in: check kind row_count, key "filter".
  [[noreturn]] void Refuse(const char* key, const std::string& what,
                           const std::string& hint = {}) const;

 private:
  void Read(const Shape& shape, const std::string& json);
  void ReadRelations(Allowed allowed);
  Oid RelationOf(const std::string& key, Allowed allowed) const;

  std::string kind_;
  Relations relations_;
  std::map<std::string, std::string, std::less<>> values_;
  Oid source_ = InvalidOid;
  Oid target_ = InvalidOid;
  Oid creator_ = InvalidOid;
};

}  // namespace pg_cutover::validate
