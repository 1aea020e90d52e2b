// Foreign keys of and to the live table, and the mirror's triggers; see dependents.hpp.
//
// A new foreign key is made NOT VALID, which reads no row while the tables are locked, and
// validated once they are free. PostgreSQL does not allow NOT VALID on a partitioned table: there
// the key is made on every leaf in that way, and the parent's, made last, adopts the leaves'
// without reading a row.
#include <algorithm>

#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "catalog/cutover_rows.hpp"
#include "link/deferred.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::swap {

namespace {

using pg::Argument;

constexpr std::string_view kNotValid = " NOT VALID";

// $1: the live table. Names of the columns on either side in the order of the key.
constexpr const char* kKeys =
    "SELECT k.conname::text, k.conrelid, k.confrelid, "
    "  pg_has_role(current_user, c.relowner, 'USAGE'), pg_get_constraintdef(k.oid), "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (n, o) "
    "    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (n, o) "
    "    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o), "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.confdelsetcols) AS u (n) "
    "    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n), "
    "  obj_description(k.oid, 'pg_constraint') "
    "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
    "WHERE k.contype = 'f' AND k.conparentid = 0 AND $1 IN (k.conrelid, k.confrelid) "
    "ORDER BY k.oid";

// Keys of single partitions, which the partitions keep.
constexpr const char* kPartitionKeys =
    "SELECT k.conname::text, k.conrelid::regclass::text FROM pg_constraint k "
    "JOIN pg_partition_tree($1) t ON t.relid IN (k.conrelid, k.confrelid) "
    "WHERE k.contype = 'f' AND k.conparentid = 0 AND $1 NOT IN (k.conrelid, k.confrelid) "
    "ORDER BY k.oid";

struct Key {
  std::string name;
  Oid referencing = InvalidOid;
  Oid referenced = InvalidOid;
  bool owned = false;  // the referencing table is ours to alter
  std::string definition;
  bool validated = false;
  std::vector<std::string> columns;
  std::vector<std::string> referenced_columns;
  std::vector<std::string> set_columns;
  std::optional<std::string> comment;

  std::string Object() const {
    return fmt::format("foreign key {} of {}", pg::QuoteIdentifier(name),
                       pg::QualifiedName(referencing));
  }
};

std::string List(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + pg::QuoteIdentifier(name);
  return list;
}

bool TakeNotValid(std::string* definition) {
  if (!definition->ends_with(kNotValid)) return false;
  definition->resize(definition->size() - kNotValid.size());
  return true;
}

std::string ValidateStatement(const std::string& table, const std::string& name) {
  return fmt::format("ALTER TABLE {} VALIDATE CONSTRAINT {}", table, pg::QuoteIdentifier(name));
}

// A key that a swap has made and could not validate is meant to be valid, and was before.
std::vector<Key> KeysOf(Oid table) {
  const std::vector<std::string> left = catalog::LeftStatements(table);
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kKeys, {Argument::ObjectId(table)});
  std::vector<Key> keys;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    Key key;
    key.name = rows.Text(row, 1).value();
    key.referencing = rows.ObjectId(row, 2).value();
    key.referenced = rows.ObjectId(row, 3).value();
    key.owned = rows.Bool(row, 4).value();
    key.definition = rows.Text(row, 5).value();
    key.columns = rows.TextArray(row, 6);
    key.referenced_columns = rows.TextArray(row, 7);
    key.set_columns = rows.TextArray(row, 8);
    key.comment = rows.Text(row, 9);
    const std::string validate = ValidateStatement(pg::QualifiedName(key.referencing), key.name);
    key.validated = !TakeNotValid(&key.definition) ||
                    std::find(left.begin(), left.end(), validate) != left.end();
    keys.push_back(std::move(key));
  }
  return keys;
}

