// Assignments in SQL text; see assignment.hpp.
#include <vector>

#include <fmt/format.h>

#include "link/assignment.hpp"

#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::link {

namespace {

// A type with its length or precision; -1: none.
struct Shape {
  Oid type;
  int32 length;
};

Shape BaseOf(Shape shape) {
  return pg::Section([=] {
    int32 length = shape.length;
    const Oid type = getBaseTypeAndTypmod(shape.type, &length);
    return Shape{type, length};
  });
}

Oid ElementOf(Oid type) {
  return pg::Section([=] { return get_element_type(getBaseType(type)); });
}

// What brings a value of the type to a length, if it is told whether a cast is explicit:
// function(value, length, is_explicit).
Oid LengthFunction(Oid type) {
  Oid function = InvalidOid;
  if (find_typmod_coercion_function(type, &function) != COERCION_PATH_FUNC) return InvalidOid;
  return get_func_nargs(function) == 3 ? function : InvalidOid;
}

std::string Cast(const std::string& value, Shape to) {
  return fmt::format("CAST(({}) AS {})", value, pg::TypeName(to.type, to.length));
}

std::string FunctionName(Oid function) {
  return pg::Section([=]() -> const char* {
    return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
                                      get_func_name(function));
  });
}

std::string Assigned(const std::string& value, Shape from, Shape to);

// SQL has no cast of an array that raises an error for a long element. So each element is assigned,
// and counted, before the array is cast, which then has nothing to cut.
std::string AssignedArray(const std::string& value, Shape from, Shape to) {
  const Shape element{ElementOf(to.type), to.length};
  Shape given{ElementOf(from.type), from.length};
  std::string elements = value;
  if (!OidIsValid(given.type)) {
    // A literal, or a type of a user that has a cast to the array.
    const Oid loose = pg::Section([=] { return WithoutLength(to.type); });
    elements = Cast(value, {loose, -1});
    given = {ElementOf(loose), -1};
  }
  return fmt::format(
      "CASE WHEN (SELECT pg_catalog.count({}) FROM pg_catalog.unnest({}) AS u(e)) "
      "OPERATOR(pg_catalog.>=) 0 THEN {} END",
      Assigned("u.e", given, element), elements, Cast(value, to));
}

std::string Assigned(const std::string& value, Shape from, Shape to) {
  const bool same = from.type == to.type && (to.length == -1 || to.length == from.length);
  if (same || !pg::Section([=] { return ExplicitCastCuts(to.type, to.length); }))
    return Cast(value, to);
  const Shape base = BaseOf(to);
  if (base.type != to.type) return Cast(Assigned(value, from, base), to);
  if (OidIsValid(ElementOf(to.type))) return AssignedArray(value, from, to);
  const Oid function = pg::Section([=] { return LengthFunction(to.type); });
  // A composite type: only ROW() is converted to one by its fields.
  if (!OidIsValid(function)) return Cast(value, to);
  return fmt::format("{}({}, {}, false)", FunctionName(function), Cast(value, {to.type, -1}),
                     to.length);
}

std::vector<FormData_pg_attribute> FieldsOf(Oid row_type) {
  const TupleDesc fields =
      pg::Section([=] { return lookup_rowtype_tupdesc_copy(getBaseType(row_type), -1); });
  std::vector<FormData_pg_attribute> present;
  for (int i = 0; i < fields->natts; ++i)
    if (!TupleDescAttr(fields, i)->attisdropped) present.push_back(*TupleDescAttr(fields, i));
  return present;
}

std::string AssignedTree(const std::string& text, Node* value, ::Relation source, Shape to) {
  const Shape from = pg::Section([=] { return Shape{exprType(value), exprTypmod(value)}; });
  if (!IsA(value, RowExpr) || from.type != RECORDOID ||
      pg::Section([=] { return !type_is_rowtype(to.type) || getBaseType(to.type) == RECORDOID; }))
    return Assigned(text, from, to);
  const List* const given = reinterpret_cast<const RowExpr*>(value)->args;
  std::vector<std::string> fields;
  for (const FormData_pg_attribute& field : FieldsOf(to.type)) {
    if (static_cast<int>(fields.size()) == list_length(given)) break;
    auto* const part = static_cast<Node*>(list_nth(given, static_cast<int>(fields.size())));
    fields.push_back(
        AssignedTree(CanonicalText(part, source), part, source, {field.atttypid, field.atttypmod}));
  }
  return Cast(fmt::format("ROW({})", fmt::join(fields, ", ")), to);
}

Oid WithoutArray(Oid type) {
  const Oid base = getBaseType(type);
  const Oid element = get_element_type(base);
  return OidIsValid(element) ? getBaseType(element) : base;
}

bool FieldsCut(Oid row_type) {
  const TupleDesc fields = lookup_rowtype_tupdesc_copy(row_type, -1);
  for (int i = 0; i < fields->natts; ++i) {
    const FormData_pg_attribute* const field = TupleDescAttr(fields, i);
    if (!field->attisdropped && ExplicitCastCuts(field->atttypid, field->atttypmod)) return true;
  }
  return false;
}

}  // namespace

bool ExplicitCastCuts(Oid type, int32 length) {
  check_stack_depth();
  const Oid base = getBaseTypeAndTypmod(type, &length);
  const Oid element = get_element_type(base);
  if (OidIsValid(element)) return ExplicitCastCuts(element, length);
  if (get_typtype(base) == TYPTYPE_COMPOSITE) return FieldsCut(base);
  return length >= 0 && OidIsValid(LengthFunction(base));
}

bool CastKeepsLastBits(Oid from, Oid to) {
  const Oid number = WithoutArray(from);
  return (number == INT4OID || number == INT8OID) && WithoutArray(to) == BITOID;
}

Oid WithoutLength(Oid type) {
  const Oid base = getBaseType(type);
  const Oid element = get_element_type(base);
  if (!OidIsValid(element)) return base;
  const Oid loose = get_array_type(getBaseType(element));
  return OidIsValid(loose) ? loose : base;
}

std::string AsAssigned(const std::string& expression, ::Relation source,
                       const FormData_pg_attribute& column) {
  const Shape to{column.atttypid, column.atttypmod};
  if (!pg::Section([=] { return ExplicitCastCuts(to.type, to.length); }))
    return Cast(expression, to);
  const CanonicalSettings settings;
  const Origin origin{fmt::format("mapping of column \"{}\"", NameStr(column.attname)), expression};
  return AssignedTree(expression, TransformExpression(origin, ParseExpression(origin), source),
                      source, to);
}

}  // namespace pg_cutover::link
