// Which image a type has; see image_plan.hpp. Decided once for each column of a call.
#include "compare/image_plan.hpp"
#include "compare/shape.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

namespace {

// Types of the server itself. False: not one of them.
bool BuiltinKind(Oid type, ImageKind* kind) {
  if (IsObjectNumber(type)) {
    *kind = ImageKind::kUnsigned4;
    return true;
  }
  switch (type) {
    case BOOLOID:
    case CHAROID:
      *kind = ImageKind::kByte;
      return true;
    case INT2OID:
      *kind = ImageKind::kInt2;
      return true;
    case INT4OID:
      *kind = ImageKind::kInt4;
      return true;
    case XIDOID:
    case CIDOID:
    case DATEOID:
      *kind = ImageKind::kFourBytes;
      return true;
    case INT8OID:
    case XID8OID:
    case MONEYOID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
    case PG_LSNOID:
      *kind = ImageKind::kEightBytes;
      return true;
    case FLOAT4OID:
      *kind = ImageKind::kFloat4;
      return true;
    case FLOAT8OID:
      *kind = ImageKind::kFloat8;
      return true;
    case TIMETZOID:
    case INTERVALOID:
    case UUIDOID:
    case MACADDROID:
    case MACADDR8OID:
    case TIDOID:
    case ACLITEMOID:
      *kind = ImageKind::kFixed;
      return true;
    case POINTOID:
    case LSEGOID:
    case BOXOID:
    case LINEOID:
    case CIRCLEOID:
      *kind = ImageKind::kDoubles;
      return true;
    case PATHOID:
      *kind = ImageKind::kPath;
      return true;
    case POLYGONOID:
      *kind = ImageKind::kPolygon;
      return true;
    case NAMEOID:
      *kind = ImageKind::kName;
      return true;
    case UNKNOWNOID:
      *kind = ImageKind::kCString;
      return true;
    case TSQUERYOID:
      // Its operators lie in another order, and twice, in a query that functions have put together.
      *kind = ImageKind::kPrinted;
      return true;
    case BPCHAROID:
      *kind = ImageKind::kBlankPadded;
      return true;
    // Stored forms that are a function of the value: text of every kind, numbers with their scale,
    // and what the server itself compares by bytes or never alters once it is made.
    case TEXTOID:
    case VARCHAROID:
    case BYTEAOID:
    case JSONOID:
    case XMLOID:
    case REFCURSOROID:
    case NUMERICOID:
    case JSONBOID:
    case JSONPATHOID:
    case INETOID:
    case CIDROID:
    case BITOID:
    case VARBITOID:
    case TSVECTOROID:
    case GTSVECTOROID:
    case PG_SNAPSHOTOID:
    case TXID_SNAPSHOTOID:
    case PG_NODE_TREEOID:
    case PG_NDISTINCTOID:
    case PG_DEPENDENCIESOID:
    case PG_MCV_LISTOID:
    case PG_BRIN_BLOOM_SUMMARYOID:
    case PG_BRIN_MINMAX_MULTI_SUMMARYOID:
      *kind = ImageKind::kVarlena;
      return true;
    default:
      return false;
  }
}

// Whether equality of values is equality of bytes, by the contract that deduplication of btree
// indexes relies on.
bool EqualImage(Oid type) {
  const TypeCacheEntry* const cache = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
  if (!OidIsValid(cache->btree_opf)) return false;
  const Oid function = get_opfamily_proc(cache->btree_opf, cache->btree_opintype,
                                         cache->btree_opintype, BTEQUALIMAGE_PROC);
  return OidIsValid(function) &&
         DatumGetBool(OidFunctionCall1Coll(function, C_COLLATION_OID,
                                           ObjectIdGetDatum(cache->btree_opintype)));
}

bool Immutable(Oid function) {
  return OidIsValid(function) && func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

[[noreturn]] void RefuseType(Oid type) {
  ereport(
      ERROR,
      (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
       errmsg("values of type %s cannot be compared by hash", format_type_be(type)),
       errdetail("The type has neither byte-wise equality nor an immutable binary or text form."),
       errhint("Cast the column to a type that has, such as text.")));
}

void SetFunction(MemoryContext context, Oid function, TypeImage* image) {
  image->function = static_cast<FmgrInfo*>(MemoryContextAllocZero(context, sizeof(FmgrInfo)));
  fmgr_info_cxt(function, image->function, context);
}

// Types of extensions: by their bytes where these are the value, else by an immutable form.
void PlanForeignType(MemoryContext context, Form_pg_type form, TypeImage* image) {
  if (EqualImage(form->oid)) {
    if (form->typbyval) {
      image->kind = form->typlen == 1   ? ImageKind::kByte
                    : form->typlen == 2 ? ImageKind::kTwoBytes
                    : form->typlen == 4 ? ImageKind::kFourBytes
                                        : ImageKind::kEightBytes;
    } else {
      image->kind = form->typlen > 0     ? ImageKind::kFixed
                    : form->typlen == -1 ? ImageKind::kVarlena
                                         : ImageKind::kCString;
    }
    return;
  }
  const bool sent = Immutable(form->typsend);
  if (!sent && !Immutable(form->typoutput)) RefuseType(form->oid);
  image->kind = sent ? ImageKind::kSent : ImageKind::kPrinted;
  SetFunction(context, sent ? form->typsend : form->typoutput, image);
}

TypeImage* PlanElement(MemoryContext context, Oid type) {
  auto* const element = static_cast<TypeImage*>(MemoryContextAllocZero(context, sizeof(TypeImage)));
  PlanType(context, type, element);
  return element;
}

void PlanRange(MemoryContext context, TypeCacheEntry* range, TypeImage* image) {
  image->range = range;
  image->element = PlanElement(context, range->rngelemtype->type_id);
}

void PlanByCategory(MemoryContext context, Form_pg_type form, TypeImage* image) {
  switch (form->typtype) {
    case TYPTYPE_ENUM:
      image->kind = ImageKind::kEnum;
      return;
    case TYPTYPE_COMPOSITE:
      image->kind = ImageKind::kRecord;
      image->layout = MakeLayout(context, form->oid, -1);
      return;
    case TYPTYPE_RANGE:
      image->kind = ImageKind::kRange;
      PlanRange(context, lookup_type_cache(form->oid, TYPECACHE_RANGE_INFO), image);
      return;
    case TYPTYPE_MULTIRANGE:
      image->kind = ImageKind::kMultirange;
      PlanRange(context, lookup_type_cache(form->oid, TYPECACHE_MULTIRANGE_INFO)->rngtype, image);
      return;
    case TYPTYPE_BASE:
      PlanForeignType(context, form, image);
      return;
    default:
      RefuseType(form->oid);
  }
}

}  // namespace

void PlanType(MemoryContext context, Oid type, TypeImage* image) {
  check_stack_depth();
  const Oid base = getBaseType(type);
  const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for type %u", base);
  auto* const form = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
  image->type = base;
  image->context = context;
  image->length = form->typlen;
  image->by_value = form->typbyval;
  image->alignment = form->typalign;
  const Oid element = get_element_type(base);
  if (base == RECORDOID) {
    image->kind = ImageKind::kRecord;
  } else if (OidIsValid(element)) {
    image->kind = ImageKind::kArray;
    image->element = PlanElement(context, element);
  } else if (!BuiltinKind(base, &image->kind)) {
    PlanByCategory(context, form, image);
  } else if (image->kind == ImageKind::kPrinted) {
    SetFunction(context, form->typoutput, image);
  }
  ReleaseSysCache(tuple);
}

ImagePlan* MakeImagePlan(MemoryContext context, const Oid* types, int count) {
  auto* const plan = static_cast<ImagePlan*>(MemoryContextAllocZero(context, sizeof(ImagePlan)));
  plan->context = context;
  plan->count = count;
  plan->columns =
      static_cast<TypeImage*>(MemoryContextAllocZero(context, sizeof(TypeImage) * Max(count, 1)));
  for (int i = 0; i < count; ++i)
    PlanType(context, types[i], &plan->columns[i]);
  void* const memory =
      MemoryContextAllocZero(context, sizeof(ImageWriter) + ImageWriter::kAlignment);
  plan->writer = reinterpret_cast<ImageWriter*>(TYPEALIGN(ImageWriter::kAlignment, memory));
  return plan;
}

core::SketchKeys KeyKind(const Oid* types, int count) {
  if (count == 0) return core::SketchKeys::kWholeRow;
  if (count > 1) return core::SketchKeys::kHashed;
  switch (getBaseType(types[0])) {
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
      return core::SketchKeys::kInteger;
    default:
      return core::SketchKeys::kHashed;
  }
}

}  // namespace pg_cutover::compare