// The table and everything below it.
std::vector<Oid> Tree(Oid table) {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute("SELECT relid::oid FROM pg_partition_tree($1) ORDER BY 1",
                                    {Argument::ObjectId(table)});
  std::vector<Oid> tree;
  for (uint64_t row = 0; row < rows.size(); ++row)
    tree.push_back(rows.ObjectId(row, 1).value());
  return tree.empty() ? std::vector<Oid>{table} : tree;
}

bool IsPartitioned(Oid table) {
  return pg::Call(get_rel_relkind, table) == RELKIND_PARTITIONED_TABLE;
}

// The names that the live table's columns have in the mirror; nullopt: one of them has none.
std::optional<std::vector<std::string>> InMirror(const Pair& pair,
                                                 const std::vector<std::string>& columns) {
  std::vector<std::string> mapped;
  for (const std::string& column : columns) {
    const ColumnPair* const found = pair.ByLive(column);
    if (found == nullptr) return std::nullopt;
    mapped.push_back(found->mirror);
  }
  return mapped;
}

bool HasUniqueKey(Oid table, std::vector<std::string> columns) {
  std::sort(columns.begin(), columns.end());
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(
      "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique "
      "  AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL "
      "  AND ARRAY(SELECT a.attname::text COLLATE \"C\" FROM unnest(i.indkey) WITH ORDINALITY AS u "
      "    (n, o) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n "
      "    WHERE u.o <= i.indnkeyatts ORDER BY 1) = $2)",
      {Argument::ObjectId(table), Argument::TextArray(columns)});
  return rows.Bool(0, 1).value();
}

// The definition with other columns and another referenced table; nullopt where its text is not
// what we know.
std::optional<std::string> Redirected(const Key& key, const std::vector<std::string>& columns,
                                      const std::string& referenced,
                                      const std::vector<std::string>& referenced_columns) {
  const std::string head =
      fmt::format("FOREIGN KEY ({}) REFERENCES {}({})", List(key.columns),
                  pg::QualifiedName(key.referenced), List(key.referenced_columns));
  if (!key.definition.starts_with(head)) return std::nullopt;
  return fmt::format("FOREIGN KEY ({}) REFERENCES {}({}){}", List(columns), referenced,
                     List(referenced_columns), key.definition.substr(head.size()));
}

struct NewKey {
  Oid table = InvalidOid;
  std::string name;
  std::string definition;  // without NOT VALID
  bool validated = true;
  std::optional<std::string> comment;
  // What the table is called when the statement runs, and when the swap is done.
  std::string table_now;
  std::string table_later;
};

void Make(const NewKey& key, std::vector<std::string>* statements,
          std::vector<std::string>* later) {
  const std::string name = pg::QuoteIdentifier(key.name);
  const auto add = [&](const std::string& table, std::string_view validity) {
    return fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}{}", table, name, key.definition,
                       validity);
  };
  const auto validate = [&](const std::string& table) {
    return ValidateStatement(table, key.name);
  };
  const auto comment_on = [&](const std::string& table, std::vector<std::string>* list) {
    if (key.comment)
      list->push_back(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}", name, table,
                                  pg::QuoteLiteral(*key.comment)));
  };
  if (!IsPartitioned(key.table)) {
    statements->push_back(add(key.table_now, kNotValid));
    comment_on(key.table_now, statements);
    if (key.validated) later->push_back(validate(key.table_later));
    return;
  }
  for (const Oid part : Tree(key.table)) {
    if (IsPartitioned(part)) continue;
    statements->push_back(add(pg::QualifiedName(part), kNotValid));
    later->push_back(validate(pg::QualifiedName(part)));
  }
  later->push_back(add(key.table_later, ""));
  comment_on(key.table_later, later);
}

class ForeignKeys {
 public:
  ForeignKeys(const Pair& pair, Dependents* dependents,
              std::vector<catalog::DeferredObject>* remember)
      : pair_(pair),
        dependents_(*dependents),
        remember_(*remember),
        pending_(catalog::DeferredObjects(pair.link.id, true)) {}

