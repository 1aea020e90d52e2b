// XXH3 over framed fields. The hash is compiled in, so that the module needs no further library.
#define PG_CUTOVER_CORE 1
#define XXH_INLINE_ALL 1
#include "core/fingerprint.hpp"

#include <limits>

#include <xxhash.h>

namespace pg_cutover::core {
namespace {

// In place of a length: no field is that long.
constexpr uint64_t kNullFrame = std::numeric_limits<uint64_t>::max();

void AppendLittleEndian(std::string& out, uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8)
    out += static_cast<char>((value >> shift) & 0xFFU);
}

}  // namespace

Fingerprint& Fingerprint::Add(std::string_view field) {
  AppendLittleEndian(framed_, field.size());
  framed_ += field;
  return *this;
}

Fingerprint& Fingerprint::AddInteger(int64_t field) {
  AppendLittleEndian(framed_, sizeof(field));
  AppendLittleEndian(framed_, static_cast<uint64_t>(field));
  return *this;
}

Fingerprint& Fingerprint::AddNull() {
  AppendLittleEndian(framed_, kNullFrame);
  return *this;
}

uint64_t Fingerprint::Value() const {
  return Hash64(framed_);
}

uint64_t Hash64(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace pg_cutover::core
