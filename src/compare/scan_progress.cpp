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

void StartCommand() {
  pgstat_progress_start_command(pg::compat::kScanCommand, InvalidOid);
}

void Report() noexcept {
  if (IsParallelWorker()) {
    if (scanned == kRowsAReport) {
      StartCommand();
      pgstat_progress_update_param(kLeader, MyProc->lockGroupLeader->pid);
    }
  } else if (!leads) {
    return;
  }
  pgstat_progress_update_param(kScanned, scanned);
}

}  // namespace

ScanProgress::ScanProgress(int64_t rows_expected) {
  scanned = 0;
  leads = true;
  StartCommand();
  const int parameters[] = {kRowsSource, kExpected, kStarted};
  const int64 values[] = {kUnknown, rows_expected, GetCurrentTimestamp()};
  pgstat_progress_update_multi_param(3, parameters, values);
}

ScanProgress::~ScanProgress() {
  leads = false;
  pgstat_progress_end_command();
}

void ScanProgress::SourceIsRead(int64_t rows) {
  scanned = 0;
  const int parameters[] = {kRowsSource, kScanned};
  const int64 values[] = {rows, 0};
  pgstat_progress_update_multi_param(2, parameters, values);
}

void CountScannedRow() noexcept {
  if (++scanned % kRowsAReport == 0) Report();
}

std::optional<ScanState> FindScan(int pid) {
  return pg::Section([=]() -> std::optional<ScanState> {
    bool found = false;
    int64_t rows_source = kUnknown;
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
        rows_source = parameters[kRowsSource];
        state.rows_expected = parameters[kExpected];
        state.seconds = static_cast<double>(GetCurrentTimestamp() - parameters[kStarted]) / 1e6;
      } else if (parameters[kLeader] != pid) {
        continue;
      }
      running += parameters[kScanned];
    }
    if (!found) return std::nullopt;
    state.rows_source = rows_source == kUnknown ? running : rows_source;
    state.rows_read = rows_source == kUnknown ? running : rows_source + running;
    return state;
  });
}

}  // namespace pg_cutover::compare
