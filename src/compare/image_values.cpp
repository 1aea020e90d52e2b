// The image of a value, and of a row of values; see image.hpp.
#include <cmath>

#include "compare/image_plan.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

namespace {

// Bytes of an out-of-line value that are read at a time.
constexpr int32 kSliceBytes = 4 * 1024 * 1024;

void AppendCounted(ImageWriter* writer, const void* bytes, size_t count) {
  writer->AppendNumber(static_cast<uint32_t>(count));
  writer->Append(bytes, count);
}

// There are many NaNs, and they are one value.
double OneNan(double number) {
  return std::isnan(number) ? get_float8_nan() : number;
}

void AppendDoubles(ImageWriter* writer, const char* bytes, size_t size) {
  for (size_t at = 0; at < size; at += sizeof(double)) {
    double number;
    std::memcpy(&number, bytes + at, sizeof number);
    writer->AppendNumber(OneNan(number));
  }
}

// What is stored out of line and not compressed need not be in memory as a whole.
bool AppendSlices(ImageWriter* writer, struct varlena* stored) {
  if (!VARATT_IS_EXTERNAL_ONDISK(stored)) return false;
  struct varatt_external pointer;
  VARATT_EXTERNAL_GET_POINTER(pointer, stored);
  const auto size = static_cast<int32>(toast_raw_datum_size(PointerGetDatum(stored)) - VARHDRSZ);
  if (VARATT_EXTERNAL_IS_COMPRESSED(pointer) || size <= kSliceBytes) return false;
  writer->AppendNumber(static_cast<uint32_t>(size));
  for (int32 at = 0; at < size; at += kSliceBytes) {
    CHECK_FOR_INTERRUPTS();
    struct varlena* const slice = detoast_attr_slice(stored, at, Min(kSliceBytes, size - at));
    writer->Append(VARDATA_ANY(slice), VARSIZE_ANY_EXHDR(slice));
    pfree(slice);
  }
  return true;
}

void AppendVarlena(ImageWriter* writer, ImageKind kind, Datum value) {
  auto* const stored = reinterpret_cast<struct varlena*>(DatumGetPointer(value));
  if (kind == ImageKind::kVarlena && VARATT_IS_EXTERNAL(stored) && AppendSlices(writer, stored))
    return;
  struct varlena* const plain = pg_detoast_datum_packed(stored);
  const char* const bytes = VARDATA_ANY(plain);
  const auto size = static_cast<int>(VARSIZE_ANY_EXHDR(plain));
  switch (kind) {
    case ImageKind::kBlankPadded:
      AppendCounted(writer, bytes,
                    static_cast<size_t>(bpchartruelen(const_cast<char*>(bytes), size)));
      break;
    case ImageKind::kPath: {
      constexpr size_t kClosed = offsetof(PATH, closed) - VARHDRSZ;
      constexpr size_t kPoints = offsetof(PATH, p) - VARHDRSZ;
      int32 closed;
      std::memcpy(&closed, bytes + kClosed, sizeof closed);
      writer->AppendNumber(static_cast<uint32_t>(size));
      writer->AppendNumber(static_cast<uint8_t>(closed != 0));
      AppendDoubles(writer, bytes + kPoints, static_cast<size_t>(size) - kPoints);
      break;
    }
    case ImageKind::kPolygon: {
      constexpr size_t kPoints = offsetof(POLYGON, p) - VARHDRSZ;
      writer->AppendNumber(static_cast<uint32_t>(size));
      AppendDoubles(writer, bytes + kPoints, static_cast<size_t>(size) - kPoints);
      break;
    }
    default:
      AppendCounted(writer, bytes, static_cast<size_t>(size));
  }
  if (plain != stored) pfree(plain);
}

void AppendForeign(ImageWriter* writer, TypeImage* image, Datum value) {
  if (image->kind == ImageKind::kSent) {
    bytea* const sent = SendFunctionCall(image->function, value);
    AppendCounted(writer, VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent));
    pfree(sent);
  } else {
    char* const printed = OutputFunctionCall(image->function, value);
    AppendCounted(writer, printed, std::strlen(printed));
    pfree(printed);
  }
}

