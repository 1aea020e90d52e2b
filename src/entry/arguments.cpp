// Arguments of SQL-callable functions; see arguments.hpp.
#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "link/dropped.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

bool Arguments::IsNull(int index) const { return call_->args[index].isnull; }

Datum Arguments::Required(int index, const char* name) const {
  if (IsNull(index))
    pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, fmt::format("{} must not be null", name));
  return call_->args[index].value;
}

Oid Arguments::Relation(int index, const char* name) const {
  const Oid relation = RelationOrDropped(index, name);
  link::RequireThere(relation);
  return relation;
}

Oid Arguments::RelationOrDropped(int index, const char* name) const {
  return DatumGetObjectId(Required(index, name));
}

int64_t Arguments::Int8(int index, const char* name) const {
  return DatumGetInt64(Required(index, name));
}

bool Arguments::Bool(int index, const char* name) const {
  return DatumGetBool(Required(index, name));
}

std::string Arguments::Text(int index, const char* name) const {
  return pg::FromText(Required(index, name));
}

std::optional<std::string> Arguments::OptionalText(int index) const {
  if (IsNull(index)) return std::nullopt;
  return pg::FromText(call_->args[index].value);
}

std::optional<int32_t> Arguments::OptionalInt4(int index) const {
  if (IsNull(index)) return std::nullopt;
  return DatumGetInt32(call_->args[index].value);
}

std::optional<std::vector<std::string>> Arguments::OptionalTextArray(int index) const {
  if (IsNull(index)) return std::nullopt;
  return pg::TextArrayValues(call_->args[index].value);
}

std::optional<int64_t> Arguments::OptionalInterval(int index) const {
  if (IsNull(index)) return std::nullopt;
  const Interval* const interval = DatumGetIntervalP(call_->args[index].value);
  constexpr int64_t kMsADay = 86'400'000;
  return interval->time / 1000 + interval->day * kMsADay + interval->month * 30 * kMsADay;
}

Datum Arguments::OptionalDatum(int index) const {
  return IsNull(index) ? 0 : call_->args[index].value;
}

}  // namespace pg_cutover::entry
