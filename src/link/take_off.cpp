// Taking indexes and constraints off an empty table; see take_off.hpp and deferred.hpp.
#include <fmt/format.h>

#include "link/take_off.hpp"

#include <vector>

#include "catalog/event_rows.hpp"
#include "link/deferred.hpp"
#include "link/expression.hpp"
#include "link/key.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

using catalog::DeferredKind;
using catalog::DeferredObject;

// A dependency of the target's own foreign keys does not count: they are taken off as well.
constexpr const char* kIndexes =
    "SELECT i.indexrelid, x.relname::text, k.oid, k.contype::text, "
    "  CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' "
    "       WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END, "
    "  i.indisclustered, obj_description(i.indexrelid, 'pg_class'), "
    "  obj_description(k.oid, 'pg_constraint'), quote_ident(n.nspname) || '.' || "
    "quote_ident(x.relname) "
    "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
    "JOIN pg_namespace n ON n.oid = x.relnamespace "
    "LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid "
    "  AND k.contype IN ('p', 'u', 'x') "
    "WHERE i.indrelid = $1 AND i.indexrelid <> $2 AND i.indisvalid AND i.indisready "
    "  AND NOT i.indisreplident AND (k.contype IS DISTINCT FROM 'x' OR $3) "
    "  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'n' "
    "    AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid "
    "      OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid) "
    "    AND NOT (d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint f "
    "      WHERE f.oid = d.objid AND f.contype = 'f' AND f.conrelid = $1))) "
    "ORDER BY i.indexrelid";

constexpr const char* kForeignKeys =
    "SELECT k.oid, k.conname::text, pg_get_constraintdef(k.oid), "
    "  obj_description(k.oid, 'pg_constraint') "
    "FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype = 'f' AND k.conparentid = 0 "
    "ORDER BY k.oid";

class Collector {
 public:
  Collector(const catalog::LinkRow& link, const TakeOffRules& rules)
      : link_(link), rules_(rules), table_(pg::QualifiedName(link.target)) {}

  std::vector<DeferredObject> Run(Oid key_index) {
    CollectIndexes(key_index);
    CollectForeignKeys();
    return std::move(objects_);
  }

 private:
  void CollectIndexes(Oid key_index) {
    const pg::Rows rows = spi_.Execute(
        kIndexes, {pg::Argument::ObjectId(link_.target), pg::Argument::ObjectId(key_index),
                   pg::Argument::Bool(rules_.exclusion_constraints)});
    for (uint64_t row = 0; row < rows.size(); ++row) {
      const Oid index = rows.ObjectId(row, 1).value();
      DeferredObject object = Named(rows.Text(row, 2).value());
      const std::string qualified = rows.Text(row, 9).value();
      object.definition = pg::Call(pg_get_indexdef_string, index);
      if (const std::optional<Oid> constraint = rows.ObjectId(row, 3))
        Constrain(object, *constraint, rows.Text(row, 4).value(), rows.Text(row, 5).value());
      if (const auto comment = rows.Text(row, 7))
        object.afterwards.push_back(
            fmt::format("COMMENT ON INDEX {} IS {}", qualified, pg::QuoteLiteral(*comment)));
      if (const auto comment = rows.Text(row, 8)) CommentConstraint(object, *comment);
      AddStatistics(object, index, qualified);
      if (rows.Bool(row, 6).value())
        object.afterwards.push_back(
            fmt::format("ALTER TABLE {} CLUSTER ON {}", table_, pg::QuoteIdentifier(object.name)));
      objects_.push_back(std::move(object));
    }
  }

  // A constraint has the name of its index.
  void Constrain(DeferredObject& object, Oid constraint, const std::string& type,
                 const std::string& deferrable) {
    object.kind = DeferredKind::kConstraint;
    if (type == "x") {
      const pg::Rows rows =
          spi_.Execute("SELECT pg_get_constraintdef($1)", {pg::Argument::ObjectId(constraint)});
      object.definition = rows.Text(0, 1).value();
      return;
    }
    object.index_name = object.name;
    object.constraint_clause =
        fmt::format("{} USING INDEX {}{}", type == "p" ? "PRIMARY KEY" : "UNIQUE",
                    pg::QuoteIdentifier(object.name), deferrable);
  }

