// The workers of one job; see team.hpp.
#include <algorithm>
#include <cassert>
#include <cstring>

#include "job/team.hpp"
#include "job/launch.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"

namespace pg_cutover::job {

namespace {

constexpr size_t kHeadSize = MAXALIGN(sizeof(TeamMemory));

// For the callback at exit, which has no other way to it. A process leads at most one team.
TeamMemory* led = nullptr;

void MarkLeaderGone(int, Datum) {
  if (led != nullptr) pg_atomic_write_u32(&led->leader_gone, 1);
}

}  // namespace

Team::~Team() {
  Leave();
}

void Team::Leave() {
  if (memory_ == nullptr) return;
  if (leading_) {
    pg_atomic_write_u32(&memory_->leader_gone, 1);
    led = nullptr;
  } else {
    pg_atomic_fetch_sub_u32(&memory_->active, 1);
  }
  if (segment_ != nullptr)
    dsm_detach(segment_);
  else
    pfree(memory_);
  memory_ = nullptr;
  segment_ = nullptr;
}

void* Team::Start(size_t size, bool shared) {
  Leave();
  const size_t total = kHeadSize + size;
  void* memory = nullptr;
  if (shared) {
    segment_ = pg::Section([=] {
      dsm_segment* const segment = dsm_create(total, 0);
      // Until the process ends, whatever resource owner happens to be current.
      dsm_pin_mapping(segment);
      return segment;
    });
    memory = dsm_segment_address(segment_);
  } else {
    memory = pg::Section([=] { return MemoryContextAlloc(TopMemoryContext, total); });
  }
  memset(memory, 0, total);
  memory_ = static_cast<TeamMemory*>(memory);
  SpinLockInit(&memory_->mutex);
  pg_atomic_init_u32(&memory_->active, 1);
  pg_atomic_init_u32(&memory_->leader_gone, 0);
  leading_ = true;
  static bool registered = false;
  if (!registered) {
    // Runs before the callback that releases locks, as it is registered after the connection.
    pg::Call(before_shmem_exit, MarkLeaderGone, Datum{0});
    registered = true;
  }
  led = memory_;
  return body();
}

bool Team::Join(dsm_handle handle) {
  segment_ = pg::Section([=] {
    dsm_segment* const segment = dsm_attach(handle);
    if (segment != nullptr) dsm_pin_mapping(segment);
    return segment;
  });
  if (segment_ == nullptr) return false;
  memory_ = static_cast<TeamMemory*>(dsm_segment_address(segment_));
  pg_atomic_fetch_add_u32(&memory_->active, 1);
  return !LeaderGone();
}

bool Team::Launch(int64_t job, int worker, Oid login_role) {
  assert(leading_ && segment_ != nullptr);
  const pg::MemoryScope memory(TopMemoryContext);
  BackgroundWorkerHandle* handle = nullptr;
  if (!LaunchHelper({job, MyDatabaseId, login_role, worker, dsm_segment_handle(segment_)}, &handle))
    return false;
  helpers_.push_back(handle);
  return true;
}

bool Team::HelpersRemain() {
  std::erase_if(helpers_, [](BackgroundWorkerHandle* handle) {
    pid_t pid = 0;
    if (pg::Call(GetBackgroundWorkerPid, handle, &pid) != BGWH_STOPPED) return false;
    pfree(handle);
    return true;
  });
  return !helpers_.empty();
}

void* Team::body() const {
  return memory_ == nullptr ? nullptr : reinterpret_cast<char*>(memory_) + kHeadSize;
}

bool Team::LeaderGone() const {
  return memory_ != nullptr && pg_atomic_read_u32(&memory_->leader_gone) != 0;
}

int Team::active() const {
  if (memory_ == nullptr) return 1;
  return std::max(1, static_cast<int>(pg_atomic_read_u32(&memory_->active)));
}

}  // namespace pg_cutover::job
