// Rate limits hold in the long run, whatever the batches, and a pause says what causes it.
#include "core/pace.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(Pacer, without_limits_there_is_no_pause) {
  Pacer pacer({}, 0);
  const Pause pause = pacer.AfterBatch({1'000'000, 1 << 30, 100}, 100);
  EXPECT_EQ(pause.microseconds, 0);
  EXPECT_EQ(pause.cause, "");
  EXPECT_EQ(pacer.MaxBatchRows(), std::nullopt);
}

struct Simulated {
  double rows_per_second = 0;
  double wal_per_second = 0;
};

// One worker for ten minutes of batches of 1..max_rows rows, 100 bytes of WAL a row; sleeps overrun
// a little.
Simulated Simulate(const PaceLimits& limits, int64_t max_rows, double us_per_row) {
  std::mt19937_64 random(5);
  Pacer pacer(limits, 0);
  int64_t now = 0;
  double rows = 0;
  while (now < 600 * kSecond) {
    const int64_t batch = std::uniform_int_distribution<int64_t>(1, max_rows)(random);
    const auto duration = static_cast<int64_t>(static_cast<double>(batch) * us_per_row);
    now += duration;
    now += pacer.AfterBatch({batch, batch * 100, duration}, now).microseconds;
    rows += static_cast<double>(batch);
    now += std::uniform_int_distribution<int64_t>(0, 2000)(random);
  }
  const double seconds = static_cast<double>(now) / kSecond;
  return {rows / seconds, rows * 100 / seconds};
}

TEST(Pacer, the_long_run_rate_is_the_limit_and_not_above) {
  for (const int64_t max_rows : {10, 1000, 5000}) {
    const Simulated run = Simulate({.max_rows_per_second = 2000.0}, max_rows, 10);
    EXPECT_LE(run.rows_per_second, 2000) << max_rows;
    EXPECT_GE(run.rows_per_second, 2000 * 0.98) << max_rows;
  }
}

TEST(Pacer, the_wal_limit_is_kept_likewise) {
  const Simulated run = Simulate({.max_wal_bytes_per_second = 1e6}, 1000, 10);
  EXPECT_LE(run.wal_per_second, 1e6);
  EXPECT_GE(run.wal_per_second, 1e6 * 0.98);
}

TEST(Pacer, workers_share_one_limit_equally) {
  const Simulated run = Simulate({.max_rows_per_second = 8000.0, .workers = 4}, 1000, 10);
  EXPECT_LE(run.rows_per_second, 2000);
  EXPECT_GE(run.rows_per_second, 2000 * 0.98);
}

TEST(Pacer, a_worker_slower_than_the_limit_never_pauses) {
  Pacer pacer({.max_rows_per_second = 1000.0}, 0);
  for (int64_t now = kSecond; now < 100 * kSecond; now += kSecond) {
    EXPECT_EQ(pacer.AfterBatch({900, 0, kSecond}, now).microseconds, 0);
  }
}

TEST(Pacer, idle_time_saves_at_most_one_second_of_work) {
  Pacer pacer({.max_rows_per_second = 1000.0}, 0);
  const int64_t now = 3600 * kSecond;
  EXPECT_EQ(pacer.AfterBatch({1000, 0, 0}, now).microseconds, 0);
  EXPECT_EQ(pacer.AfterBatch({500, 0, 0}, now).microseconds, kSecond / 2);
}

TEST(Pacer, an_overrunning_sleep_is_credited) {
  Pacer pacer({.max_rows_per_second = 1000.0}, 0);
  EXPECT_EQ(pacer.AfterBatch({1000, 0, 0}, 0).microseconds, kSecond);
  EXPECT_EQ(pacer.AfterBatch({1000, 0, 0}, kSecond + kSecond / 4).microseconds, kSecond * 3 / 4);
}

TEST(Pacer, ratio_is_the_share_of_time_spent_working) {
  Pacer pacer({.ratio = 0.2}, 0);
  const Pause pause = pacer.AfterBatch({1, 1, 25'000}, 25'000);
  EXPECT_EQ(pause.microseconds, 100'000);
  EXPECT_EQ(pause.cause, "ratio");
  Pacer full({.ratio = 1.0}, 0);
  EXPECT_EQ(full.AfterBatch({1, 1, 25'000}, 25'000).microseconds, 0);
}

TEST(Pacer, the_longest_pause_wins_and_is_named) {
  Pacer pacer({.max_rows_per_second = 1000.0,
               .max_wal_bytes_per_second = 1000.0,
               .ratio = 0.5,
               .batch_delay_ms = 50},
              0);
  EXPECT_EQ(pacer.AfterBatch({0, 0, 10}, 0).cause, "batch_delay");
  EXPECT_EQ(pacer.AfterBatch({0, 0, 60'000}, 0).cause, "ratio");
  EXPECT_EQ(pacer.AfterBatch({100, 0, 10}, 0).cause, "max_rows_per_second");
  const Pause pause = pacer.AfterBatch({100, 300, 10}, 0);
  EXPECT_EQ(pause.cause, "max_wal_bytes_per_second");
  EXPECT_EQ(pause.microseconds, 300'000);
}

TEST(Pacer, a_lowered_limit_does_not_stop_the_job_for_minutes) {
  Pacer pacer({.max_rows_per_second = 100'000.0}, 0);
  ASSERT_GT(pacer.AfterBatch({50'000, 0, 0}, 0).microseconds, 0);
  pacer.Retune({.max_rows_per_second = 10.0}, 0);
  EXPECT_EQ(pacer.AfterBatch({0, 0, 0}, 0).microseconds, kSecond);
}

TEST(Pacer, a_removed_limit_frees_the_worker_and_a_new_one_starts_without_savings) {
  Pacer pacer({.max_rows_per_second = 10.0}, 0);
  pacer.AfterBatch({1000, 0, 0}, 0);
  pacer.Retune({}, 0);
  EXPECT_EQ(pacer.AfterBatch({1000, 0, 0}, 0).microseconds, 0);
  pacer.Retune({.max_rows_per_second = 10.0}, 60 * kSecond);
  EXPECT_EQ(pacer.AfterBatch({10, 0, 0}, 60 * kSecond).microseconds, kSecond);
}

TEST(Pacer, batches_can_be_cut_to_one_second_of_work) {
  EXPECT_EQ(Pacer({.max_rows_per_second = 1000.0, .workers = 4}, 0).MaxBatchRows(), 250);
  EXPECT_EQ(Pacer({.max_rows_per_second = 0.1}, 0).MaxBatchRows(), 1);
  EXPECT_EQ(Pacer({.max_rows_per_second = 1e300}, 0).MaxBatchRows(),
            int64_t{1'000'000'000'000'000});
}

TEST(Pacer, absurd_costs_and_a_clock_that_goes_back_stay_finite) {
  Pacer pacer({.max_rows_per_second = 1e-9, .ratio = 1e-12}, 1000);
  const Pause pause = pacer.AfterBatch({int64_t{1} << 62, 0, int64_t{1} << 62}, 0);
  EXPECT_GT(pause.microseconds, 0);
  EXPECT_LE(pause.microseconds, int64_t{1'000'000'000'000});
}

}  // namespace
}  // namespace pg_cutover::core
