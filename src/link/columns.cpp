// From what the user gave to a complete mapping; see columns.hpp.
#include <algorithm>

#include <fmt/format.h>

#include "link/columns.hpp"

#include "link/assignment.hpp"
#include "link/expression.hpp"
#include "link/function_bodies.hpp"
#include "link/json.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string NameOf(const FormData_pg_attribute* column) {
  return pg::FromName(column->attname);
}

std::vector<std::string> ColumnNames(TupleDesc columns) {
  std::vector<std::string> names;
  for (int i = 0; i < columns->natts; ++i)
    if (!TupleDescAttr(columns, i)->attisdropped)
      names.push_back(NameOf(TupleDescAttr(columns, i)));
  return names;
}

const FormData_pg_attribute* FindColumn(TupleDesc columns, const std::string& name) {
  for (int i = 0; i < columns->natts; ++i) {
    const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
    if (!column->attisdropped && name == NameStr(column->attname)) return column;
  }
  return nullptr;
}

// The cast that the user may give is one without a length, where a cast to a length cuts values:
// the assignment that follows it then refuses them. An integer's cast to bit has no such form.
std::string CastHint(const std::string& name, const std::string& expression, Oid given,
                     const FormData_pg_attribute* column) {
  struct Wanted {
    Oid type;
    int32 length;
    bool cuts;
  };
  const Wanted wanted = pg::Section([=] {
    const bool cuts = ExplicitCastCuts(column->atttypid, column->atttypmod);
    if (cuts && !CastKeepsLastBits(given, column->atttypid))
      return Wanted{WithoutLength(column->atttypid), -1, false};
    return Wanted{column->atttypid, column->atttypmod, cuts};
  });
  const std::string columns = fmt::format(
      "{{{}: {}}}", JsonText(name),
      JsonText(fmt::format("({})::{}", expression, pg::TypeName(wanted.type, wanted.length))));
  return fmt::format(
      "Write the cast, as in columns => {}.{}", pg::QuoteLiteral(columns),
      wanted.cuts ? " It keeps the last bits of the number that there is room for." : "");
}

class Resolver {
 public:
  Resolver(const ColumnRequest& request, ::Relation source, ::Relation target)
      : request_(request), source_(source), target_(target) {}

  Resolution Run() {
    if (request_.columns != 0)
      for (const auto& [column, expression] : pg::ObjectEntries(request_.columns, "columns"))
        AddGiven(column, expression);
    if (request_.inherited)
      for (const InheritedColumn& column : *request_.inherited)
        AddInherited(column);
    AddRest();
    AddFilter();
    std::sort(
        result_.columns.begin(), result_.columns.end(),
        [](const ResolvedColumn& a, const ResolvedColumn& b) { return a.attribute < b.attribute; });
    NoteUnused();
    return std::move(result_);
  }

