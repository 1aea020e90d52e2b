// The alterations of a shadow; see alterations.hpp.
#include <fmt/format.h>

#include "link/alterations.hpp"

#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

constexpr int kRowNumber = 1;

bool IsAllowed(const AlterTableCmd* command) {
  switch (command->subtype) {
    case AT_AddColumn:
    case AT_DropColumn:
    case AT_AlterColumnType:
    case AT_ColumnDefault:
    case AT_SetNotNull:
    case AT_DropNotNull:
    case AT_DropExpression:
    case AT_AddIdentity:
    case AT_SetIdentity:
    case AT_DropIdentity:
    case AT_SetStatistics:
    case AT_SetOptions:
    case AT_ResetOptions:
    case AT_SetStorage:
    case AT_SetCompression:
    case AT_AddConstraint:
    case AT_DropConstraint:
    case AT_SetRelOptions:
    case AT_ResetRelOptions:
      return true;
    default:
      return false;
  }
}

// The commands of the only statement in `text`; nullptr when it is another kind of statement.
bool ParseAlteration(const Origin& origin, const List** commands) {
  const OriginScope scope(origin);
  const char* const text = origin.text.c_str();
  return pg::Section([=] {
    *commands = NIL;
    const List* const statements = raw_parser(text, RAW_PARSE_DEFAULT);
    if (list_length(statements) != 1) return false;
    const Node* const statement = linitial_node(RawStmt, statements)->stmt;
    if (IsA(statement, RenameStmt)) {
      const auto* const rename = reinterpret_cast<const RenameStmt*>(statement);
      return rename->renameType == OBJECT_COLUMN || rename->renameType == OBJECT_TABCONSTRAINT;
    }
    if (!IsA(statement, AlterTableStmt)) return false;
    const auto* const alter = reinterpret_cast<const AlterTableStmt*>(statement);
    for (int i = 0; i < list_length(alter->cmds); ++i)
      if (!IsAllowed(static_cast<const AlterTableCmd*>(list_nth(alter->cmds, i)))) return false;
    *commands = alter->cmds;
    return true;
  });
}

std::string ColumnName(::Relation relation, AttrNumber column) {
  return NameStr(TupleDescAttr(RelationGetDescr(relation), column - 1)->attname);
}

}  // namespace

Lineage::Lineage(::Relation source, Oid shadow) : source_(source), shadow_(shadow) {
  AttrNumber next = 1;
  for (int i = 0; i < RelationGetDescr(source)->natts; ++i)
    if (!TupleDescAttr(RelationGetDescr(source), i)->attisdropped)
      ancestors_[next++] = {static_cast<AttrNumber>(i + 1)};
}

void Lineage::Apply(int number, const std::string& action) {
  const Origin origin{fmt::format("alteration {}: {}", number, action),
                      fmt::format("ALTER TABLE {} {}", pg::QualifiedName(shadow_), action)};
  const List* commands = NIL;
  if (!ParseAlteration(origin, &commands))
    pg::Raise(
        ERRCODE_FEATURE_NOT_SUPPORTED,
        fmt::format("alteration {} is not a change of columns or constraints", number), action,
        "Write what follows ALTER TABLE <name>: ADD, DROP, ALTER or RENAME COLUMN, ADD, DROP or "
        "RENAME CONSTRAINT, SET or RESET (...); do anything else to the new table afterwards.");
  NoteTypeChanges(origin, commands);
  const OriginScope scope(origin);
  pg::Spi spi;
  spi.Execute(origin.text);
}

// USING is read before the statement runs, and in all its commands it means the row as it was then.
void Lineage::NoteTypeChanges(const Origin& origin, const List* commands) {
  const pg::OpenRelation shadow(shadow_, AccessShareLock);
  std::map<AttrNumber, std::string> changed;
  for (int i = 0; i < list_length(commands); ++i) {
    const auto* const command = static_cast<const AlterTableCmd*>(list_nth(commands, i));
    if (command->subtype != AT_AlterColumnType) continue;
    const AttrNumber column =
        pg::Section([&, relation = shadow_] { return get_attnum(relation, command->name); });
    const auto found = ancestors_.find(column);
    if (found == ancestors_.end()) continue;
    if (found->second.type_changed)
      pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
                fmt::format("column \"{}\" changes its type twice", command->name), origin.what,
                "Change it to its final type at once.");
    Node* const expression = reinterpret_cast<const ColumnDef*>(command->def)->raw_default;
    changed[column] =
        expression == nullptr ? "" : UsingOverSource(origin, expression, shadow.get());
  }
  for (auto& [column, expression] : changed) {
    ancestors_[column].type_changed = true;
    ancestors_[column].expression = std::move(expression);
  }
}

