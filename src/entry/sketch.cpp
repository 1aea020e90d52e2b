// migrate_sketch and its helpers: images of rows hashed and summed. migrate_checksum.
#include <fmt/format.h>

#include <vector>

#include "compare/checksum.hpp"
#include "compare/image.hpp"
#include "compare/scan_progress.hpp"
#include "compare/sketch_state.hpp"
#include "entry/arguments.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

using core::SketchKeys;

// What is known of one place in a query that calls one of these functions: the plans for the types
// of its arguments. Lives as long as the call's FmgrInfo.
struct CallSite {
  int first;    // the first argument that is a value of the row
  int columns;  // how many there are
  int key_columns;
  SketchKeys keys;
  compare::ImagePlan* row;
  compare::ImagePlan* key;

  const NullableDatum* ValuesOf(FunctionCallInfo call) const { return call->args + first; }
};

// VARIADIC of an array would make its elements columns, and a row's shape a matter of data.
void RefuseVariadicArray(FunctionCallInfo call) {
  if (pg::Call(get_fn_expr_variadic, call->flinfo))
    pg::Raise(ERRCODE_FEATURE_NOT_SUPPORTED,
              "the columns of a row cannot come from a VARIADIC array", {},
              "Name the columns one by one; an array without VARIADIC is one column.");
}

// `key_columns` of the values from argument `first` on are the key; none: plans are made for rows
// without one. A negative count: all of them are, and nothing else is asked for.
CallSite* MakeSite(FunctionCallInfo call, int first, int key_columns) {
  RefuseVariadicArray(call);
  return pg::Section([=] {
    FmgrInfo* const function = call->flinfo;
    const MemoryContext context = function->fn_mcxt;
    auto* const site = static_cast<CallSite*>(MemoryContextAllocZero(context, sizeof(CallSite)));
    site->first = first;
    site->columns = call->nargs - first;
    site->key_columns = key_columns < 0 ? site->columns : key_columns;
    Oid types[FUNC_MAX_ARGS];
    for (int i = 0; i < site->columns; ++i) {
      types[i] = get_fn_expr_argtype(function, first + i);
      if (!OidIsValid(types[i]))
        ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
                        errmsg("could not determine the type of argument %d", first + i + 1)));
    }
    site->keys = compare::KeyKind(types, site->key_columns);
    if (site->key_columns > 0)
      site->key = compare::MakeImagePlan(context, types, site->key_columns);
    if (key_columns >= 0) site->row = compare::MakeImagePlan(context, types, site->columns);
    function->fn_extra = site;
    return site;
  });
}

uint64_t SeedOf(FunctionCallInfo call, int index) {
  if (call->args[index].isnull)
    pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, "seed must not be null", {},
              "Choose any number, such as 1; hashes under different seeds have nothing in common.");
  return static_cast<uint64_t>(DatumGetInt64(call->args[index].value));
}

int KeyColumnsOf(FunctionCallInfo call, int index, int columns) {
  if (call->args[index].isnull)
    pg::Raise(
        ERRCODE_NULL_VALUE_NOT_ALLOWED, "nkey must not be null", {},
        "Say how many of the columns, from the first on, are the key; 0 for rows without one.");
  const int32 count = DatumGetInt32(call->args[index].value);
  if (count < 0)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("nkey must not be negative: {}", count),
              {}, "Use 0 for rows without a key.");
  if (count > columns)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("nkey is {}, but there are only {} columns", count, columns), {},
              "Put the columns of the key first and count them.");
  return count;
}

// The state is written to in place, which nobody but an aggregate has a right to.
void RequireAggregate(FunctionCallInfo call) {
  if (AggCheckCallContext(call, nullptr) == 0)
    pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, "this function belongs to an aggregate", {},
              "Call migrate_sketch.");
}

bytea* State(Datum value) {
  auto* const sketch = reinterpret_cast<bytea*>(DatumGetPointer(value));
  if (!compare::HoldsSketch(sketch))
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "the state of the aggregate is not a sketch", {},
              "Use migrate_sketch, which begins without a state.");
  return sketch;
}

// In the memory of the row: the executor copies a first state to where it belongs.
bytea* NewState(const CallSite& site, uint64_t seed) {
  const compare::SketchShape shape = {seed, site.keys, site.key_columns, site.columns};
  return pg::Section([&] { return compare::NewSketch(shape); });
}