 private:
  void AddGiven(const std::string& name, const std::optional<std::string>& expression) {
    if (!expression)
      pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                fmt::format("the column mapping for \"{}\" is null", name), {},
                "Give an SQL expression as text; the text 'NULL' maps the column to NULL.");
    const Origin origin{fmt::format("column mapping for \"{}\"", name), *expression};
    const FormData_pg_attribute* const column = FindColumn(RelationGetDescr(target_), name);
    if (column == nullptr)
      pg::Raise(ERRCODE_UNDEFINED_COLUMN,
                fmt::format("column \"{}\" of target {} does not exist", name, TargetName()),
                fmt::format("It is mapped from: {}", *expression),
                fmt::format("The target has the columns {}.",
                            Join(ColumnNames(RelationGetDescr(target_)))));
    if (column->attgenerated != '\0')
      pg::Raise(ERRCODE_GENERATED_ALWAYS,
                fmt::format("column \"{}\" of target {} is a generated column", name, TargetName()),
                fmt::format("It is mapped from: {}", *expression),
                "Leave it out of the mapping: the target computes it.");
    Node* const value = AnalyseExpression(origin, ParseExpression(origin), source_);
    Add(column, origin, value, CanonicalText(value, source_));
  }

  void AddInherited(const InheritedColumn& inherited) {
    if (Has(inherited.column)) return;
    const Origin origin{fmt::format("mapping of column \"{}\"", inherited.column),
                        inherited.expression};
    const CanonicalSettings settings;
    Node* const value = AnalyseExpression(origin, ParseExpression(origin), source_);
    Add(FindColumn(RelationGetDescr(target_), inherited.column), origin, value,
        inherited.expression);
  }

  void AddRest() {
    // For the quoting of names.
    const CanonicalSettings settings;
    const TupleDesc columns = RelationGetDescr(target_);
    for (int i = 0; i < columns->natts; ++i) {
      const FormData_pg_attribute* const column = TupleDescAttr(columns, i);
      if (column->attisdropped || column->attgenerated != '\0' || Has(NameOf(column))) continue;
      const FormData_pg_attribute* const same =
          request_.inherited ? nullptr : FindColumn(RelationGetDescr(source_), NameOf(column));
      if (same != nullptr)
        AddSameName(column, same);
      else
        LeaveToDefault(column);
    }
  }

  void AddSameName(const FormData_pg_attribute* column, const FormData_pg_attribute* same) {
    Node* const value = pg::Section([=] {
      return reinterpret_cast<Node*>(
          makeVar(1, same->attnum, same->atttypid, same->atttypmod, same->attcollation, 0));
    });
    const std::string text = "source." + pg::QuoteIdentifier(NameOf(same));
    Add(column, {fmt::format("column mapping for \"{}\"", NameOf(column)), text}, value, text);
  }

  void LeaveToDefault(const FormData_pg_attribute* column) {
    result_.defaulted.push_back(NameOf(column));
    if (!request_.owner || !column->attnotnull || column->atthasdef || column->attidentity != '\0')
      return;
    ::Relation const target = target_;
    const AttrNumber number = column->attnum;
    if (pg::Section([=] { return build_column_default(target, number) != nullptr; })) return;
    const std::string name = NameOf(column);
    pg::Raise(ERRCODE_NOT_NULL_VIOLATION,
              fmt::format("no source for column \"{}\" of target {}", name, TargetName()),
              fmt::format("It is NOT NULL, has no default, and {} has no column of this name.",
                          SourceName()),
              fmt::format("Map it, as in columns => '{{\"{}\": \"<expression>\"}}', or give it a "
                          "default.",
                          name));
  }

  void Add(const FormData_pg_attribute* column, const Origin& origin, Node* value,
           std::string expression) {
    const std::string name = NameOf(column);
    Node* const coerced = CoerceToColumn(origin, value, target_, column->attnum);
    if (coerced == nullptr) {
      const std::string type = pg::TypeName(column->atttypid, column->atttypmod);
      const Oid given = pg::Call(exprType, static_cast<const Node*>(value));
      pg::Raise(
          ERRCODE_DATATYPE_MISMATCH,
          fmt::format("column \"{}\" of target {} is of type {} but its mapping is of type {}",
                      name, TargetName(), type, pg::TypeName(given, -1)),
          fmt::format("It is mapped from: {}", origin.text),
          CastHint(name, origin.text, given, column));
    }
    RequireKnownNames(origin, coerced);
    result_.columns.push_back({column->attnum, name, std::move(expression), coerced});
  }

  void AddFilter() {
    if (!request_.filter) return;
    const Origin origin{"filter", *request_.filter};
    Node* const value = AnalyseExpression(origin, ParseExpression(origin), source_);
    Node* const condition = CoerceToCondition(origin, value);
    RequireKnownNames(origin, condition);
    result_.source_filter = CanonicalText(condition, source_);
  }

  void NoteUnused() {
    const TupleDesc columns = RelationGetDescr(source_);
    std::vector<bool> used(columns->natts, false);
    for (const ResolvedColumn& column : result_.columns) {
      const Bitmapset* const reads = UsedColumns(column.value);
      if (bms_is_member(-FirstLowInvalidHeapAttributeNumber, reads)) return;
      for (int i = 0; i < columns->natts; ++i)
        if (bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, reads)) used[i] = true;
    }
    for (int i = 0; i < columns->natts; ++i)
      if (!used[i] && !TupleDescAttr(columns, i)->attisdropped)
        result_.unused.push_back(NameOf(TupleDescAttr(columns, i)));
  }

  bool Has(const std::string& name) const {
    return std::any_of(result_.columns.begin(), result_.columns.end(),
                       [&](const ResolvedColumn& column) { return column.name == name; });
  }

  std::string SourceName() const { return pg::QualifiedName(RelationGetRelid(source_)); }
  std::string TargetName() const { return pg::QualifiedName(RelationGetRelid(target_)); }

  const ColumnRequest& request_;
  const ::Relation source_;
  const ::Relation target_;
  Resolution result_;
};

}  // namespace

Resolution Resolve(const ColumnRequest& request, ::Relation source, ::Relation target) {
  return Resolver(request, source, target).Run();
}

}  // namespace pg_cutover::link
