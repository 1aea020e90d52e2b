// How many source blocks the next copy batch takes.
//
// A writer can have to wait for a batch, so a batch aims at a duration (target_ms), not at a number
// of rows. Must hold: at least 1 block; at most twice the batch before; smaller at once after a
// batch that took too long; never more blocks than max_bytes allows, by the bytes seen per block
// and at least by the size of the blocks themselves (a run of empty blocks must not end in one huge
// batch).
#pragma once

#include <cstdint>
#include <optional>

namespace pg_cutover::core {

struct BatchLimits {
  // Rows of the first batch.
  int64_t initial_rows = 10'000;
  // Upper bound on rows, as near as whole blocks allow: an explicit batch_size.
  std::optional<int64_t> max_rows = {};
  double target_ms = 25.0;
  int64_t max_bytes = int64_t{16} * 1024 * 1024;
};

class BatchSizer {
 public:
  static constexpr int64_t kBlockBytes = 8192;
  // Assumed where the table has no statistics.
  static constexpr double kDefaultRowsPerBlock = 100.0;

  // `rows_per_block`: an estimate; zero, negative or NaN where unknown. Asserts positive limits.
  BatchSizer(const BatchLimits& limits, double rows_per_block);

  // Blocks to take next, >= 1.
  int64_t NextBlocks() const { return blocks_; }

  // What a finished batch cost: source blocks scanned (<= 0: ignored), rows and bytes written,
  // milliseconds. A batch may be smaller than NextBlocks() (the end of a stretch): it then never
  // makes the next one smaller unless it took longer than the target.
  void Observe(int64_t blocks, int64_t rows, int64_t bytes, double ms);

  // Retuning while the job runs; takes effect on the next batch.
  void SetTargetMs(double target_ms);
  void SetMaxRows(std::optional<int64_t> max_rows);

 private:
  int64_t Bound() const;

  BatchLimits limits_;
  // Rise at once, fall slowly: being wrong must err towards smaller batches.
  double rows_per_block_;
  double bytes_per_block_;
  int64_t blocks_ = 1;
};

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