  void Run() {
    for (const Key& key : KeysOf(pair_.live)) {
      if (key.referencing != pair_.live)
        Inbound(key);
      else
        Outbound(key);
    }
    OfPartitions();
    Pending();
  }

 private:
  void Lock(Oid table) {
    for (const Oid relation : Tree(table))
      if (relation != pair_.live && relation != pair_.mirror) dependents_.lock.push_back(relation);
  }

  void Refuse(const std::string& object, std::string reason, std::string hint) {
    dependents_.refusals.push_back({object, std::move(reason), std::move(hint)});
  }

  void Drop(const Key& key) {
    dependents_.before.push_back(fmt::format("ALTER TABLE {} DROP CONSTRAINT {}",
                                             pg::QualifiedName(key.referencing),
                                             pg::QuoteIdentifier(key.name)));
  }

  void Inbound(const Key& key) {
    const std::optional<std::vector<std::string>> columns = InMirror(pair_, key.referenced_columns);
    if (!key.owned)
      return Refuse(key.Object(), "the table belongs to another role",
                    fmt::format("Drop it, or give {} to the owner of {}.",
                                pg::QualifiedName(key.referencing), pair_.Live()));
    if (!columns)
      return Refuse(key.Object(),
                    fmt::format("it references columns that {} does not have", pair_.Mirror()),
                    "Drop it before the swap.");
    if (!HasUniqueKey(pair_.mirror, *columns))
      return Refuse(key.Object(),
                    fmt::format("{} has no unique key on ({})", pair_.Mirror(), List(*columns)),
                    fmt::format("CREATE UNIQUE INDEX CONCURRENTLY ON {} ({})", pair_.Mirror(),
                                List(*columns)));
    const std::optional<std::string> definition =
        Redirected(key, key.columns, pair_.Live(), *columns);
    if (!definition)
      return Refuse(key.Object(), "it is of a kind that cannot be carried over",
                    "Drop it before the swap.");
    dependents_.carried.push_back(key.Object());
    Lock(key.referencing);
    Drop(key);
    const std::string table = pg::QualifiedName(key.referencing);
    Make({key.referencing, key.name, *definition, key.validated, key.comment, table, table},
         &dependents_.after, &dependents_.later);
  }

