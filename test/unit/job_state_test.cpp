// A job's life has no shortcuts, and its final states are final.
#include "core/job_state.hpp"

#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace pg_cutover::core {
namespace {

TEST(JobState, names_are_those_of_the_api_and_read_back) {
  std::string names;
  for (const JobState state : kJobStates) {
    names += std::string(JobStateName(state)) + " ";
    EXPECT_EQ(JobStateFromName(JobStateName(state)), state);
  }
  EXPECT_EQ(names, "queued running paused succeeded failed cancelled ");
  EXPECT_EQ(JobStateFromName("Queued"), std::nullopt);
  EXPECT_EQ(JobStateFromName(""), std::nullopt);
}

TEST(JobState, exactly_the_drawn_moves_are_allowed) {
  using enum JobState;
  const std::set<std::pair<JobState, JobState>> allowed = {
      {kQueued, kRunning},   {kQueued, kPaused},     {kQueued, kCancelled}, {kQueued, kFailed},
      {kRunning, kPaused},   {kRunning, kSucceeded}, {kRunning, kFailed},   {kRunning, kCancelled},
      {kRunning, kQueued},   {kPaused, kQueued},     {kPaused, kCancelled}, {kFailed, kQueued},
      {kFailed, kCancelled},
  };
  for (const JobState from : kJobStates) {
    for (const JobState to : kJobStates) {
      EXPECT_EQ(CanMove(from, to), allowed.contains({from, to}))
          << JobStateName(from) << " to " << JobStateName(to);
    }
  }
}

TEST(JobState, no_move_leads_out_of_a_final_state_and_some_move_out_of_any_other) {
  for (const JobState from : kJobStates) {
    bool leads_out = false;
    for (const JobState to : kJobStates)
      leads_out = leads_out || CanMove(from, to);
    EXPECT_EQ(IsFinal(from), !leads_out) << JobStateName(from);
  }
}

TEST(JobState, a_failed_job_has_ended_but_can_be_resumed) {
  EXPECT_FALSE(IsFinal(JobState::kFailed));
  EXPECT_FALSE(IsUnfinished(JobState::kFailed));
  EXPECT_TRUE(CanMove(JobState::kFailed, JobState::kQueued));
}

TEST(JobState, recovery_restarts_queued_and_running_jobs_and_leaves_paused_ones) {
  EXPECT_TRUE(WantsWorker(JobState::kQueued));
  EXPECT_TRUE(WantsWorker(JobState::kRunning));
  EXPECT_FALSE(WantsWorker(JobState::kPaused));
  EXPECT_TRUE(IsUnfinished(JobState::kPaused));
  EXPECT_FALSE(IsUnfinished(JobState::kSucceeded));
  EXPECT_FALSE(IsUnfinished(JobState::kCancelled));
}

}  // namespace
}  // namespace pg_cutover::core
