// Debug points; see debug_point.hpp.
#ifdef PG_CUTOVER_DEBUG_POINTS

#include "pg/debug_point.hpp"

#include <csignal>
#include <stdexcept>
#include <string>
#include <string_view>

#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::pg {

namespace {

char* debug_points = nullptr;

std::string_view ActionAt(std::string_view name) {
  std::string_view rest = debug_points == nullptr ? "" : debug_points;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view entry = rest.substr(0, comma);
    const size_t equals = entry.find('=');
    if (equals != std::string_view::npos && entry.substr(0, equals) == name)
      return entry.substr(equals + 1);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return {};
}

// The lock of pg_advisory_lock(hashtext(name)).
LOCKTAG WaitTag(std::string_view name) {
  const auto key = static_cast<uint64>(static_cast<int64>(DatumGetInt32(hash_any(
      reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size())))));
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32),
                       static_cast<uint32>(key), 1);
  return tag;
}

}  // namespace

void DebugPoint(const char* name) {
  if (OidIsValid(MyDatabaseId)) {
    const LOCKTAG tag = WaitTag(name);
    Section([&] {
      // A session lock: a point may lie between transactions. The worker's own lock_timeout would
      // end the wait, so only a held lock is waited for, in small steps.
      bool waited = false;
      while (LockAcquire(&tag, ShareLock, true, true) == LOCKACQUIRE_NOT_AVAIL) {
        if (!waited) pgstat_report_appname(name);
        waited = true;
        CHECK_FOR_INTERRUPTS();
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10,
                        PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
      }
      LockRelease(&tag, ShareLock, true);
      if (waited) pgstat_report_appname(application_name);
    });
  }
  const std::string_view action = ActionAt(name);
  if (action.empty()) return;
  if (action == "error")
    Section([=] {
      ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("debug point \"%s\"", name)));
    });
  if (action == "throw") throw std::runtime_error(std::string("debug point ") + name);
  if (action == "exit") proc_exit(1);
  if (action == "kill") ::kill(MyProcPid, SIGKILL);
}

void DefineDebugSettings() {
  DefineCustomStringVariable(
      "pg_cutover.debug_points", "Actions at named debug points (test builds only).", nullptr,
      &debug_points, "", PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

}  // namespace pg_cutover::pg

#endif
