// How a background worker becomes a session; see connect.hpp.
#include <string>

#include "job/connect.hpp"
#include "pg/call.hpp"
#include "pg/text.hpp"

namespace pg_cutover::job {

namespace {

bool connected = false;

// A FATAL during the connection would leave with exit code 1, after which the postmaster starts the
// worker again, for ever.
void LeaveForGood(int, Datum) {
  if (!connected) proc_exit(0);
}

void InstallHandlers() {
  // Not the default of background workers, which exits in the middle of whatever goes on.
  pqsignal(SIGTERM, die);
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGINT, StatementCancelHandler);
  BackgroundWorkerUnblockSignals();
}

}  // namespace

void ConnectWorker(Oid database, Oid role) {
  pg::Section([=] {
    on_proc_exit(LeaveForGood, 0);
    InstallHandlers();
    BackgroundWorkerInitializeConnectionByOid(database, role, 0);
  });
  connected = true;
}

void ConnectLauncher() {
  pg::Section([] {
    InstallHandlers();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  });
}

void ActAs(Oid role) {
  const std::string name = role == GetSessionUserId() ? "none" : pg::RoleName(role);
  const char* const text = name.c_str();
  pg::Section([=] { SetConfigOption("role", text, PGC_USERSET, PGC_S_SESSION); });
  if (GetUserId() != role)
    pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, "the worker could not act as role \"" + name + "\"");
}

}  // namespace pg_cutover::job