  void CollectForeignKeys() {
    const pg::Rows rows = spi_.Execute(kForeignKeys, {pg::Argument::ObjectId(link_.target)});
    for (uint64_t row = 0; row < rows.size(); ++row) {
      DeferredObject object = Named(rows.Text(row, 2).value());
      object.kind = DeferredKind::kForeignKey;
      object.definition = rows.Text(row, 3).value();
      if (const auto comment = rows.Text(row, 4)) CommentConstraint(object, *comment);
      objects_.push_back(std::move(object));
    }
  }

  DeferredObject Named(std::string name) const {
    DeferredObject object;
    object.link = link_.id;
    object.from_target = rules_.from_target;
    if (rules_.after_name) object.after_name = rules_.after_name(name);
    object.name = std::move(name);
    return object;
  }

  void CommentConstraint(DeferredObject& object, const std::string& comment) const {
    object.afterwards.push_back(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}",
                                            pg::QuoteIdentifier(object.name), table_,
                                            pg::QuoteLiteral(comment)));
  }

  void AddStatistics(DeferredObject& object, Oid index, const std::string& qualified) {
    const pg::Rows rows = spi_.Execute(
        "SELECT attnum::integer, attstattarget::integer FROM pg_attribute "
        "WHERE attrelid = $1 AND attstattarget >= 0 ORDER BY attnum",
        {pg::Argument::ObjectId(index)});
    for (uint64_t row = 0; row < rows.size(); ++row)
      object.afterwards.push_back(fmt::format("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS {}",
                                              qualified, rows.Int4(row, 1).value(),
                                              rows.Int4(row, 2).value()));
  }

  const catalog::LinkRow& link_;
  const TakeOffRules& rules_;
  const std::string table_;
  pg::Spi spi_;
  std::vector<DeferredObject> objects_;
};

std::string DropStatement(const catalog::LinkRow& link, const DeferredObject& object) {
  const std::string name = pg::QuoteIdentifier(object.name);
  if (object.kind != DeferredKind::kIndex)
    return fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", pg::QualifiedName(link.target), name);
  const char* const schema =
      pg::Section([&] { return get_namespace_name(get_rel_namespace(link.target)); });
  return fmt::format("DROP INDEX {}.{}", pg::QuoteIdentifier(schema), name);
}

void Drop(const catalog::LinkRow& link, const std::vector<DeferredObject>& objects) {
  pg::Spi spi;
  // Foreign keys first: one that references the table itself depends on its unique index.
  for (auto object = objects.rbegin(); object != objects.rend(); ++object)
    spi.Execute(DropStatement(link, *object));
}

}  // namespace

int TakeOff(const catalog::LinkRow& link, const TakeOffRules& rules) {
  Oid key_index = InvalidOid;
  {
    const pg::OpenRelation target(link.target, AccessShareLock);
    if (target->rd_rel->relkind != RELKIND_RELATION) return 0;
    key_index = KeyIndex(target.get(), link.target_key);
  }
  const CanonicalSettings settings;
  const std::vector<DeferredObject> objects = Collector(link, rules).Run(key_index);
  for (const DeferredObject& object : objects)
    catalog::InsertDeferredObject(object);
  Drop(link, objects);
  return static_cast<int>(objects.size());
}

void TakeOffObjects(const catalog::LinkRow& link) {
  const int count = TakeOff(link, {});
  if (count == 0) return;
  catalog::RecordEvent(catalog::EventOf(
      link, "take_off",
      fmt::format("took {} indexes and constraints off {} for the time of the copy", count,
                  pg::QualifiedName(link.target))));
}

void PutBack(const catalog::LinkRow& link) {
  const CanonicalSettings settings;
  for (const DeferredObject& object : catalog::DeferredObjects(link.id, true)) {
    if (!object.from_target) continue;
    const std::vector<std::string> statements = RemainingStatements(link, object, false);
    {
      pg::Spi spi;
      for (const std::string& statement : statements)
        spi.Execute(statement);
    }
    catalog::MarkBuilt(link.id, object.position);
  }
}

}  // namespace pg_cutover::link
