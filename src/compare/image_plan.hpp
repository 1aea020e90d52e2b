// How images are made, type by type: inside of compare/image*.cpp only.
//
// Everything here is plain memory of the plan's context. Functions may raise PostgreSQL errors and
// leave nothing behind but memory.
#pragma once

#include "compare/image.hpp"
#include "compare/image_writer.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

enum class ImageKind : uint8_t {
  kByte,         // one byte by value
  kTwoBytes,     // by value, as they are
  kFourBytes,    //
  kEightBytes,   //
  kInt2,         // sign-extended to eight bytes: one image for integers of every width
  kInt4,         //
  kUnsigned4,    // zero-extended: an oid is a number
  kFloat4,       // one NaN; -0 is not 0
  kFloat8,       //
  kFixed,        // so many bytes by reference
  kDoubles,      // so many bytes of float8 by reference
  kPath,         //
  kPolygon,      // without the bounding box, which the points give
  kName,         // up to its NUL
  kCString,      // a literal of unknown type
  kVarlena,      // length and bytes
  kBlankPadded,  // without trailing blanks
  kEnum,         // its label: object numbers differ between types and databases
  kArray,        // never as stored: a null bitmap may be left over
  kRecord,       // attribute by attribute: the header names type and database
  kRange,        // flags and bounds
  kMultirange,   //
  kSent,         // an extension's type, through its immutable send function
  kPrinted,      // or output function; tsquery, which has several stored forms of one value
};

struct TypeImage;

// The attributes of one composite type as it is now, in the order of the image.
struct RecordLayout {
  MemoryContext context;
  Oid type;
  int32 modifier;
  uint64 identifier;  // of a named type's definition in the type cache
  TupleDesc descriptor;
  int count;
  int* attributes;     // indexes into the descriptor
  TypeImage* columns;  // of `attributes`, in their order
  Datum* stored;       // for all attributes of the descriptor
  bool* stored_nulls;
  Datum* values;  // for `attributes`
  bool* nulls;
};

struct TypeImage {
  ImageKind kind;
  bool by_value;
  char alignment;
  int16 length;
  Oid type;               // of a domain, the base type
  MemoryContext context;  // what hangs on this
  TypeImage* element;     // of an array; the bound of a range or multirange
  TypeCacheEntry* range;  // of a range, or a multirange's ranges; it outlives the plan
  RecordLayout* layout;   // of a record: the last one seen
  FmgrInfo* function;     // kSent, kPrinted
};

struct ImagePlan {
  MemoryContext context;
  ImageWriter* writer;
  int count;
  TypeImage* columns;
  HTAB* labels;  // of enums, by value
  uint64 labels_generation;
};

// Fills `image` for values of a type; raises feature_not_supported for one that has no image.
void PlanType(MemoryContext context, Oid type, TypeImage* image);
// The layout that values of a composite type have now; `modifier` tells anonymous ones apart.
RecordLayout* LayoutOf(TypeImage* image, Oid type, int32 modifier);
// A new one, in a memory context of its own.
RecordLayout* MakeLayout(MemoryContext parent, Oid type, int32 modifier);

// These append to the plan's writer. A value is not NULL.
void AppendValue(ImagePlan* plan, TypeImage* image, Datum value);
void AppendRow(ImagePlan* plan, TypeImage* columns, int count, const Datum* values,
               const bool* nulls);
void AppendArray(ImagePlan* plan, TypeImage* image, Datum value);
void AppendRecord(ImagePlan* plan, TypeImage* image, Datum value);
void AppendRange(ImagePlan* plan, TypeImage* image, Datum value);
void AppendMultirange(ImagePlan* plan, TypeImage* image, Datum value);
void AppendEnum(ImagePlan* plan, Datum value);

}  // namespace pg_cutover::compare
