// Reading a job's throttle; see throttle_spec.hpp.
#include <cctype>
#include <charconv>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "core/byte_size.hpp"
#include "core/invalid_input.hpp"

#include "job/throttle_spec.hpp"
#include "job/throttle_query.hpp"
#include "pg/call.hpp"
#include "pg/spi.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text.hpp"

namespace pg_cutover::job {

namespace {

using core::ThrottleSpec;

constexpr int64_t kMicrosADay = 86'400'000'000;

Datum ToJsonb(const std::string& text) {
  const char* const source = text.c_str();
  return pg::Section([=] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(source)); });
}

[[noreturn]] void Invalid(std::string_view key, const std::string& value, std::string_view what,
                          std::string hint) {
  pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
            fmt::format("throttle key \"{}\": \"{}\" is not {}", key, value, what), {},
            std::move(hint));
}

double Number(std::string_view key, const std::string& value) {
  double number = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end)
    Invalid(key, value, "a number", fmt::format("Write {{\"{}\": 10}}.", key));
  return number;
}

int64_t Whole(std::string_view key, const std::string& value) {
  int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end)
    Invalid(key, value, "a whole number", fmt::format("Write {{\"{}\": 10}}.", key));
  return number;
}

std::optional<int64_t> TryBytes(const std::string& value) {
  try {
    return core::ParseBytes(value);
  } catch (const core::InvalidInput&) {
    return std::nullopt;
  }
}

int64_t Bytes(std::string_view key, const std::string& value) {
  const std::optional<int64_t> bytes = TryBytes(value);
  if (!bytes) Invalid(key, value, "a size", fmt::format("Write {{\"{}\": \"64 MB\"}}.", key));
  return *bytes;
}

int64_t Milliseconds(std::string_view key, const std::string& value) {
  const char* const text = value.c_str();
  try {
    return pg::InSubtransaction([=] {
      return pg::Section([=]() -> int64_t {
        const Interval* const interval = DatumGetIntervalP(DirectFunctionCall3(
            interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
        const int64_t days = int64_t{interval->month} * DAYS_PER_MONTH + interval->day;
        return (interval->time + days * kMicrosADay) / 1000;
      });
    });
  } catch (const pg::Error&) {
    Invalid(key, value, "an interval or a size",
            fmt::format("Write {{\"{0}\": \"5 s\"}} or {{\"{0}\": \"16 MB\"}}.", key));
  }
}

// A small number without a unit means seconds to whoever writes it and bytes to us.
constexpr int64_t kLeastBareBytes = 1024;

void ReadLag(ThrottleSpec* spec, std::string_view key, const std::string& value) {
  const bool bare = value.find_first_not_of("0123456789.") == std::string::npos;
  const int64_t number = bare ? TryBytes(value).value_or(0) : 0;
  if (number > 0 && number < kLeastBareBytes)
    Invalid(key, value, "clear without a unit",
            fmt::format("Write {{\"{0}\": \"{1} s\"}} or {{\"{0}\": \"{1} kB\"}}.", key, value));
  if (const std::optional<int64_t> bytes = TryBytes(value))
    spec->max_replication_lag_bytes = *bytes;
  else
    spec->max_replication_lag_ms = Milliseconds(key, value);
}

using Reader = void (*)(ThrottleSpec*, std::string_view, const std::string&);

Reader ReaderOf(std::string_view key) {
  static const std::map<std::string_view, Reader> readers = {
      {"max_replication_lag", ReadLag},
      {"max_slot_lag",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_slot_lag_bytes = Bytes(key, value);
       }},
      {"max_archive_backlog",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_archive_backlog = Whole(key, value);
       }},
      {"max_active_backends",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_active_backends = Whole(key, value);
       }},
      {"max_lock_waiters",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_lock_waiters = Whole(key, value);
       }},
      {"max_rows_per_second",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_rows_per_second = Number(key, value);
       }},
      {"max_wal_bytes_per_second",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->max_wal_bytes_per_second = static_cast<double>(Bytes(key, value));
       }},
      {"target_batch_ms",
       [](ThrottleSpec* spec, std::string_view key, const std::string& value) {
         spec->target_batch_ms = Number(key, value);
       }},
      {"query",
       [](ThrottleSpec* spec, std::string_view, const std::string& value) { spec->query = value; }},
      {"window", [](ThrottleSpec* spec, std::string_view,
                    const std::string& value) { spec->window = core::Window::Parse(value); }},
      {"ratio", [](ThrottleSpec* spec, std::string_view key,
                   const std::string& value) { spec->ratio = Number(key, value); }},
  };
  const auto found = readers.find(key);
  return found == readers.end() ? nullptr : found->second;
}

}  // namespace

core::ThrottleSpec ReadThrottle(const std::string& jsonb_text) {
  ThrottleSpec spec;
  for (const auto& [key, value] : pg::ObjectEntries(ToJsonb(jsonb_text), "throttle")) {
    const Reader read = ReaderOf(key);
    if (read == nullptr)
      pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("unknown throttle key \"{}\"", key),
                {}, fmt::format("Known keys: {}.", fmt::join(core::kThrottleKeys, ", ")));
    if (value) read(&spec, key, *value);
  }
  core::Validate(spec);
  return spec;
}

core::ThrottleSpec ParseThrottle(const std::string& jsonb_text) {
  ThrottleSpec spec = ReadThrottle(jsonb_text);
  if (spec.query) spec.query = CanonicalQuery(*spec.query);
  return spec;
}

std::string CanonicalThrottle(const std::string& jsonb_text) {
  const ThrottleSpec spec = ParseThrottle(jsonb_text);
  if (!spec.query) return jsonb_text;
  // Pure functions of the parameters, as the caller.
  const pg::ActiveSnapshot snapshot;
  pg::Spi spi;
  return spi
      .Query(
          "SELECT pg_catalog.jsonb_set($1::pg_catalog.jsonb, '{query}', "
          "pg_catalog.to_jsonb($2))::pg_catalog.text",
          {pg::Argument::Text(jsonb_text), pg::Argument::Text(*spec.query)})
      .Text(0, 1)
      .value();
}

}  // namespace pg_cutover::job
