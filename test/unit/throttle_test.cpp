// The application comes first: a violated or unmeasurable signal holds the job and says why.
#include "core/throttle.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string ReasonFor(const ThrottleSpec& spec, const Signals& signals) {
  const Decision decision = Evaluate(spec, signals);
  EXPECT_EQ(decision.hold, !decision.reason.empty());
  return decision.reason;
}

std::string MessageOf(const ThrottleSpec& spec) {
  try {
    Validate(spec);
  } catch (const InvalidInput& error) {
    return error.what();
  }
  return {};
}

TEST(Throttle, nothing_asked_never_holds) {
  EXPECT_FALSE(Evaluate({}, {}).hold);
  EXPECT_FALSE(Evaluate({}, {.lock_waiters = Reading::Of(1000)}).hold);
}

TEST(Throttle, a_value_at_the_limit_does_not_hold) {
  EXPECT_EQ(ReasonFor({.max_lock_waiters = 3}, {.lock_waiters = Reading::Of(3)}), "");
  EXPECT_EQ(ReasonFor({.max_replication_lag_ms = 5000},
                      {.replication_lag_ms = Reading::Of(5000, "standby1")}),
            "");
}

TEST(Throttle, replication_lag_names_the_standby) {
  EXPECT_EQ(ReasonFor({.max_replication_lag_ms = 5000},
                      {.replication_lag_ms = Reading::Of(7200, "standby1")}),
            "max_replication_lag: 7.2 s behind on standby1, limit 5 s");
  EXPECT_EQ(ReasonFor({.max_replication_lag_bytes = 16 << 20},
                      {.replication_lag_bytes = Reading::Of(20.5 * (1 << 20), "standby1")}),
            "max_replication_lag: 20.5 MB behind on standby1, limit 16 MB");
}

TEST(Throttle, each_signal_has_its_own_words) {
  EXPECT_EQ(ReasonFor({.max_slot_lag_bytes = 1 << 30},
                      {.slot_lag_bytes = Reading::Of(2147483648.0, "slot \"audit\"")}),
            "max_slot_lag: 2 GB retained by slot \"audit\", limit 1 GB");
  EXPECT_EQ(ReasonFor({.max_archive_backlog = 100}, {.archive_backlog = Reading::Of(1200)}),
            "max_archive_backlog: 1,200 waiting for the archiver, limit 100");
  EXPECT_EQ(ReasonFor({.max_active_backends = 40}, {.active_backends = Reading::Of(41)}),
            "max_active_backends: 41 active, limit 40");
  EXPECT_EQ(ReasonFor({.max_lock_waiters = 0}, {.lock_waiters = Reading::Of(1)}),
            "max_lock_waiters: 1 waiting for a lock, limit 0");
  EXPECT_EQ(ReasonFor({.query = "SELECT busy()"}, {.query = Reading::Of(1)}),
            "query: it returned true");
  EXPECT_EQ(ReasonFor({.window = Window::Parse("22:00-06:00")},
                      {.minute_of_day = Reading::Of(14 * 60 + 5)}),
            "window: 14:05 is outside 22:00-06:00");
}

TEST(Throttle, a_false_query_and_an_open_window_do_not_hold) {
  EXPECT_EQ(ReasonFor({.query = "SELECT busy()", .window = Window::Parse("22:00-06:00")},
                      {.query = Reading::Of(0), .minute_of_day = Reading::Of(0)}),
            "");
}

TEST(Throttle, every_violated_signal_is_named) {
  EXPECT_EQ(
      ReasonFor({.max_active_backends = 1, .max_lock_waiters = 1},
                {.active_backends = Reading::Of(2), .lock_waiters = Reading::Of(2)}),
      "max_active_backends: 2 active, limit 1; max_lock_waiters: 2 waiting for a lock, limit 1");
}

TEST(Throttle, an_unmeasurable_signal_holds_and_says_so) {
  EXPECT_EQ(ReasonFor({.max_slot_lag_bytes = 1},
                      {.slot_lag_bytes = Reading::NotMeasurable("permission denied")}),
            "max_slot_lag: cannot be measured: permission denied");
  EXPECT_EQ(
      ReasonFor({.query = "SELECT 1/0 = 1"}, {.query = Reading::NotMeasurable("division by zero")}),
      "query: cannot be measured: division by zero");
}

