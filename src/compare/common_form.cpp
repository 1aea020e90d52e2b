// The form in which two columns are compared without a link; see common_form.hpp.
#include <fmt/format.h>

#include "compare/common_form.hpp"
#include "compare/shape.hpp"
#include "link/conversion.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::compare {

namespace {

// The first type holds no value that the second does not, and no two that are one there.
constexpr Oid kWidenings[][2] = {
    {DATEOID, TIMESTAMPOID}, {DATEOID, TIMESTAMPTZOID}, {TIMESTAMPOID, TIMESTAMPTZOID},
    {TIMEOID, TIMETZOID},    {FLOAT4OID, FLOAT8OID},    {MACADDROID, MACADDR8OID},
    {JSONOID, JSONBOID},
};

bool IsWidening(Oid from, Oid to) {
  for (const auto& [narrow, wide] : kWidenings)
    if (narrow == from && wide == to) return true;
  return false;
}

bool IsFloat(Oid type) {
  return type == FLOAT4OID || type == FLOAT8OID;
}

bool IsDecimal(Oid type) {
  return link::IsInteger(type) || IsFloat(type) || type == NUMERICOID;
}

// "char" has an image of its own, and is a text all the same.
bool IsLikeText(Oid type) {
  return type == CHAROID || pg::Call(IsText, type);
}

bool IsAssignable(Oid from, Oid to) {
  return pg::Section([=] { return can_coerce_type(1, &from, &to, COERCION_ASSIGNMENT); });
}

bool HasSameBytes(Oid from, Oid to) {
  return pg::Section([=] {
    Oid function;
    return find_coercion_pathway(to, from, COERCION_ASSIGNMENT, &function) ==
           COERCION_PATH_RELABELTYPE;
  });
}

// Without a length: a cast to bit or character would be one to a single one.
std::string Cast(const std::string& expression, Oid type) {
  return fmt::format("CAST(({}) AS {})", expression, pg::TypeName(type, -1));
}

std::string AsNumeric(const std::string& expression, Oid type) {
  // The cast from a float to numeric cuts after 6 or 15 digits.
  const std::string exact = IsFloat(type) ? Cast(expression, TEXTOID) : expression;
  return fmt::format("pg_catalog.trim_scale({})", Cast(exact, NUMERICOID));
}

CommonForm BothCast(const std::string& source, const std::string& target, Oid type) {
  return {Cast(source, type), Cast(target, type), type};
}

std::optional<CommonForm> FormOf(Form_pg_attribute from_column, const std::string& source,
                                 Form_pg_attribute to_column, const std::string& target,
                                 bool in_key) {
  int32 from_modifier = from_column->atttypmod;
  int32 to_modifier = to_column->atttypmod;
  const Oid from = pg::Call(getBaseTypeAndTypmod, from_column->atttypid, &from_modifier);
  const Oid to = pg::Call(getBaseTypeAndTypmod, to_column->atttypid, &to_modifier);
  const CommonForm as_they_are = {source, target, to};
  if (from == to) {
    // What has fewer digits in one of them was rounded, or filled up with zeros.
    if (to != NUMERICOID || to_modifier < 0 || from_modifier == to_modifier) return as_they_are;
    return CommonForm{AsNumeric(source, from), AsNumeric(target, to), to};
  }
  if (link::IsInteger(from) && link::IsInteger(to)) return as_they_are;
  if (IsLikeText(from) && IsLikeText(to)) return BothCast(source, target, TEXTOID);
  if ((link::IsInteger(from) && IsObjectNumber(to)) ||
      (IsObjectNumber(from) && link::IsInteger(to)))
    return BothCast(source, target, INT8OID);
  if (!pg::Call(OfOneShape, from, to) && !IsAssignable(from, to)) return std::nullopt;
  if (IsWidening(from, to)) return CommonForm{Cast(source, to), target, to};
  if (IsWidening(to, from)) return CommonForm{source, Cast(target, from), from};
  if (IsDecimal(from) && IsDecimal(to))
    return CommonForm{AsNumeric(source, from), AsNumeric(target, to), NUMERICOID};
  if (HasSameBytes(from, to)) return CommonForm{Cast(source, to), target, to};
  if (HasSameBytes(to, from)) return CommonForm{source, Cast(target, from), from};
  if (IsLikeText(to)) return BothCast(source, target, TEXTOID);
  // Composite types of two schemas, arrays of two types of texts: there is no = between them.
  if (!in_key && pg::Call(OfOneShape, from, to)) return as_they_are;
  return std::nullopt;
}

}  // namespace

std::string Collated(const std::string& expression, Oid collation) {
  return fmt::format("(ROW(({}) COLLATE {})).f1", expression, pg::Section([=]() -> const char* {
                       return generate_collation_name(collation);
                     }));
}

std::optional<CommonForm> FindCommonForm(Form_pg_attribute from, const std::string& source,
                                         Form_pg_attribute to, const std::string& target,
                                         bool in_key) {
  std::optional<CommonForm> form = FormOf(from, source, to, target, in_key);
  if (!form) return form;
  const Oid of_type = pg::Call(get_typcollation, form->type);
  if (!OidIsValid(of_type) || (form->source == source && from->attcollation == to->attcollation))
    return form;
  form->source = Collated(form->source, OidIsValid(to->attcollation) ? to->attcollation : of_type);
  return form;
}

}  // namespace pg_cutover::compare
