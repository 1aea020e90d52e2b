// Images of arrays, ranges and enums: values that hold values of another type; see image_plan.hpp.
#include "compare/image_plan.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

namespace {

// Grows with each change of any enum, so that a renamed label is not served from memory.
uint64 enum_generation = 1;

struct Label {
  Oid value;
  uint32 length;
  char text[NAMEDATALEN];
};

void EnumChanged(Datum, int, uint32) noexcept {
  ++enum_generation;
}

void ForgetLabels(ImagePlan* plan) {
  static bool registered = false;
  if (!registered) {
    CacheRegisterSyscacheCallback(ENUMOID, EnumChanged, Datum{0});
    registered = true;
  }
  if (plan->labels != nullptr) hash_destroy(plan->labels);
  plan->labels = nullptr;
  HASHCTL control = {};
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(Label);
  control.hcxt = plan->context;
  plan->labels =
      hash_create("pg_cutover enum labels", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  plan->labels_generation = enum_generation;
}

void LoadLabel(Oid value, Label* label) {
  const HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
  if (!HeapTupleIsValid(tuple))
    ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                    errmsg("invalid internal value for enum: %u", value)));
  const NameData* const name = &reinterpret_cast<Form_pg_enum>(GETSTRUCT(tuple))->enumlabel;
  label->length = static_cast<uint32>(strnlen(NameStr(*name), NAMEDATALEN));
  std::memcpy(label->text, NameStr(*name), label->length);
  ReleaseSysCache(tuple);
}

// Whether the elements lie side by side just as their images do.
bool StoredAsImages(const TypeImage* element) {
  return element->kind == ImageKind::kByte || element->kind == ImageKind::kFourBytes ||
         element->kind == ImageKind::kEightBytes;
}

// Which elements are NULL, in a form that does not depend on whether a bitmap is stored. Says
// whether any is.
bool AppendNulls(ImageWriter* writer, ArrayType* array, int count) {
  const bool any = array_contains_nulls(array);
  writer->AppendNumber(static_cast<uint8_t>(any));
  if (!any) return false;
  const bits8* const bitmap = ARR_NULLBITMAP(array);
  for (int first = 0; first < count; first += 8) {
    const int here = Min(8, count - first);
    writer->AppendNumber(static_cast<uint8_t>(bitmap[first / 8] & ((1U << here) - 1)));
  }
  return true;
}

void AppendBounds(ImagePlan* plan, TypeImage* image, const RangeBound& lower,
                  const RangeBound& upper, bool empty) {
  unsigned flags = empty ? 1U : 0U;
  if (!empty) {
    flags |= (lower.inclusive ? 2U : 0U) | (upper.inclusive ? 4U : 0U) |
             (lower.infinite ? 8U : 0U) | (upper.infinite ? 16U : 0U);
  }
  plan->writer->AppendNumber(static_cast<uint8_t>(flags));
  if (empty) return;
  if (!lower.infinite) AppendValue(plan, image->element, lower.val);
  if (!upper.infinite) AppendValue(plan, image->element, upper.val);
}

}  // namespace

void AppendEnum(ImagePlan* plan, Datum value) {
  if (plan->labels_generation != enum_generation) ForgetLabels(plan);
  const Oid number = DatumGetObjectId(value);
  auto* label = static_cast<Label*>(hash_search(plan->labels, &number, HASH_FIND, nullptr));
  if (label == nullptr) {
    Label loaded = {};
    LoadLabel(number, &loaded);
    // The lookup may have told us of a change.
    if (plan->labels_generation != enum_generation) ForgetLabels(plan);
    label = static_cast<Label*>(hash_search(plan->labels, &number, HASH_ENTER, nullptr));
    label->length = loaded.length;
    std::memcpy(label->text, loaded.text, sizeof label->text);
  }
  plan->writer->AppendNumber(label->length);
  plan->writer->Append(label->text, label->length);
}

void AppendArray(ImagePlan* plan, TypeImage* image, Datum value) {
  check_stack_depth();
  ImageWriter* const writer = plan->writer;
  TypeImage* const element = image->element;
  ArrayType* const array = DatumGetArrayTypeP(value);
  const int dimensions = ARR_NDIM(array);
  const int count = ArrayGetNItems(dimensions, ARR_DIMS(array));
  writer->AppendNumber(static_cast<uint32_t>(dimensions));
  writer->Append(ARR_DIMS(array), sizeof(int) * static_cast<size_t>(dimensions));
  writer->Append(ARR_LBOUND(array), sizeof(int) * static_cast<size_t>(dimensions));
  const bool nulls = AppendNulls(writer, array, count);
  const char* at = ARR_DATA_PTR(array);
  if (!nulls && StoredAsImages(element)) {
    writer->Append(at, static_cast<size_t>(count) * static_cast<size_t>(element->length));
  } else {
    const bits8* const bitmap = nulls ? ARR_NULLBITMAP(array) : nullptr;
    for (int i = 0; i < count; ++i) {
      if (bitmap != nullptr && (bitmap[i / 8] & (1 << (i % 8))) == 0) continue;
      AppendValue(plan, element, fetch_att(at, element->by_value, element->length));
      at = att_addlength_pointer(at, element->length, at);
      at = reinterpret_cast<const char*>(att_align_nominal(at, element->alignment));
    }
  }
  if (reinterpret_cast<Pointer>(array) != DatumGetPointer(value)) pfree(array);
}

void AppendRange(ImagePlan* plan, TypeImage* image, Datum value) {
  check_stack_depth();
  RangeType* const range = DatumGetRangeTypeP(value);
  RangeBound lower;
  RangeBound upper;
  bool empty;
  range_deserialize(image->range, range, &lower, &upper, &empty);
  AppendBounds(plan, image, lower, upper, empty);
  if (reinterpret_cast<Pointer>(range) != DatumGetPointer(value)) pfree(range);
}

void AppendMultirange(ImagePlan* plan, TypeImage* image, Datum value) {
  check_stack_depth();
  MultirangeType* const ranges = DatumGetMultirangeTypeP(value);
  plan->writer->AppendNumber(ranges->rangeCount);
  for (uint32 i = 0; i < ranges->rangeCount; ++i) {
    RangeBound lower;
    RangeBound upper;
    multirange_get_bounds(image->range, ranges, i, &lower, &upper);
    AppendBounds(plan, image, lower, upper, false);
  }
  if (reinterpret_cast<Pointer>(ranges) != DatumGetPointer(value)) pfree(ranges);
}

}  // namespace pg_cutover::compare
