// A 64-bit fingerprint of a sequence of fields: two definitions of a table are the same if theirs
// are.
//
// Must hold: framing is unambiguous ("ab","c" is not "a","bc", and an absent field is not an empty
// one), and the value is stable across versions and machines, because it is stored. Not for
// secrets: XXH3 is not cryptographic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pg_cutover::core {

class Fingerprint {
 public:
  // The field's bytes, whatever they are.
  Fingerprint& Add(std::string_view field);
  // A field of 8 bytes, little-endian.
  Fingerprint& AddInteger(int64_t field);
  // A field that is absent.
  Fingerprint& AddNull();

  // Of the fields so far.
  uint64_t Value() const;

 private:
  std::string framed_;
};

// XXH3-64 of the bytes, without framing.
uint64_t Hash64(std::string_view bytes);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
