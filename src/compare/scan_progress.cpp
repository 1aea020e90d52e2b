// Progress of scans; see scan_progress.hpp.
#include "compare/scan_progress.hpp"
#include "pg/call.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::compare {

namespace {

// Rows between two reports: some tenths of a millisecond.
constexpr int64_t kRowsAReport = 4096;

// Parameters of an entry.
enum : int {
  kScanned,     // by this process in the scan that runs
  kLeader,      // of a parallel worker: the pid of its leader
  kRowsSource,  // of a leader: once the source is read; before that kUnknown
  kExpected,
  kStarted,
};
constexpr int64_t kUnknown = -1;

int64_t scanned = 0;
bool leads = false;
// What a leader has said, to be said again.
int64_t rows_source = kUnknown;
int64_t rows_expected = 0;
int64_t started_at = 0;

void StartCommand() {
  pgstat_progress_start_command(pg::compat::kScanCommand, InvalidOid);
  const int parameters[] = {kLeader, kRowsSource, kExpected, kStarted};
  const int64 values[] = {leads ? 0 : MyProc->lockGroupLeader->pid, rows_source, rows_expected,
                          started_at};
  pgstat_progress_update_multi_param(4, parameters, values);
}

// The abort of a subtransaction, such as a function's exception block makes, ends the command.
bool Started() {
  return MyBEEntry != nullptr && MyBEEntry->st_progress_command == pg::compat::kScanCommand;
}

void Report() noexcept {
  if (!leads && !IsParallelWorker()) return;
  if (!Started()) StartCommand();
  pgstat_progress_update_param(kScanned, scanned);
}

}  // namespace

ScanProgress::ScanProgress(int64_t expected) {
  scanned = 0;
  leads = true;
  rows_source = kUnknown;
  rows_expected = expected;
  started_at = GetCurrentTimestamp();
  StartCommand();
}

ScanProgress::~ScanProgress() {
  leads = false;
  pgstat_progress_end_command();
}

void ScanProgress::SourceIsRead(int64_t rows) {
  scanned = 0;
  rows_source = rows;
  StartCommand();
}

void CountScannedRow() noexcept {
  if (++scanned % kRowsAReport == 0) Report();
}

std::optional<ScanState> FindScan(int pid) {
  return pg::Section([=]() -> std::optional<ScanState> {
    bool found = false;
    int64_t source = kUnknown;
    int64_t running = 0;
    ScanState state;
    const int entries = pgstat_fetch_stat_numbackends();
    for (int i = 1; i <= entries; ++i) {
      const LocalPgBackendStatus* const local = pg::compat::BackendStatusEntry(i);
      if (local == nullptr) continue;
      const PgBackendStatus& entry = local->backendStatus;
      if (entry.st_progress_command != pg::compat::kScanCommand) continue;
      const int64* const parameters = entry.st_progress_param;
      if (entry.st_procpid == pid && parameters[kLeader] == 0) {
        found = true;
        source = parameters[kRowsSource];
        state.rows_expected = parameters[kExpected];
        state.seconds = static_cast<double>(GetCurrentTimestamp() - parameters[kStarted]) / 1e6;
      } else if (parameters[kLeader] != pid) {
        continue;
      }
      running += parameters[kScanned];
    }
    if (!found) return std::nullopt;
    state.rows_source = source == kUnknown ? running : source;
    state.rows_read = source == kUnknown ? running : source + running;
    return state;
  });
}

}  // namespace pg_cutover::compare
