// Images of composite values; see image_plan.hpp.
//
// Attributes of a named type are taken in the order of their names, without dropped ones, so that a
// type whose attributes were declared in another order, or dropped and added again, has the same
// images. An anonymous record has positions only.
#include <algorithm>

#include "compare/image_plan.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

namespace {

template <class T>
T* Allocate(int count) {
  return static_cast<T*>(palloc0(sizeof(T) * static_cast<size_t>(Max(count, 1))));
}

// The type cache forgets a definition when it changes, and gives every one another number.
bool StillCurrent(const RecordLayout* layout, Oid type, int32 modifier) {
  if (layout == nullptr || layout->type != type) return false;
  if (type == RECORDOID) return layout->modifier == modifier;
  return lookup_type_cache(type, TYPECACHE_TUPDESC)->tupDesc_identifier == layout->identifier;
}

void FillLayout(RecordLayout* layout) {
  const bool named = layout->type != RECORDOID;
  if (named)
    layout->identifier = lookup_type_cache(layout->type, TYPECACHE_TUPDESC)->tupDesc_identifier;
  const TupleDesc current = lookup_rowtype_tupdesc(layout->type, layout->modifier);
  // With constraints: they hold the values of columns that older rows were not stored with.
  const TupleDesc descriptor = CreateTupleDescCopyConstr(current);
  ReleaseTupleDesc(current);
  layout->descriptor = descriptor;
  layout->attributes = Allocate<int>(descriptor->natts);
  layout->columns = Allocate<TypeImage>(descriptor->natts);
  layout->stored = Allocate<Datum>(descriptor->natts);
  layout->stored_nulls = Allocate<bool>(descriptor->natts);
  layout->values = Allocate<Datum>(descriptor->natts);
  layout->nulls = Allocate<bool>(descriptor->natts);
  for (int i = 0; i < descriptor->natts; ++i)
    if (!TupleDescAttr(descriptor, i)->attisdropped) layout->attributes[layout->count++] = i;
  if (named)
    std::sort(layout->attributes, layout->attributes + layout->count, [=](int a, int b) {
      return strcmp(NameStr(TupleDescAttr(descriptor, a)->attname),
                    NameStr(TupleDescAttr(descriptor, b)->attname)) < 0;
    });
  for (int i = 0; i < layout->count; ++i)
    PlanType(layout->context, TupleDescAttr(descriptor, layout->attributes[i])->atttypid,
             &layout->columns[i]);
}

}  // namespace

RecordLayout* MakeLayout(MemoryContext parent, Oid type, int32 modifier) {
  const MemoryContext context =
      AllocSetContextCreateInternal(parent, "pg_cutover record layout", ALLOCSET_SMALL_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(context);
  RecordLayout* const layout = Allocate<RecordLayout>(1);
  layout->context = context;
  layout->type = type;
  layout->modifier = modifier;
  FillLayout(layout);
  MemoryContextSwitchTo(caller);
  return layout;
}

RecordLayout* LayoutOf(TypeImage* image, Oid type, int32 modifier) {
  if (StillCurrent(image->layout, type, modifier)) return image->layout;
  if (image->layout != nullptr) MemoryContextDelete(image->layout->context);
  image->layout = nullptr;
  image->layout = MakeLayout(image->context, type, modifier);
  return image->layout;
}

void AppendRecord(ImagePlan* plan, TypeImage* image, Datum value) {
  check_stack_depth();
  const HeapTupleHeader header = DatumGetHeapTupleHeader(value);
  RecordLayout* const layout =
      LayoutOf(image, HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
  HeapTupleData tuple = {};
  tuple.t_len = HeapTupleHeaderGetDatumLength(header);
  ItemPointerSetInvalid(&tuple.t_self);
  tuple.t_data = header;
  heap_deform_tuple(&tuple, layout->descriptor, layout->stored, layout->stored_nulls);
  for (int i = 0; i < layout->count; ++i) {
    layout->values[i] = layout->stored[layout->attributes[i]];
    layout->nulls[i] = layout->stored_nulls[layout->attributes[i]];
  }
  AppendRow(plan, layout->columns, layout->count, layout->values, layout->nulls);
  if (reinterpret_cast<Pointer>(header) != DatumGetPointer(value)) pfree(header);
}

}  // namespace pg_cutover::compare
