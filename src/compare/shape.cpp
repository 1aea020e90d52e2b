// Which types have one shape; see shape.hpp.
#include "compare/shape.hpp"
#include "link/conversion.hpp"

namespace pg_cutover::compare {

namespace {

bool IsNumber(Oid type) {
  return link::IsInteger(type) || type == OIDOID;
}

// The place of an attribute of that name; -1: there is none.
int FindAttribute(TupleDesc descriptor, const char* name) {
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (!attribute->attisdropped && namestrcmp(&attribute->attname, name) == 0) return i;
  }
  return -1;
}

int AttributeCount(TupleDesc descriptor) {
  int count = 0;
  for (int i = 0; i < descriptor->natts; ++i)
    if (!TupleDescAttr(descriptor, i)->attisdropped) ++count;
  return count;
}

bool SameAttributes(Oid left, Oid right) {
  const TupleDesc of_left = lookup_rowtype_tupdesc(left, -1);
  const TupleDesc of_right = lookup_rowtype_tupdesc(right, -1);
  bool same = AttributeCount(of_left) == AttributeCount(of_right);
  for (int i = 0; same && i < of_left->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(of_left, i);
    if (attribute->attisdropped) continue;
    const int place = FindAttribute(of_right, NameStr(attribute->attname));
    same = place >= 0 && OfOneShape(attribute->atttypid, TupleDescAttr(of_right, place)->atttypid);
  }
  ReleaseTupleDesc(of_left);
  ReleaseTupleDesc(of_right);
  return same;
}

}  // namespace

bool OfOneShape(Oid left, Oid right) {
  check_stack_depth();
  left = getBaseType(left);
  right = getBaseType(right);
  if (left == right) return true;
  if ((IsNumber(left) && IsNumber(right)) || (IsText(left) && IsText(right))) return true;
  const char kind = get_typtype(left);
  // A cast without a function leads from any array or row to a pseudo-type as well.
  if (kind == TYPTYPE_PSEUDO || get_typtype(right) == TYPTYPE_PSEUDO) return false;
  if (IsBinaryCoercible(left, right) || IsBinaryCoercible(right, left)) return true;
  const Oid left_element = get_element_type(left);
  const Oid right_element = get_element_type(right);
  if (OidIsValid(left_element) && OidIsValid(right_element))
    return OfOneShape(left_element, right_element);
  if (kind != get_typtype(right)) return false;
  switch (kind) {
    case TYPTYPE_COMPOSITE:
      return SameAttributes(left, right);
    case TYPTYPE_RANGE:
      return OfOneShape(get_range_subtype(left), get_range_subtype(right));
    case TYPTYPE_MULTIRANGE:
      return OfOneShape(get_multirange_range(left), get_multirange_range(right));
    default:
      return false;
  }
}

bool IsObjectNumber(Oid type) {
  switch (type) {
    case OIDOID:
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCLASSOID:
    case REGTYPEOID:
    case REGROLEOID:
    case REGNAMESPACEOID:
    case REGCOLLATIONOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
      return true;
    default:
      return false;
  }
}

bool IsText(Oid type) {
  return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID ||
         type_is_enum(type);
}

Shown ShownAs(Oid type) {
  check_stack_depth();
  type = getBaseType(type);
  if (type == JSONOID || get_typtype(type) == TYPTYPE_PSEUDO) return Shown::kAsText;
  if (type == FLOAT4OID || type == FLOAT8OID) return Shown::kAsTextWhereAlike;
  const Oid element = get_element_type(type);
  if (OidIsValid(element))
    return ShownAs(element) == Shown::kAsText ? Shown::kAsText : Shown::kAsTextWhereAlike;
  if (get_typtype(type) != TYPTYPE_COMPOSITE) return Shown::kAsJson;
  const TupleDesc attributes = lookup_rowtype_tupdesc(type, -1);
  bool text = false;
  for (int i = 0; i < attributes->natts && !text; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(attributes, i);
    text = !attribute->attisdropped && ShownAs(attribute->atttypid) == Shown::kAsText;
  }
  ReleaseTupleDesc(attributes);
  return text ? Shown::kAsText : Shown::kAsTextWhereAlike;
}

}  // namespace pg_cutover::compare