  // The retired table must not be written to by cascades.
  void Outbound(const Key& key) {
    const std::string retired =
        pg::QuoteIdentifier(pair_.schema) + "." + pg::QuoteIdentifier(pair_.retired_name);
    const bool to_itself = key.referenced == pair_.live;
    const std::optional<std::string> definition =
        to_itself ? Redirected(key, key.columns, retired, key.referenced_columns)
                  : std::optional(key.definition);
    if (!definition)
      return Refuse(key.Object(), "it is of a kind that cannot be carried over",
                    "Drop it before the swap.");
    Lock(key.referenced);
    Drop(key);
    catalog::DeferredObject object;
    object.kind = catalog::DeferredKind::kForeignKey;
    object.name = key.name;
    object.definition = *definition + (key.validated ? "" : std::string(kNotValid));
    if (key.comment)
      object.afterwards.push_back(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}",
                                              pg::QuoteIdentifier(key.name), retired,
                                              pg::QuoteLiteral(*key.comment)));
    remember_.push_back(std::move(object));
    if (to_itself) ToItself(key);
  }

  // The new table references itself as the old one did, unless it brings its own key, or its shape
  // has no room for one.
  void ToItself(const Key& key) {
    const auto brings = [&](const catalog::DeferredObject& object) {
      return object.kind == catalog::DeferredKind::kForeignKey && object.name == key.name;
    };
    if (std::any_of(pending_.begin(), pending_.end(), brings)) return;
    const std::optional<std::vector<std::string>> columns = InMirror(pair_, key.columns);
    const std::optional<std::vector<std::string>> referenced =
        InMirror(pair_, key.referenced_columns);
    if (!columns) return;
    if (!referenced || !HasUniqueKey(pair_.mirror, *referenced) ||
        InMirror(pair_, key.set_columns) != std::optional(key.set_columns))
      return Refuse(key.Object(),
                    fmt::format("{} has no such columns, or no unique key on them", pair_.Mirror()),
                    "Drop it before the swap.");
    dependents_.carried.push_back(key.Object());
    Make({pair_.mirror, key.name, Redirected(key, *columns, pair_.Live(), *referenced).value(),
          key.validated, key.comment, pair_.Live(), pair_.Live()},
         &dependents_.after, &dependents_.later);
  }

  void OfPartitions() {
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(kPartitionKeys, {Argument::ObjectId(pair_.live)});
    for (uint64_t row = 0; row < rows.size(); ++row)
      Refuse(fmt::format("foreign key {} of {}", pg::QuoteIdentifier(rows.Text(row, 1).value()),
                         rows.Text(row, 2).value()),
             "it belongs to a single partition", "Drop it before the swap.");
  }

  // What the mirror is still to get. Definitions and comments name it as it is called until the
  // tables change names.
  void Pending() {
    for (const catalog::DeferredObject& object : pending_) {
      if (object.kind == catalog::DeferredKind::kTrigger) {
        for (const std::string& statement : link::RemainingStatements(pair_.link, object, false))
          dependents_.before.push_back(statement);
        continue;
      }
      if (object.kind != catalog::DeferredKind::kForeignKey) continue;
      const std::string name =
          fmt::format("foreign key {} of {}", pg::QuoteIdentifier(object.name), pair_.Mirror());
      const Oid referenced = Referenced(object.definition);
      if (!OidIsValid(referenced)) {
        Refuse(name, "the table that it references does not exist any more",
               fmt::format("It was to be: {}.", object.definition));
        continue;
      }
      if (referenced != pair_.live) Lock(referenced);
      if (link::StateOf(pair_.link, object) != link::BuildState::kAbsent) continue;
      NewKey key;
      key.table = pair_.mirror;
      key.name = object.name;
      key.definition = object.definition;
      key.validated = !TakeNotValid(&key.definition);
      key.table_now = pair_.Mirror();
      key.table_later = pair_.Live();
      Make(key, &dependents_.before, &dependents_.later);
      for (const std::string& statement : object.afterwards)
        if (!IsPartitioned(pair_.mirror)) dependents_.before.push_back(statement);
    }
  }

  // The table in "... REFERENCES schema.table(columns) ...".
  static Oid Referenced(const std::string& definition) {
    constexpr std::string_view kReferences = ") REFERENCES ";
    const size_t at = definition.find(kReferences);
    if (at == std::string::npos) return InvalidOid;
    const size_t begin = at + kReferences.size();
    bool quoted = false;
    size_t end = begin;
    for (; end < definition.size() && (quoted || definition[end] != '('); ++end)
      if (definition[end] == '"') quoted = !quoted;
    pg::Spi spi;
    const pg::Rows rows = spi.Execute("SELECT to_regclass($1)::oid",
                                      {Argument::Text(definition.substr(begin, end - begin))});
    return rows.ObjectId(0, 1).value_or(InvalidOid);
  }

  const Pair& pair_;
  Dependents& dependents_;
  std::vector<catalog::DeferredObject>& remember_;
  const std::vector<catalog::DeferredObject> pending_;
};

}  // namespace

void AddForeignKeys(const Pair& pair, Dependents* dependents,
                    std::vector<catalog::DeferredObject>* remember) {
  // Without `remember` they are not asked for: the swap collects them by themselves, while the live
  // table's columns have their own names.
  if (remember == nullptr) return;
  const link::CanonicalSettings settings;
  ForeignKeys(pair, dependents, remember).Run();
}

}  // namespace pg_cutover::swap
