// Starting background workers; see launch.hpp.
#include <fmt/format.h>

#include "job/launch.hpp"
#include "pg/call.hpp"

namespace pg_cutover::job {

namespace {

constexpr int kRestartSeconds = 5;

BackgroundWorker Worker(const char* function, int restart_seconds) {
  BackgroundWorker worker;
  memset(&worker, 0, sizeof(worker));
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = restart_seconds;
  strlcpy(worker.bgw_library_name, "pg_cutover", sizeof(worker.bgw_library_name));
  strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
  return worker;
}

BackgroundWorker JobWorker(const WorkerOrder& order) {
  // A helper's shared memory does not survive a crash restart, so neither does the helper.
  BackgroundWorker worker =
      Worker("pg_cutover_job_main", order.worker == 0 ? kRestartSeconds : BGW_NEVER_RESTART);
  strlcpy(worker.bgw_type, "pg_cutover worker", sizeof(worker.bgw_type));
  const std::string name =
      order.worker == 0 ? fmt::format("pg_cutover job {}", order.job)
                        : fmt::format("pg_cutover job {} helper {}", order.job, order.worker);
  strlcpy(worker.bgw_name, name.c_str(), sizeof(worker.bgw_name));
  memcpy(worker.bgw_extra, &order, sizeof(order));
  return worker;
}

}  // namespace

bool LaunchLeader(int64_t job, Oid login_role) {
  BackgroundWorker worker = JobWorker({job, MyDatabaseId, login_role, 0, 0});
  // Without a handle nothing is allocated: this is called after commits, where errors come too
  // late.
  return pg::Section([&] { return RegisterDynamicBackgroundWorker(&worker, nullptr); });
}

bool LaunchHelper(const WorkerOrder& order, BackgroundWorkerHandle** handle) {
  BackgroundWorker worker = JobWorker(order);
  worker.bgw_notify_pid = MyProcPid;
  return pg::Section([&] { return RegisterDynamicBackgroundWorker(&worker, handle); });
}

bool LaunchScout(Oid database, BackgroundWorkerHandle** handle) {
  BackgroundWorker worker = Worker("pg_cutover_scout_main", BGW_NEVER_RESTART);
  strlcpy(worker.bgw_type, "pg_cutover scout", sizeof(worker.bgw_type));
  strlcpy(worker.bgw_name, "pg_cutover scout", sizeof(worker.bgw_name));
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  worker.bgw_notify_pid = MyProcPid;
  return pg::Section([&] { return RegisterDynamicBackgroundWorker(&worker, handle); });
}

void RegisterLauncher() {
  BackgroundWorker worker = Worker("pg_cutover_launcher_main", kRestartSeconds);
  strlcpy(worker.bgw_type, "pg_cutover launcher", sizeof(worker.bgw_type));
  strlcpy(worker.bgw_name, "pg_cutover launcher", sizeof(worker.bgw_name));
  pg::Call(RegisterBackgroundWorker, &worker);
}

std::string NoSlotReason() {
  return fmt::format("no free background worker slot (max_worker_processes = {})",
                     max_worker_processes);
}

WorkerOrder ReadOrder() {
  WorkerOrder order;
  memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
  return order;
}

}  // namespace pg_cutover::job
