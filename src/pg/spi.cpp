// SQL from inside the server; see spi.hpp.
#include "pg/spi.hpp"

#include "pg/text.hpp"

namespace pg_cutover::pg {

namespace {

Datum TextDatum(const std::string& value) {
  const char* const data = value.data();
  const auto size = static_cast<int>(value.size());
  return Section([=] { return PointerGetDatum(cstring_to_text_with_len(data, size)); });
}

}  // namespace

Argument Argument::Int4(std::optional<int32_t> value) {
  return {INT4OID, value ? Int32GetDatum(*value) : 0, !value};
}

Argument Argument::Int8(std::optional<int64_t> value) {
  return {INT8OID, value ? Int64GetDatum(*value) : 0, !value};
}

Argument Argument::Float8(std::optional<double> value) {
  return {FLOAT8OID, value ? Float8GetDatum(*value) : 0, !value};
}

Argument Argument::Bool(std::optional<bool> value) {
  return {BOOLOID, value ? BoolGetDatum(*value) : 0, !value};
}

Argument Argument::ObjectId(std::optional<Oid> value) {
  return {OIDOID, value ? ObjectIdGetDatum(*value) : 0, !value};
}

Argument Argument::RegClass(std::optional<Oid> value) {
  return {REGCLASSOID, value ? ObjectIdGetDatum(*value) : 0, !value};
}

Argument Argument::Text(const std::optional<std::string>& value) {
  return {TEXTOID, value ? TextDatum(*value) : 0, !value};
}

Argument Argument::TextArray(const std::optional<std::vector<std::string>>& value) {
  if (!value) return {TEXTARRAYOID, 0, true};
  return {TEXTARRAYOID, MakeTextArray(*value), false};
}

Datum Rows::Value(uint64_t row, int column, bool* null) const {
  const HeapTuple tuple = table_->vals[row];
  const TupleDesc descriptor = table_->tupdesc;
  return Section([=] { return SPI_getbinval(tuple, descriptor, column, null); });
}

std::optional<std::string> Rows::Text(uint64_t row, int column) const {
  const HeapTuple tuple = table_->vals[row];
  const TupleDesc descriptor = table_->tupdesc;
  const char* const text = Section([=] { return SPI_getvalue(tuple, descriptor, column); });
  if (text == nullptr) return std::nullopt;
  return std::string(text);
}

std::optional<int64_t> Rows::Int8(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return std::nullopt;
  return DatumGetInt64(value);
}

std::optional<int32_t> Rows::Int4(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return std::nullopt;
  return DatumGetInt32(value);
}

std::optional<double> Rows::Float8(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return std::nullopt;
  return DatumGetFloat8(value);
}

std::optional<bool> Rows::Bool(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return std::nullopt;
  return DatumGetBool(value);
}

std::optional<Oid> Rows::ObjectId(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return std::nullopt;
  return DatumGetObjectId(value);
}

std::vector<std::string> Rows::TextArray(uint64_t row, int column) const {
  bool null = false;
  const Datum value = Value(row, column, &null);
  if (null) return {};
  return TextArrayValues(value);
}

Spi::Spi(int flags) { Call(SPI_connect_ext, flags); }

Spi::~Spi() {
  ReleaseQuietly(probe_, [] { SPI_finish(); });
}

Rows Spi::Execute(std::string_view sql, const std::vector<Argument>& arguments) {
  return Run(sql, arguments, false, 0);
}

Rows Spi::Query(std::string_view sql, const std::vector<Argument>& arguments, int64_t most) {
  return Run(sql, arguments, true, most);
}

Rows Spi::Run(std::string_view sql, const std::vector<Argument>& arguments, bool read_only,
              int64_t most) {
  const std::string text(sql);
  const char* const statement = text.c_str();
  const Argument* const values = arguments.data();
  const auto count = static_cast<int>(arguments.size());
  const int code = Section([=] {
    auto* const types = static_cast<Oid*>(palloc(sizeof(Oid) * (count + 1)));
    auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* const nulls = static_cast<char*>(palloc(count + 1));
    for (int i = 0; i < count; ++i) {
      types[i] = values[i].type;
      datums[i] = values[i].value;
      nulls[i] = values[i].null ? 'n' : ' ';
    }
    return SPI_execute_with_args(statement, count, types, datums, nulls, read_only, most);
  });
  if (code < 0)
    Raise(ERRCODE_INTERNAL_ERROR, std::string("SQL could not be run: ") + SPI_result_code_string(code),
          text);
  Rows rows;
  rows.table_ = SPI_tuptable;
  rows.affected_ = SPI_processed;
  rows.count_ = SPI_tuptable == nullptr ? 0 : SPI_tuptable->numvals;
  return rows;
}

}  // namespace pg_cutover::pg