[[noreturn]] void RefuseChange(const char* what, int64_t before, int64_t now) {
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("{} must be the same for all rows", what),
            fmt::format("It was {} and is {} now.", before, now),
            fmt::format("Pass a constant as {}.", what));
}

// The key number of the arguments of key_number and key_bucket.
uint64_t KeyOfCall(FunctionCallInfo call, uint64_t seed) {
  auto* site = static_cast<CallSite*>(call->flinfo->fn_extra);
  if (site == nullptr) site = MakeSite(call, 1, -1);
  const NullableDatum* const values = site->ValuesOf(call);
  return pg::Section([=] { return compare::KeyNumber(site->key, seed, values); });
}

Datum ArrayOf(const std::vector<Datum>& values, Oid type, int16 length) {
  auto* const data = const_cast<Datum*>(values.data());
  const auto count = static_cast<int>(values.size());
  return pg::Section([=] {
    return PointerGetDatum(construct_array(data, count, type, length, true,
                                           length == 8 ? TYPALIGN_DOUBLE : TYPALIGN_INT));
  });
}

void PutDifference(FunctionCallInfo call, const bytea* a, const bytea* b) {
  const std::byte* const left = compare::StateOf(a);
  const std::byte* const right = compare::StateOf(b);
  const core::SketchDifference difference = core::Subtract(left, right);
  std::vector<Datum> keys;
  for (const uint64_t key : difference.keys)
    keys.push_back(UInt64GetDatum(key));
  std::vector<Datum> surplus;
  for (const int64_t more : difference.surplus)
    surplus.push_back(Int64GetDatum(more));
  std::vector<Datum> buckets;
  for (const uint32_t bucket : difference.buckets)
    buckets.push_back(UInt32GetDatum(bucket));
  const bool whole_rows = core::KeysOfSketch(left) == SketchKeys::kWholeRow;
  Datum values[] = {pg::MakeText(difference.equal ? "equal" : "different"),
                    UInt64GetDatum(core::TotalsOf(left).rows),
                    UInt64GetDatum(core::TotalsOf(right).rows),
                    BoolGetDatum(difference.complete),
                    ArrayOf(keys, INT8OID, 8),
                    ArrayOf(surplus, INT8OID, 8),
                    ArrayOf(buckets, INT4OID, 4)};
  bool nulls[] = {false, false, false, false, false, !whole_rows, false};
  auto* const result = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  pg::Section([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
}

// migrate_sketch as the schema of the function that is being called has it.
std::string SketchAggregate(FunctionCallInfo call) {
  const Oid function = call->flinfo->fn_oid;
  const char* const schema =
      pg::Section([=] { return get_namespace_name(get_func_namespace(function)); });
  return pg::QuoteIdentifier(schema) + ".migrate_sketch";
}

}  // namespace

}  // namespace pg_cutover::entry

// (state, seed, nkey, columns...)
PG_CUTOVER_FUNCTION(pg_cutover_sketch_add) {
  namespace entry = pg_cutover::entry;
  namespace compare = pg_cutover::compare;
  entry::RequireAggregate(fcinfo);
  auto* site = static_cast<entry::CallSite*>(fcinfo->flinfo->fn_extra);
  const uint64_t seed = entry::SeedOf(fcinfo, 1);
  const int key_columns = entry::KeyColumnsOf(fcinfo, 2, fcinfo->nargs - 3);
  if (site == nullptr) site = entry::MakeSite(fcinfo, 3, key_columns);
  if (site->key_columns != key_columns) entry::RefuseChange("nkey", site->key_columns, key_columns);
  bytea* const sketch =
      fcinfo->args[0].isnull ? entry::NewState(*site, seed) : entry::State(fcinfo->args[0].value);
  const uint64_t before = pg_cutover::core::SketchSeed(compare::StateOf(sketch));
  if (before != seed)
    entry::RefuseChange("seed", static_cast<int64_t>(before), static_cast<int64_t>(seed));
  const NullableDatum* const values = site->ValuesOf(fcinfo);
  pg_cutover::pg::Section([=] {
    const pg_cutover::core::RowHash row = compare::HashRow(site->row, seed, values);
    const uint64_t key = site->key == nullptr ? 0 : compare::KeyNumber(site->key, seed, values);
    pg_cutover::core::AddRow(compare::StateOf(sketch), key, row);
    compare::CountScannedRow();
  });
  return PointerGetDatum(sketch);
}