TEST(Throttle, a_reading_that_was_not_taken_or_is_not_a_number_holds) {
  const ThrottleSpec everything = {.max_replication_lag_ms = 1,
                                   .max_replication_lag_bytes = 1,
                                   .max_slot_lag_bytes = 1,
                                   .max_archive_backlog = 1,
                                   .max_active_backends = 1,
                                   .max_lock_waiters = 1,
                                   .query = "SELECT false",
                                   .window = Window::Parse("00:00-24:00")};
  const std::string reason = ReasonFor(everything, {});
  std::size_t count = 0;
  for (std::size_t at = reason.find("no reading was taken"); at != std::string::npos;
       at = reason.find("no reading was taken", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 8U);
  EXPECT_EQ(ReasonFor({.max_lock_waiters = 1}, {.lock_waiters = Reading::Of(kNaN)}),
            "max_lock_waiters: cannot be measured: the reading is not a number");
}

TEST(Throttle, absurd_readings_are_still_worded) {
  EXPECT_EQ(ReasonFor({.max_slot_lag_bytes = 1}, {.slot_lag_bytes = Reading::Of(1e300)}),
            "max_slot_lag: 7.8 EB retained, limit 1 bytes");
}

TEST(Throttle, pacing_keys_do_not_hold) {
  EXPECT_FALSE(Evaluate({.max_rows_per_second = 1.0,
                         .max_wal_bytes_per_second = 1.0,
                         .target_batch_ms = 5.0,
                         .ratio = 0.1},
                        {})
                   .hold);
}

TEST(Throttle, values_in_range_are_accepted) {
  EXPECT_EQ(MessageOf({}), "");
  EXPECT_EQ(MessageOf({.max_replication_lag_ms = 1,
                       .max_archive_backlog = 0,
                       .max_active_backends = 0,
                       .max_lock_waiters = 0,
                       .max_rows_per_second = 0.5,
                       .target_batch_ms = 1.0,
                       .query = "SELECT false",
                       .ratio = 1.0}),
            "");
}

TEST(Throttle, values_out_of_range_are_refused_by_name) {
  EXPECT_EQ(MessageOf({.ratio = 0.0}),
            "throttle key \"ratio\" must be above 0 and at most 1, not 0");
  EXPECT_EQ(MessageOf({.ratio = 1.5}),
            "throttle key \"ratio\" must be above 0 and at most 1, not 1.5");
  EXPECT_NE(MessageOf({.ratio = kNaN}), "");
  EXPECT_EQ(MessageOf({.max_rows_per_second = -3.0}),
            "throttle key \"max_rows_per_second\" must be above 0, not -3");
  EXPECT_NE(MessageOf({.max_rows_per_second = std::numeric_limits<double>::infinity()}), "");
  EXPECT_NE(MessageOf({.max_wal_bytes_per_second = 0.0}), "");
  EXPECT_EQ(MessageOf({.max_replication_lag_ms = 0}),
            "throttle key \"max_replication_lag\" must be above 0, not 0");
  EXPECT_NE(MessageOf({.max_replication_lag_bytes = -1}), "");
  EXPECT_NE(MessageOf({.max_slot_lag_bytes = 0}), "");
  EXPECT_EQ(MessageOf({.max_lock_waiters = -1}),
            "throttle key \"max_lock_waiters\" must be 0 or above, not -1");
  EXPECT_NE(MessageOf({.max_archive_backlog = -1}), "");
  EXPECT_NE(MessageOf({.max_active_backends = -1}), "");
  EXPECT_EQ(MessageOf({.target_batch_ms = 0.5}),
            "throttle key \"target_batch_ms\" must be between 1 and 60000 milliseconds, not 0.5");
  EXPECT_EQ(MessageOf({.query = " \n"}), "throttle key \"query\" must not be empty");
}

}  // namespace
}  // namespace pg_cutover::core
