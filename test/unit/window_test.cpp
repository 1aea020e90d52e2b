// A job works inside its window and nowhere else, also across midnight.
#include "core/window.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/invalid_input.hpp"

namespace pg_cutover::core {
namespace {

int MinutesInside(const Window& window) {
  int minutes = 0;
  for (int minute = 0; minute < Window::kMinutesPerDay; ++minute) {
    minutes += window.Contains(minute) ? 1 : 0;
  }
  return minutes;
}

TEST(Window, wraps_midnight) {
  const Window window = Window::Parse("22:00-06:00");
  EXPECT_TRUE(window.Contains(22 * 60));
  EXPECT_TRUE(window.Contains(0));
  EXPECT_TRUE(window.Contains(6 * 60 - 1));
  EXPECT_FALSE(window.Contains(6 * 60));
  EXPECT_FALSE(window.Contains(22 * 60 - 1));
  EXPECT_EQ(MinutesInside(window), 8 * 60);
}

TEST(Window, within_one_day) {
  const Window window = Window::Parse("9:30-17:00");
  EXPECT_FALSE(window.Contains(9 * 60 + 29));
  EXPECT_TRUE(window.Contains(9 * 60 + 30));
  EXPECT_FALSE(window.Contains(17 * 60));
  EXPECT_EQ(MinutesInside(window), 450);
}

TEST(Window, may_end_at_midnight_by_either_name) {
  EXPECT_EQ(MinutesInside(Window::Parse("22:00-24:00")), 120);
  EXPECT_EQ(MinutesInside(Window::Parse("22:00-00:00")), 120);
  EXPECT_EQ(MinutesInside(Window::Parse("00:00-24:00")), Window::kMinutesPerDay);
}

TEST(Window, text_is_normalised_and_read_back) {
  EXPECT_EQ(Window::Parse(" 7:05 - 9:00 ").ToText(), "07:05-09:00");
  EXPECT_EQ(Window::Parse("22:00-24:00").ToText(), "22:00-24:00");
  EXPECT_EQ(Window::Parse("07:05-09:00"), Window::Parse(Window::Parse("7:05-9:00").ToText()));
}

TEST(Window, equal_ends_are_refused) {
  EXPECT_THROW(Window::Parse("06:00-06:00"), InvalidInput);
  EXPECT_THROW(Window::Parse("24:00-24:00"), InvalidInput);
}

TEST(Window, refuses_what_is_not_a_window) {
  for (const std::string text :
       {"", "-", "22:00", "22-06", "24:00-06:00", "22:60-06:00", "22:00-25:00", "22:00-24:01",
        "22:0-06:00", "122:00-06:00", "a:00-06:00", "22:00-06:00-07:00", "22:00 to 06:00",
        "+2:00-06:00", ":00-06:00"}) {
    EXPECT_THROW(Window::Parse(text), InvalidInput) << text;
  }
}

}  // namespace
}  // namespace pg_cutover::core
