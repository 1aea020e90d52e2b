// What happens when the server loads the library.
#include "capture/trigger.hpp"
#include "compare/comparison.hpp"
#include "compare/repair.hpp"
#include "compare/watch.hpp"
#include "copy/backfill.hpp"
#include "entry/debug_job.hpp"
#include "entry/table.hpp"
#include "job/commit_actions.hpp"
#include "job/kinds.hpp"
#include "job/launch.hpp"
#include "job/settings.hpp"
#include "pg/entry.hpp"
#include "swap/cutover.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

namespace pg_cutover::entry {

namespace {

void Load() {
  // The prefix is reserved by the latter.
  compare::DefineSettings();
  job::DefineSettings();
  job::RegisterTransactionCallbacks();
  job::RegisterKind({copy::kBackfill, copy::LeadBackfill, copy::HelpBackfill, true});
  job::RegisterKind({swap::kCutover, swap::LeadSwap, nullptr, true});
  job::RegisterKind({swap::kRevert, swap::LeadSwap, nullptr, true});
  job::RegisterKind({kTable, LeadTable, copy::HelpBackfill, true});
  job::RegisterKind({compare::kCompare, compare::LeadCompare, nullptr, false});
  job::RegisterKind({compare::kWatch, compare::LeadWatch, nullptr, true});
  job::RegisterKind({compare::kRepair, compare::LeadRepair, nullptr, true});
  RegisterDebugKinds();
  capture::RegisterCallbacks();
  // pg_upgrade starts the servers for itself.
  if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade) job::RegisterLauncher();
}

}  // namespace

}  // namespace pg_cutover::entry

void _PG_init() {
  pg_cutover::pg::Enter(pg_cutover::entry::Load);
}
