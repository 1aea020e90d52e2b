// Which columns can be compared by the images of their values; see checksum_types.hpp.
#include "validate/checksum_types.hpp"

namespace pg_cutover::validate {

namespace {

bool IsNumber(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == OIDOID;
}

bool IsText(Oid type) {
  return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID ||
         type_is_enum(type);
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

}  // namespace pg_cutover::validate
