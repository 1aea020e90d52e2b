// Arithmetic mod 2^61 - 1 agrees with division by it, at the edges too.
#include "core/mersenne61.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pg_cutover::core::mersenne61 {
namespace {

// Both ends of the range, powers of two, and what is random.
std::vector<uint64_t> Numbers() {
  std::vector<uint64_t> numbers{0, 1, 2, kPrime - 1, kPrime - 2, kPrime / 2, kPrime / 2 + 1};
  for (int shift = 2; shift < 61; shift++)
    numbers.push_back(uint64_t{1} << shift);
  std::mt19937_64 random(3);
  for (int i = 0; i < 100; i++)
    numbers.push_back(random() % kPrime);
  return numbers;
}

TEST(Mersenne61, any_word_is_reduced) {
  for (const uint64_t word : {uint64_t{0}, kPrime - 1, kPrime, kPrime + 1, 2 * kPrime, 7 * kPrime,
                              uint64_t{1} << 61, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    EXPECT_EQ(Reduce(word), word % kPrime) << word;
  }
}

TEST(Mersenne61, sums_differences_and_products_are_those_of_integers) {
  const std::vector<uint64_t> numbers = Numbers();
  for (const uint64_t a : numbers) {
    for (const uint64_t b : numbers) {
      ASSERT_EQ(Add(a, b), (a + b) % kPrime) << a << " " << b;
      ASSERT_EQ(Subtract(a, b), (a + kPrime - b) % kPrime) << a << " " << b;
      const auto product = static_cast<unsigned __int128>(a) * b;
      ASSERT_EQ(Multiply(a, b), static_cast<uint64_t>(product % kPrime)) << a << " " << b;
    }
  }
}

TEST(Mersenne61, a_number_times_its_inverse_is_one) {
  for (const uint64_t a : Numbers()) {
    if (a != 0) {
      EXPECT_EQ(Multiply(a, Inverse(a)), 1U) << a;
    }
  }
}

TEST(Mersenne61, the_upper_half_stands_for_negative_numbers) {
  EXPECT_EQ(Signed(0), 0);
  EXPECT_EQ(Signed(5), 5);
  EXPECT_EQ(Signed(kPrime - 5), -5);
  EXPECT_EQ(Signed(kPrime / 2), static_cast<int64_t>(kPrime / 2));
  EXPECT_EQ(Signed(kPrime / 2 + 1), -static_cast<int64_t>(kPrime / 2));
}

}  // namespace
}  // namespace pg_cutover::core::mersenne61