template <class T>
std::byte* Put(std::byte* place, T number) {
  std::memcpy(place, &number, sizeof number);
  return place + sizeof number;
}

// The values that most rows are made of: numbers, and short values that lie in the row as they are.
// Returns the place after the image, nullptr for any other value. There is kRoom at `place`.
[[gnu::always_inline]] inline std::byte* PutPlain(const TypeImage* image, Datum value,
                                                  std::byte* place, const std::byte* end) {
  switch (image->kind) {
    case ImageKind::kByte:
      return Put(place, DatumGetUInt8(value));
    case ImageKind::kTwoBytes:
      return Put(place, DatumGetUInt16(value));
    case ImageKind::kFourBytes:
      return Put(place, DatumGetUInt32(value));
    case ImageKind::kEightBytes:
      return Put(place, DatumGetInt64(value));
    case ImageKind::kInt2:
      return Put(place, static_cast<int64_t>(DatumGetInt16(value)));
    case ImageKind::kInt4:
      return Put(place, static_cast<int64_t>(DatumGetInt32(value)));
    case ImageKind::kUnsigned4:
      return Put(place, static_cast<uint64_t>(DatumGetUInt32(value)));
    case ImageKind::kFloat4: {
      const float4 number = DatumGetFloat4(value);
      return Put(place, std::isnan(number) ? get_float4_nan() : number);
    }
    case ImageKind::kFloat8:
      return Put(place, OneNan(DatumGetFloat8(value)));
    case ImageKind::kFixed: {
      const auto size = static_cast<size_t>(image->length);
      if (size > ImageWriter::kRoom) return nullptr;
      std::memcpy(place, DatumGetPointer(value), size);
      return place + size;
    }
    case ImageKind::kVarlena: {
      const char* const stored = DatumGetPointer(value);
      if (VARATT_IS_EXTERNAL(stored) || VARATT_IS_COMPRESSED(stored)) return nullptr;
      const size_t size = VARSIZE_ANY_EXHDR(stored);
      if (size + sizeof(uint32_t) > static_cast<size_t>(end - place)) return nullptr;
      place = Put(place, static_cast<uint32_t>(size));
      std::memcpy(place, VARDATA_ANY(stored), size);
      return place + size;
    }
    default:
      return nullptr;
  }
}

void AppendOther(ImagePlan* plan, TypeImage* image, Datum value) {
  ImageWriter* const writer = plan->writer;
  switch (image->kind) {
    case ImageKind::kFixed:
      writer->Append(DatumGetPointer(value), static_cast<size_t>(image->length));
      return;
    case ImageKind::kDoubles:
      AppendDoubles(writer, DatumGetPointer(value), static_cast<size_t>(image->length));
      return;
    case ImageKind::kName:
      AppendCounted(writer, DatumGetPointer(value), strnlen(DatumGetCString(value), NAMEDATALEN));
      return;
    case ImageKind::kCString:
      AppendCounted(writer, DatumGetPointer(value), std::strlen(DatumGetCString(value)));
      return;
    case ImageKind::kVarlena:
    case ImageKind::kBlankPadded:
    case ImageKind::kPath:
    case ImageKind::kPolygon:
      AppendVarlena(writer, image->kind, value);
      return;
    case ImageKind::kEnum:
      AppendEnum(plan, value);
      return;
    case ImageKind::kArray:
      AppendArray(plan, image, value);
      return;
    case ImageKind::kRecord:
      AppendRecord(plan, image, value);
      return;
    case ImageKind::kRange:
      AppendRange(plan, image, value);
      return;
    case ImageKind::kMultirange:
      AppendMultirange(plan, image, value);
      return;
    case ImageKind::kSent:
    case ImageKind::kPrinted:
      AppendForeign(writer, image, value);
      return;
    default:
      elog(ERROR, "unexpected kind of image %d", static_cast<int>(image->kind));
  }
}

