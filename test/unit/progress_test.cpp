// Progress says what is known, says when it is not, and reaches 100 % only at the end.
#include "core/progress.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(Percent, is_unknown_without_a_total_and_clamped_with_one) {
  EXPECT_EQ(Percent(5, std::nullopt), std::nullopt);
  EXPECT_EQ(Percent(41, 100), 41.0);
  EXPECT_EQ(Percent(120, 100), 100.0);
  EXPECT_EQ(Percent(-1, 100), 0.0);
}

TEST(Percent, an_empty_table_is_done) {
  EXPECT_EQ(Percent(0, 0), 100.0);
}

TEST(RateMeter, is_unknown_until_time_has_passed) {
  RateMeter meter;
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
  meter.Observe(0, 0);
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
  meter.Observe(500, 0);
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
  meter.Observe(1000, kSecond);
  EXPECT_EQ(meter.PerSecond(), 1000.0);
}

TEST(RateMeter, a_resumed_job_does_not_count_what_was_done_before) {
  RateMeter meter;
  meter.Observe(1'000'000, 0);
  meter.Observe(1'000'100, kSecond);
  EXPECT_EQ(meter.PerSecond(), 100.0);
}

TEST(RateMeter, an_old_rate_has_half_its_weight_after_a_half_life) {
  RateMeter meter(10);
  meter.Observe(0, 0);
  meter.Observe(1000, kSecond);
  meter.Observe(1000, 11 * kSecond);
  ASSERT_TRUE(meter.PerSecond());
  EXPECT_NEAR(*meter.PerSecond(), 500, 1e-6);
}

TEST(RateMeter, does_not_depend_on_how_often_it_is_asked) {
  RateMeter often(10);
  RateMeter seldom(10);
  for (RateMeter* const meter : {&often, &seldom}) {
    meter->Observe(0, 0);
    meter->Observe(1000, kSecond);
  }
  for (int64_t step = 1; step <= 100; ++step) {
    often.Observe(1000 + step * 20, kSecond + step * kSecond / 10);
  }
  seldom.Observe(3000, 11 * kSecond);
  EXPECT_NEAR(*often.PerSecond(), *seldom.PerSecond(), 1e-6);
}

TEST(RateMeter, a_counter_that_starts_over_is_a_new_base_line) {
  RateMeter meter;
  meter.Observe(1000, 0);
  meter.Observe(10, kSecond);
  EXPECT_EQ(meter.PerSecond(), std::nullopt);
  meter.Observe(20, 2 * kSecond);
  EXPECT_EQ(meter.PerSecond(), 10.0);
}

TEST(EtaSeconds, is_what_is_left_over_the_rate) {
  EXPECT_EQ(EtaSeconds(40, 100, 20.0), 3.0);
  EXPECT_EQ(EtaSeconds(100, 100, std::nullopt), 0.0);
  EXPECT_EQ(EtaSeconds(150, 100, 1.0), 0.0);
}

TEST(EtaSeconds, is_unknown_rather_than_invented) {
  EXPECT_EQ(EtaSeconds(40, std::nullopt, 20.0), std::nullopt);
  EXPECT_EQ(EtaSeconds(40, 100, std::nullopt), std::nullopt);
  EXPECT_EQ(EtaSeconds(40, 100, 0.0), std::nullopt);
  EXPECT_EQ(EtaSeconds(40, 100, std::nan("")), std::nullopt);
}

TEST(ProgressBar, draws_what_is_done) {
  EXPECT_EQ(ProgressBar(41.0), "[########............]  41.0 %");
  EXPECT_EQ(ProgressBar(0.0), "[....................]   0.0 %");
  EXPECT_EQ(ProgressBar(100.0), "[####################] 100.0 %");
  EXPECT_EQ(ProgressBar(57.3, 10), "[#####.....]  57.3 %");
  EXPECT_EQ(ProgressBar(50.0, 1), "[.]  50.0 %");
}

TEST(ProgressBar, shows_100_percent_only_when_all_is_done) {
  EXPECT_EQ(ProgressBar(99.99), "[###################.]  99.9 %");
  EXPECT_EQ(ProgressBar(Percent(9'999'999'999, 10'000'000'000)), "[###################.]  99.9 %");
  EXPECT_EQ(ProgressBar(std::nextafter(100.0, 0.0)), "[###################.]  99.9 %");
}

TEST(ProgressBar, an_unknown_percent_is_a_question_mark) {
  EXPECT_EQ(ProgressBar(std::nullopt), "[....................]     ? %");
  EXPECT_EQ(ProgressBar(std::nan("")), "[....................]     ? %");
}

TEST(ProgressBar, stays_inside_its_frame) {
  EXPECT_EQ(ProgressBar(-5.0, 4), "[....]   0.0 %");
  EXPECT_EQ(ProgressBar(1e300, 4), "[####] 100.0 %");
  for (int tenth = 0; tenth <= 1000; ++tenth) {
    ASSERT_EQ(ProgressBar(tenth / 10.0).size(), ProgressBar(0.0).size());
    ASSERT_NE(ProgressBar(tenth / 10.0)
                  .find(std::to_string(tenth / 10) + "." + std::to_string(tenth % 10) + " %"),
              std::string::npos)
        << tenth;
  }
}

}  // namespace
}  // namespace pg_cutover::core
