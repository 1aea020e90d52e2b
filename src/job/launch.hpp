// Starting background workers.
//
// All are dynamic, so that nothing needs shared_preload_libraries. A leader is registered with a
// restart time: such workers survive the restart that the postmaster goes through when a process
// was killed, and so the job goes on by itself. Exit code 0 ends the registration, 1 means again in
// five seconds.
#pragma once

#include <cstdint>
#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::job {

// What a job's worker is told; travels in bgw_extra.
struct WorkerOrder {
  int64_t job;
  Oid database;
  Oid login_role;
  int32_t worker;   // 0 is the leader
  dsm_handle team;  // helpers only
};
static_assert(sizeof(WorkerOrder) <= BGW_EXTRALEN);

// Each returns false when there is no free slot.
bool LaunchLeader(int64_t job, Oid login_role);
// `handle` is allocated in the current memory context.
bool LaunchHelper(const WorkerOrder& order, BackgroundWorkerHandle** handle);
// A short visit to a database that does what migrate_recover() does there.
bool LaunchScout(Oid database, BackgroundWorkerHandle** handle);

// In shared_preload_libraries only.
void RegisterLauncher();

WorkerOrder ReadOrder();

// Why none could be launched, for people.
std::string NoSlotReason();

}  // namespace pg_cutover::job
