// Arithmetic modulo the prime 2^61 - 1, for sums that can be divided.
//
// Arguments and results are in 0..p-1. Whatever they are, nothing overflows into undefined
// behaviour: sketches come from outside, and their words pass Reduce first.
#pragma once

#include <cstdint>

namespace pg_cutover::core::mersenne61 {

inline constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;

// 0..2p-1 to 0..p-1. Without a branch: of random sums a processor would guess every second one
// wrong.
constexpr uint64_t ReduceOnce(uint64_t x) {
  return (x + ((x + 1) >> 61)) & kPrime;
}

// Any number: 2^61 = 1, so that the high bits are added to the low ones.
constexpr uint64_t Reduce(uint64_t x) {
  return ReduceOnce((x & kPrime) + (x >> 61));
}

constexpr uint64_t Add(uint64_t a, uint64_t b) {
  return ReduceOnce(a + b);
}

constexpr uint64_t Subtract(uint64_t a, uint64_t b) {
  return ReduceOnce(a + kPrime - b);
}

constexpr uint64_t Multiply(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return ReduceOnce((static_cast<uint64_t>(product) & kPrime) +
                    static_cast<uint64_t>(product >> 61));
}

// The inverse of a number other than 0, by Fermat: a^(p-2).
constexpr uint64_t Inverse(uint64_t a) {
  uint64_t result = 1;
  uint64_t power = a;
  for (uint64_t exponent = kPrime - 2; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = Multiply(result, power);
    power = Multiply(power, power);
  }
  return result;
}

// The number of least magnitude that is `a` modulo p.
constexpr int64_t Signed(uint64_t a) {
  return a > kPrime / 2 ? -static_cast<int64_t>(kPrime - a) : static_cast<int64_t>(a);
}

}  // namespace pg_cutover::core::mersenne61

#include "core/no_postgres.hpp"
