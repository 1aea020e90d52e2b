// Locks of jobs; see locks.hpp.
#include "job/locks.hpp"
#include "pg/call.hpp"

namespace pg_cutover::job {

namespace {

// Field 4 of the tag; 1 and 2 are those of pg_advisory_lock().
constexpr uint16 kJobSpace = 0x7063;
constexpr uint16 kTeamSpace = 0x7064;
constexpr uint16 kTargetSpace = 0x7065;

LOCKTAG Tag(uint64_t key, uint16 space) {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32), static_cast<uint32>(key),
                       space);
  return tag;
}

bool TryLock(const LOCKTAG& tag, LOCKMODE mode) {
  return pg::Section([&] { return LockAcquire(&tag, mode, true, true) != LOCKACQUIRE_NOT_AVAIL; });
}

void Unlock(const LOCKTAG& tag, LOCKMODE mode) {
  pg::Section([&] { LockRelease(&tag, mode, true); });
}

// Process ids of those who hold any of the job's locks.
std::vector<int> Holders(int64_t job, uint16 space) {
  const LOCKTAG tag = Tag(static_cast<uint64_t>(job), space);
  const LockData* const locks = pg::Call(GetLockStatusData);
  std::vector<int> pids;
  for (int i = 0; i < locks->nelements; ++i) {
    const LockInstanceData& lock = locks->locks[i];
    if (lock.holdMask != 0 && memcmp(&lock.locktag, &tag, sizeof(tag)) == 0)
      pids.push_back(lock.pid);
  }
  return pids;
}

}  // namespace

bool TryLockJob(int64_t job) {
  return TryLock(Tag(static_cast<uint64_t>(job), kJobSpace), ExclusiveLock);
}

void UnlockJob(int64_t job) {
  Unlock(Tag(static_cast<uint64_t>(job), kJobSpace), ExclusiveLock);
}

void JoinTeamLock(int64_t job) {
  const LOCKTAG tag = Tag(static_cast<uint64_t>(job), kTeamSpace);
  pg::Section([&] { (void)LockAcquire(&tag, ShareLock, true, false); });
}

bool TryPassTeamLock(int64_t job) {
  const LOCKTAG tag = Tag(static_cast<uint64_t>(job), kTeamSpace);
  if (!TryLock(tag, ExclusiveLock)) return false;
  Unlock(tag, ExclusiveLock);
  return true;
}

void LockTarget(Oid target) {
  const LOCKTAG tag = Tag(target, kTargetSpace);
  pg::Section([&] { (void)LockAcquire(&tag, ExclusiveLock, false, false); });
}

std::vector<int> WorkersOf(int64_t job) {
  std::vector<int> pids;
  for (const uint16 space : {kJobSpace, kTeamSpace})
    for (const int pid : Holders(job, space))
      if (pid != MyProcPid) pids.push_back(pid);
  return pids;
}

bool HasLeader(int64_t job) {
  return !Holders(job, kJobSpace).empty();
}

}  // namespace pg_cutover::job