std::string Lineage::UsingOverSource(const Origin& origin, Node* raw, ::Relation shadow) const {
  auto* const copy = static_cast<Node*>(pg::Call(copyObjectImpl, static_cast<const void*>(raw)));
  const OriginScope scope(origin);
  const Origin clause{"USING clause", origin.text};
  Node* const value = AnalyseExpression(clause, copy, shadow);
  const Bitmapset* const used = UsedColumns(value);
  if (bms_is_member(-FirstLowInvalidHeapAttributeNumber, used))
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED, "USING must not refer to the whole row", origin.what,
              "Give the column's expression in the parameter columns.");
  const int count = RelationGetDescr(shadow)->natts;
  std::vector<AttrNumber> numbers(count, InvalidAttrNumber);
  for (int i = 0; i < count; ++i) {
    const auto found = ancestors_.find(static_cast<AttrNumber>(i + 1));
    const bool plain = found != ancestors_.end() && !found->second.type_changed;
    if (plain) numbers[i] = found->second.source;
    if (plain || !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used)) continue;
    pg::Raise(
        ERRCODE_FEATURE_NOT_SUPPORTED,
        fmt::format("USING refers to column \"{}\", which an earlier alteration added or changed",
                    ColumnName(shadow, static_cast<AttrNumber>(i + 1))),
        origin.what, "Give the column's expression over the source in the parameter columns.");
  }
  const AttrNumber* const data = numbers.data();
  Node* const mapped = pg::Section([=] {
    AttrMap* const map = make_attrmap(count);
    for (int i = 0; i < count; ++i)
      map->attnums[i] = data[i];
    bool whole_row = false;
    return map_variable_attnos(value, kRowNumber, 0, map, InvalidOid, &whole_row);
  });
  return CanonicalText(mapped, source_);
}

std::vector<InheritedColumn> Lineage::Inherited() const {
  const pg::OpenRelation shadow(shadow_, AccessShareLock);
  std::vector<InheritedColumn> columns;
  for (const auto& [number, ancestor] : ancestors_) {
    const FormData_pg_attribute* const column = TupleDescAttr(shadow.descriptor(), number - 1);
    if (column->attisdropped || column->attgenerated != '\0') continue;
    columns.push_back({NameStr(column->attname),
                       ancestor.expression.empty()
                           ? "source." + pg::QuoteIdentifier(ColumnName(source_, ancestor.source))
                           : ancestor.expression});
  }
  return columns;
}

const Lineage::Ancestor* Lineage::FindBySource(const std::string& source_column,
                                               AttrNumber* shadow_column) const {
  for (const auto& [number, ancestor] : ancestors_) {
    if (ColumnName(source_, ancestor.source) != source_column) continue;
    *shadow_column = number;
    return &ancestor;
  }
  return nullptr;
}

std::optional<std::string> Lineage::NameOf(const std::string& source_column) const {
  AttrNumber number = InvalidAttrNumber;
  if (FindBySource(source_column, &number) == nullptr) return std::nullopt;
  const pg::OpenRelation shadow(shadow_, AccessShareLock);
  if (TupleDescAttr(shadow.descriptor(), number - 1)->attisdropped) return std::nullopt;
  return ColumnName(shadow.get(), number);
}

bool Lineage::TypeChanged(const std::string& source_column) const {
  AttrNumber number = InvalidAttrNumber;
  const Ancestor* const ancestor = FindBySource(source_column, &number);
  return ancestor != nullptr && ancestor->type_changed;
}

}  // namespace pg_cutover::link
