// How far the scans of a comparison are, as everybody can see it while they run.
//
// One statement scans a whole side, and nothing of its transaction can be seen before it ends. So
// the aggregate counts rows and says now and then how many: where the server keeps the progress of
// VACUUM and CREATE INDEX, in a process's entry of backend status, under a command number that no
// view of the server's own shows. Parallel workers say it in their entries, with the pid of their
// leader. Written without a lock, read as often as somebody looks. Nothing is shown with
// track_activities off.
#pragma once

#include <cstdint>
#include <optional>

namespace pg_cutover::compare {

// For as long as it lives this process leads a comparison's scans: of the source first, then of the
// target. `expected`: rows of both together. Raises nothing.
class ScanProgress {
 public:
  explicit ScanProgress(int64_t expected);
  ~ScanProgress();
  ScanProgress(const ScanProgress&) = delete;
  ScanProgress& operator=(const ScanProgress&) = delete;

  void SourceIsRead(int64_t rows);
};

// Once a row, in whatever process adds it to a sketch; may be called under a Section.
void CountScannedRow() noexcept;

struct ScanState {
  int64_t rows_source = 0;  // so far
  int64_t rows_read = 0;    // of both sides, so far
  int64_t rows_expected = 0;
  double seconds = 0;  // since the scans began
};

// What the process with this pid leads now; nullopt where it leads nothing. The workers of a scan
// that has just ended are gone a moment before their leader has its sum: numbers may go back for
// that long.
std::optional<ScanState> FindScan(int pid);

}  // namespace pg_cutover::compare
