// The source's foreign keys and triggers for a shadow; see retarget.hpp.
#include <fmt/format.h>

#include "link/retarget.hpp"

#include "link/expression.hpp"
#include "link/rename_tree.hpp"
#include "link/utility.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

// A foreign key is not made for real: that would lock the table it references.
constexpr const char* kForeignKeys =
    "SELECT k.oid, k.conname::text, k.confrelid, "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (n, o) "
    "    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (n, o) "
    "    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o), "
    "  ARRAY(SELECT a.attname::text FROM unnest(k.confdelsetcols) WITH ORDINALITY AS u (n, o) "
    "    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), "
    "  CASE WHEN k.confmatchtype = 'f' THEN ' MATCH FULL' ELSE '' END, "
    "  CASE k.confupdtype WHEN 'r' THEN ' ON UPDATE RESTRICT' WHEN 'c' THEN ' ON UPDATE CASCADE' "
    "    WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT' ELSE '' END, "
    "  CASE k.confdeltype WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'c' THEN ' ON DELETE CASCADE' "
    "    WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT' ELSE '' END, "
    "  CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' "
    "       WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END "
    "  || CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END, "
    "  obj_description(k.oid, 'pg_constraint') "
    "FROM pg_constraint k WHERE k.conrelid = $1 AND k.contype = 'f' AND k.conparentid = 0 "
    "ORDER BY k.oid";

// Not ours: a table that has been migrated before is kept in step with the one it replaced.
constexpr const char* kTriggers =
    "SELECT t.oid, t.tgname::text, t.tgenabled::text, obj_description(t.oid, 'pg_trigger') "
    "FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal "
    "AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid "
    "WHERE d.classid = 'pg_proc'::regclass AND d.objid = t.tgfoid AND d.deptype = 'e' "
    "AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'pg_cutover') ORDER BY t.tgname";

const char* FiringState(const std::string& enabled) {
  if (enabled == "D") return "DISABLE";
  if (enabled == "R") return "ENABLE REPLICA";
  if (enabled == "A") return "ENABLE ALWAYS";
  return nullptr;
}

std::string QuotedList(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + pg::QuoteIdentifier(name);
  return list;
}

}  // namespace

std::vector<catalog::DeferredObject> Retargeter::ForeignKeys() const {
  pg::Spi spi;
  const pg::Rows rows = spi.Execute(kForeignKeys, {pg::Argument::ObjectId(source_)});
  std::vector<catalog::DeferredObject> objects;
  for (uint64_t row = 0; row < rows.size(); ++row) {
    catalog::DeferredObject object;
    object.kind = catalog::DeferredKind::kForeignKey;
    object.name = rows.Text(row, 2).value();
    const Oid referenced = rows.ObjectId(row, 3).value();
    const bool to_itself = referenced == source_;
    const std::optional<std::string> columns = Columns(rows.TextArray(row, 4));
    const std::optional<std::string> keys =
        to_itself ? Columns(rows.TextArray(row, 5)) : QuotedList(rows.TextArray(row, 5));
    const std::optional<std::string> set_columns = Columns(rows.TextArray(row, 6));
    if (!columns || !keys || !set_columns) {
      left_out_.push_back(object.name);
      continue;
    }
    object.definition = fmt::format(
        "FOREIGN KEY ({}) REFERENCES {}({}){}{}{}{}{}", *columns,
        pg::QualifiedName(to_itself ? shadow_ : referenced), *keys, rows.Text(row, 7).value(),
        rows.Text(row, 8).value(), rows.Text(row, 9).value(),
        set_columns->empty() ? "" : fmt::format(" ({})", *set_columns), rows.Text(row, 10).value());
    if (const auto comment = rows.Text(row, 11))
      object.afterwards.push_back(
          fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}", pg::QuoteIdentifier(object.name),
                      pg::QualifiedName(shadow_), pg::QuoteLiteral(*comment)));
    objects.push_back(std::move(object));
  }
  return objects;
}

std::optional<catalog::DeferredObject> Retargeter::MakeTrigger(Oid trigger,
                                                               const std::string& name) {
  const Origin origin{
      fmt::format("re-creating trigger \"{}\" for {}", name, pg::QualifiedName(shadow_)), ""};
  const OriginScope scope(origin);
  pg::Spi spi;
  const std::string definition =
      spi.Execute("SELECT pg_get_triggerdef($1)", {pg::Argument::ObjectId(trigger)})
          .Text(0, 1)
          .value();
  auto* const statement = reinterpret_cast<CreateTrigStmt*>(ParseStatement(definition));
  if (!RenameTrigger(statement, lineage_).empty()) return std::nullopt;
  pg::Section([&] { statement->relation = RangeOf(shadow_); });
  RunStatement(reinterpret_cast<Node*>(statement), definition);
  catalog::DeferredObject object;
  object.kind = catalog::DeferredKind::kTrigger;
  object.name = name;
  object.definition = spi.Execute(
                             "SELECT pg_get_triggerdef(oid) FROM pg_trigger "
                             "WHERE tgrelid = $1 AND tgname = $2::name",
                             {pg::Argument::ObjectId(shadow_), pg::Argument::Text(name)})
                          .Text(0, 1)
                          .value();
  spi.Execute(
      fmt::format("DROP TRIGGER {} ON {}", pg::QuoteIdentifier(name), pg::QualifiedName(shadow_)));
  return object;
}

std::vector<catalog::DeferredObject> Retargeter::Triggers() {
  struct Found {
    Oid trigger;
    std::string name;
    std::string enabled;
    std::optional<std::string> comment;
  };
  std::vector<Found> found;
  {
    pg::Spi spi;
    const pg::Rows rows = spi.Execute(kTriggers, {pg::Argument::ObjectId(source_)});
    for (uint64_t row = 0; row < rows.size(); ++row)
      found.push_back({rows.ObjectId(row, 1).value(), rows.Text(row, 2).value(),
                       rows.Text(row, 3).value(), rows.Text(row, 4)});
  }
  std::vector<catalog::DeferredObject> objects;
  for (const Found& source : found) {
    std::optional<catalog::DeferredObject> object = MakeTrigger(source.trigger, source.name);
    if (!object) {
      left_out_.push_back(source.name);
      continue;
    }
    const std::string name = pg::QuoteIdentifier(source.name);
    const std::string table = pg::QualifiedName(shadow_);
    if (const char* const state = FiringState(source.enabled))
      object->afterwards.push_back(fmt::format("ALTER TABLE {} {} TRIGGER {}", table, state, name));
    if (source.comment)
      object->afterwards.push_back(fmt::format("COMMENT ON TRIGGER {} ON {} IS {}", name, table,
                                               pg::QuoteLiteral(*source.comment)));
    objects.push_back(std::move(*object));
  }
  return objects;
}

}  // namespace pg_cutover::link
