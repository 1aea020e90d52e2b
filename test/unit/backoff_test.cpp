// Attempts are spread out, further each time, and never further than the cap.
#include "core/backoff.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

constexpr double kAlmostOne = 1 - std::numeric_limits<double>::epsilon();

TEST(Backoff, the_bound_doubles_up_to_the_cap) {
  Backoff backoff(10, 100);
  for (const int64_t bound : {10, 20, 40, 80, 100, 100}) {
    EXPECT_EQ(backoff.NextDelayMs(kAlmostOne), bound);
  }
  EXPECT_EQ(backoff.attempts(), 6);
}

TEST(Backoff, jitter_covers_everything_from_one_millisecond) {
  Backoff backoff(1000, 1000);
  EXPECT_EQ(backoff.NextDelayMs(0), 1);
  EXPECT_EQ(backoff.NextDelayMs(0.5), 501);
}

TEST(Backoff, a_success_starts_over) {
  Backoff backoff(10, 100);
  backoff.NextDelayMs(0);
  backoff.NextDelayMs(0);
  backoff.Reset();
  EXPECT_EQ(backoff.attempts(), 0);
  EXPECT_EQ(backoff.NextDelayMs(kAlmostOne), 10);
}

TEST(Backoff, endless_failure_and_huge_caps_do_not_overflow) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max() / 2;
  Backoff backoff(3, kHuge);
  for (int i = 0; i < 10'000; ++i) {
    const int64_t delay = backoff.NextDelayMs(kAlmostOne);
    ASSERT_GE(delay, 1);
    ASSERT_LE(delay, kHuge);
  }
  EXPECT_EQ(backoff.attempts(), 10'000);
}

}  // namespace
}  // namespace pg_cutover::core
