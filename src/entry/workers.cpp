// Main functions of our background workers.
#include "job/launcher.hpp"
#include "job/worker.hpp"
#include "pg/entry.hpp"

PG_CUTOVER_WORKER_MAIN(pg_cutover_job_main) {
  pg_cutover::job::RunJobWorker();
}

PG_CUTOVER_WORKER_MAIN(pg_cutover_scout_main) {
  pg_cutover::job::RunScout();
}

PG_CUTOVER_WORKER_MAIN(pg_cutover_launcher_main) {
  pg_cutover::job::RunLauncher();
}
