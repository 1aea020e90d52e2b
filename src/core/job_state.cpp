// Names of the states of a job and the moves between them.
#define PG_CUTOVER_CORE 1
#include "core/job_state.hpp"

namespace pg_cutover::core {

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kPaused:
      return "paused";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return {};
}

std::optional<JobState> JobStateFromName(std::string_view name) {
  for (const JobState state : kJobStates) {
    if (JobStateName(state) == name) return state;
  }
  return std::nullopt;
}

bool CanMove(JobState from, JobState to) {
  switch (from) {
    case JobState::kQueued:
      return to == JobState::kRunning || to == JobState::kPaused || to == JobState::kCancelled ||
             to == JobState::kFailed;
    case JobState::kRunning:
      return to != JobState::kRunning;
    case JobState::kPaused:
    case JobState::kFailed:
      return to == JobState::kQueued || to == JobState::kCancelled;
    case JobState::kSucceeded:
    case JobState::kCancelled:
      return false;
  }
  return false;
}

bool IsFinal(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kCancelled;
}

bool IsUnfinished(JobState state) {
  return WantsWorker(state) || state == JobState::kPaused;
}

bool WantsWorker(JobState state) {
  return state == JobState::kQueued || state == JobState::kRunning;
}

}  // namespace pg_cutover::core
