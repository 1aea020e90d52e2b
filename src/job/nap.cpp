// Sleeping; see nap.hpp.
#include <algorithm>
#include <map>
#include <string>

#include "job/nap.hpp"
#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::job {

namespace {

constexpr int64_t kLongestMs = 60'000;

uint32 EventNamed(const char* why) {
  static std::map<std::string, uint32> events;
  const auto found = events.find(why);
  if (found != events.end()) return found->second;
  const uint32 event = pg::Section([=] { return pg::compat::WaitEvent(why); });
  events.emplace(why, event);
  return event;
}

}  // namespace

bool Nap(int64_t microseconds, const char* why) {
  const auto ms =
      static_cast<long>(std::clamp<int64_t>((microseconds + 999) / 1000, 1, kLongestMs));
  const uint32 event = EventNamed(why);
  return pg::Section([=] {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, event);
    ResetLatch(MyLatch);
    bool cancelled = false;
    if (!IsTransactionState()) {
      HOLD_CANCEL_INTERRUPTS();
      CHECK_FOR_INTERRUPTS();
      cancelled = QueryCancelPending;
      QueryCancelPending = false;
      RESUME_CANCEL_INTERRUPTS();
    } else {
      CHECK_FOR_INTERRUPTS();
    }
    // A session reads its configuration between statements; a worker does it here.
    if (ConfigReloadPending && pg::compat::IsWorkerProcess()) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
    }
    return cancelled;
  });
}

}  // namespace pg_cutover::job
