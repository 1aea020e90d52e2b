// The life of a job.
//
//   queued ──> running ──> succeeded
//     │ ^        │ │ └───> failed ──> queued (resume) | cancelled
//     │ └────────┘ └─────> paused ──> queued (resume) | cancelled
//     └──> paused | failed | cancelled
//
// running goes back to queued when its worker died without a word: the job waits for another
// worker. Must hold: every change of state in the catalog is one that CanMove allows.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace pg_cutover::core {

enum class JobState { kQueued, kRunning, kPaused, kSucceeded, kFailed, kCancelled };

inline constexpr std::array<JobState, 6> kJobStates = {JobState::kQueued, JobState::kRunning,
                                                       JobState::kPaused, JobState::kSucceeded,
                                                       JobState::kFailed, JobState::kCancelled};

// The name in the catalog and in the API: "queued", ...
std::string_view JobStateName(JobState state);
// nullopt for any other text.
std::optional<JobState> JobStateFromName(std::string_view name);

bool CanMove(JobState from, JobState to);

// Succeeded or cancelled: no move leads out. Failed is not final, it can be resumed.
bool IsFinal(JobState state);
// Queued, running or paused: the job has not ended, migrate_wait goes on waiting, and a second job
// on the same link is refused. A failed job has ended.
bool IsUnfinished(JobState state);
// Queued or running: a worker should exist. What recovery looks for after a restart; paused jobs
// stay paused.
bool WantsWorker(JobState state);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
