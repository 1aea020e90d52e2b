// Who may write to a mirror in spite of its guard.
//
// The guard is a statement trigger: it does not see heap-level writes, but a copy that writes
// through SQL would fire it.
#pragma once

namespace pg_cutover::capture {

// Lets this backend's own SQL pass the guards. Keep it around single statements of ours. Plain data
// underneath: it ends with its block, by an error too.
class DirectWrites {
 public:
  DirectWrites();
  ~DirectWrites();
  DirectWrites(const DirectWrites&) = delete;
  DirectWrites& operator=(const DirectWrites&) = delete;

  // For the guard's trigger.
  static bool Allowed();
};

}  // namespace pg_cutover::capture
