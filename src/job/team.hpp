// The workers of one job: a leader and its helpers, and the memory they share.
//
// Must hold: no helper outlives its leader into the reign of the next one. A helper holds the team
// lock (locks.hpp) shared for as long as it lives and looks at the leader's mark after it got it; a
// leader sets the mark before its own locks go (a before_shmem_exit callback registered after the
// connection, so that it runs before the one that releases locks); the next leader takes the team
// lock exclusively before it plans. A leader that dies of SIGKILL takes the whole server through a
// crash restart, which ends the helpers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pg/pg.hpp"

namespace pg_cutover::job {

// The head of the shared memory; the body's part follows it, aligned to MAXIMUM_ALIGNOF.
struct TeamMemory {
  // Held for a few instructions: no allocation, no PostgreSQL call under it.
  slock_t mutex;
  pg_atomic_uint32 active;
  pg_atomic_uint32 leader_gone;
};

class Team {
 public:
  Team() = default;
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Leader. Zeroed memory of `size` bytes, shared if `shared`. A second call starts anew; no helper
  // may be at work then.
  void* Start(size_t size, bool shared);
  // Helper. False when the team is gone or its leader is.
  bool Join(dsm_handle handle);

  // Launches a helper; false when there is no free slot for a background worker.
  bool Launch(int64_t job, int worker, Oid login_role);
  // Whether a helper launched here may still be at work.
  bool HelpersRemain();

  void* body() const;
  bool LeaderGone() const;
  // 1 before the team has started.
  int active() const;
  TeamMemory* memory() const { return memory_; }

 private:
  void Leave();

  TeamMemory* memory_ = nullptr;
  dsm_segment* segment_ = nullptr;
  bool leading_ = false;
  std::vector<BackgroundWorkerHandle*> helpers_;
};

}  // namespace pg_cutover::job