PG_CUTOVER_FUNCTION(pg_cutover_sketch_combine) {
  namespace compare = pg_cutover::compare;
  pg_cutover::entry::RequireAggregate(fcinfo);
  for (const int other : {1, 0}) {
    if (!fcinfo->args[other].isnull) continue;
    fcinfo->isnull = fcinfo->args[1 - other].isnull;
    return fcinfo->args[1 - other].value;
  }
  bytea* const sum = pg_cutover::entry::State(fcinfo->args[0].value);
  const bytea* const more = compare::SketchFrom(fcinfo->args[1].value, "the state of a part");
  compare::RequireMatch(sum, more);
  pg_cutover::core::AddSketch(compare::StateOf(sum), compare::StateOf(more));
  return PointerGetDatum(sum);
}

// (seed, columns...): both halves of the hash, the most significant byte first.
PG_CUTOVER_FUNCTION(pg_cutover_row_hash) {
  namespace entry = pg_cutover::entry;
  const uint64_t seed = entry::SeedOf(fcinfo, 0);
  auto* site = static_cast<entry::CallSite*>(fcinfo->flinfo->fn_extra);
  if (site == nullptr) site = entry::MakeSite(fcinfo, 1, 0);
  const NullableDatum* const values = site->ValuesOf(fcinfo);
  return pg_cutover::pg::Section([=] {
    const pg_cutover::core::RowHash hash = pg_cutover::compare::HashRow(site->row, seed, values);
    const uint64 halves[2] = {pg_hton64(hash.high), pg_hton64(hash.low)};
    auto* const result = static_cast<bytea*>(palloc(VARHDRSZ + sizeof halves));
    SET_VARSIZE(result, VARHDRSZ + sizeof halves);
    std::memcpy(VARDATA(result), halves, sizeof halves);
    return PointerGetDatum(result);
  });
}

PG_CUTOVER_FUNCTION(pg_cutover_key_number) {
  namespace entry = pg_cutover::entry;
  const uint64_t seed = entry::SeedOf(fcinfo, 0);
  return UInt64GetDatum(entry::KeyOfCall(fcinfo, seed));
}

PG_CUTOVER_FUNCTION(pg_cutover_key_bucket) {
  namespace entry = pg_cutover::entry;
  const uint64_t seed = entry::SeedOf(fcinfo, 0);
  return UInt32GetDatum(pg_cutover::core::BucketOf(seed, entry::KeyOfCall(fcinfo, seed)));
}

PG_CUTOVER_FUNCTION(pg_cutover_sketch_diff) {
  namespace entry = pg_cutover::entry;
  namespace compare = pg_cutover::compare;
  const entry::Arguments arguments(fcinfo);
  const bytea* a = arguments.IsNull(0) ? nullptr : compare::SketchFrom(fcinfo->args[0].value, "a");
  const bytea* b = arguments.IsNull(1) ? nullptr : compare::SketchFrom(fcinfo->args[1].value, "b");
  // What the aggregate gives where there are no rows.
  const compare::SketchShape shape = a != nullptr   ? compare::ShapeOf(a)
                                     : b != nullptr ? compare::ShapeOf(b)
                                                    : compare::SketchShape{};
  const bytea* const empty = pg_cutover::pg::Section([&] { return compare::NewSketch(shape); });
  if (a == nullptr) a = empty;
  if (b == nullptr) b = empty;
  compare::RequireMatch(a, b);
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  entry::PutDifference(fcinfo, a, b);
  return 0;
}

PG_CUTOVER_FUNCTION(pg_cutover_checksum) {
  namespace entry = pg_cutover::entry;
  namespace compare = pg_cutover::compare;
  const entry::Arguments arguments(fcinfo);
  compare::ChecksumRequest request;
  request.relation = arguments.Relation(0, "relation");
  request.columns = arguments.OptionalTextArray(1);
  request.filter = arguments.OptionalText(2);
  request.aggregate = entry::SketchAggregate(fcinfo);
  const compare::RelationChecksum checksum = compare::ChecksumOf(request);
  pg_cutover::pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });
  Datum values[] = {UInt64GetDatum(checksum.rows), pg_cutover::pg::MakeText(checksum.digits)};
  auto* const result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  pg_cutover::pg::Section([&] {
    bool nulls[] = {false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  });
  return 0;
}