// The two forms in which PostgreSQL hands over a row.
struct Separate {
  const Datum* values;
  const bool* nulls;
  Datum value(int i) const { return values[i]; }
  bool null(int i) const { return nulls[i]; }
};
struct Paired {
  const NullableDatum* values;
  Datum value(int i) const { return values[i].value; }
  bool null(int i) const { return values[i].isnull; }
};

template <class Row>
void AppendRowOf(ImagePlan* plan, TypeImage* columns, int count, const Row& row) {
  ImageWriter* const writer = plan->writer;
  writer->AppendNumber(static_cast<uint16_t>(count));
  for (int first = 0; first < count; first += 8) {
    unsigned bits = 0;
    for (int i = first; i < Min(first + 8, count); ++i)
      bits |= static_cast<unsigned>(row.null(i)) << (i - first);
    writer->AppendNumber(static_cast<uint8_t>(bits));
  }
  std::byte* place = writer->Place();
  const std::byte* const end = writer->end();
  for (int i = 0; i < count; ++i) {
    if (row.null(i)) continue;
    std::byte* const next = PutPlain(&columns[i], row.value(i), place, end);
    if (next != nullptr && end - next >= static_cast<std::ptrdiff_t>(ImageWriter::kRoom)) {
      place = next;
      continue;
    }
    if (next != nullptr) {
      writer->Advance(next);
    } else {
      writer->Advance(place);
      AppendOther(plan, &columns[i], row.value(i));
    }
    place = writer->Place();
  }
  writer->Advance(place);
}

template <class Row>
core::RowHash HashRowOf(ImagePlan* plan, uint64_t seed, const Row& row) {
  plan->writer->Start(seed);
  AppendRowOf(plan, plan->columns, plan->count, row);
  return plan->writer->Finish();
}

template <class Row>
uint64_t KeyNumberOf(ImagePlan* key_plan, uint64_t seed, const Row& row) {
  // A key and a row of the same values have hashes that know nothing of each other.
  constexpr uint64_t kKeySeed = 0x9e3779b97f4a7c15;
  if (key_plan->count == 1 && !row.null(0)) {
    switch (key_plan->columns[0].type) {
      case INT2OID:
        return static_cast<uint64_t>(static_cast<int64_t>(DatumGetInt16(row.value(0))));
      case INT4OID:
        return static_cast<uint64_t>(static_cast<int64_t>(DatumGetInt32(row.value(0))));
      case INT8OID:
        return static_cast<uint64_t>(DatumGetInt64(row.value(0)));
      case OIDOID:
        return DatumGetObjectId(row.value(0));
      default:
        break;
    }
  }
  return HashRowOf(key_plan, seed ^ kKeySeed, row).low;
}

}  // namespace

void AppendValue(ImagePlan* plan, TypeImage* image, Datum value) {
  ImageWriter* const writer = plan->writer;
  std::byte* const next = PutPlain(image, value, writer->Place(), writer->end());
  if (next != nullptr)
    writer->Advance(next);
  else
    AppendOther(plan, image, value);
}

void AppendRow(ImagePlan* plan, TypeImage* columns, int count, const Datum* values,
               const bool* nulls) {
  AppendRowOf(plan, columns, count, Separate{values, nulls});
}

core::RowHash HashRow(ImagePlan* plan, uint64_t seed, const Datum* values, const bool* nulls) {
  return HashRowOf(plan, seed, Separate{values, nulls});
}

core::RowHash HashRow(ImagePlan* plan, uint64_t seed, const NullableDatum* values) {
  return HashRowOf(plan, seed, Paired{values});
}

uint64_t KeyNumber(ImagePlan* key_plan, uint64_t seed, const Datum* values, const bool* nulls) {
  return KeyNumberOf(key_plan, seed, Separate{values, nulls});
}

uint64_t KeyNumber(ImagePlan* key_plan, uint64_t seed, const NullableDatum* values) {
  return KeyNumberOf(key_plan, seed, Paired{values});
}

}  // namespace pg_cutover::compare
