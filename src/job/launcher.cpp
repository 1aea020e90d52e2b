// The launcher; see launcher.hpp.
#include <vector>

#include "job/launcher.hpp"
#include "job/connect.hpp"
#include "job/launch.hpp"
#include "job/nap.hpp"
#include "job/settings.hpp"
#include "pg/call.hpp"
#include "pg/transaction.hpp"

namespace pg_cutover::job {

namespace {

constexpr int64_t kScoutLookMicros = 1'000'000;
// When a scout found no free slot.
constexpr int64_t kRetryMs = 5'000;

struct OidList {
  Oid* values;
  int count;
};

// Databases that can be connected to; templates are left alone.
std::vector<Oid> Databases() {
  return pg::InTransaction([] {
    const OidList found = pg::Section([] {
      OidList list{nullptr, 0};
      int room = 64;
      list.values = static_cast<Oid*>(palloc(sizeof(Oid) * room));
      const ::Relation databases = table_open(DatabaseRelationId, AccessShareLock);
      const TableScanDesc scan = table_beginscan_catalog(databases, 0, nullptr);
      while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        const auto* const row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (!row->datallowconn || row->datistemplate) continue;
        if (list.count == room) {
          room *= 2;
          list.values = static_cast<Oid*>(repalloc(list.values, sizeof(Oid) * room));
        }
        list.values[list.count++] = row->oid;
      }
      table_endscan(scan);
      table_close(databases, AccessShareLock);
      return list;
    });
    return std::vector<Oid>(found.values, found.values + found.count);
  });
}

// False when there was no slot.
bool Scout(Oid database) {
  const pg::OwnedContext context(TopMemoryContext, "pg_cutover scout");
  BackgroundWorkerHandle* handle = nullptr;
  {
    const pg::MemoryScope memory(context.get());
    if (!LaunchScout(database, &handle)) return false;
  }
  pid_t pid = 0;
  while (pg::Call(GetBackgroundWorkerPid, handle, &pid) != BGWH_STOPPED)
    Nap(kScoutLookMicros, "PgCutoverScout");
  return true;
}

bool ScoutAll() {
  for (const Oid database : Databases())
    if (!Scout(database)) return false;
  return true;
}

}  // namespace

void RunLauncher() {
  ConnectLauncher();
  for (;;) {
    int64_t nap_ms = LauncherNapMs();
    if (LauncherEnabled() && MayStartJobs() && !ScoutAll()) nap_ms = std::min(nap_ms, kRetryMs);
    pg::Call(pgstat_report_activity, STATE_IDLE, static_cast<const char*>(nullptr));
    Nap(nap_ms * 1000, "PgCutoverLauncher");
  }
}

}  // namespace pg_cutover::job
