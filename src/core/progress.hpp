// Arithmetic of progress: percent, rate, time left, and the text bar.
//
// Must hold: what is not known is said to be unknown (nullopt), not invented; 100 % is shown only
// when all is done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pg_cutover::core {

// 0..100; a total that was estimated too low gives 100, a known total of 0 gives 100. nullopt
// without a total.
std::optional<double> Percent(int64_t done, std::optional<int64_t> total);

// Exponentially weighted rate of a counter that only grows. The clock is monotonic, in
// microseconds.
class RateMeter {
 public:
  // `half_life_s`: after so many seconds an old rate has half its weight.
  explicit RateMeter(double half_life_s = 10.0);

  // `done`: the counter now. The first call sets the base line. Calls without time passing are
  // added to the next.
  void Observe(int64_t done, int64_t now_us);

  // nullopt until two observations some time apart.
  std::optional<double> PerSecond() const { return rate_; }

 private:
  double half_life_s_;
  std::optional<double> rate_ = {};
  bool started_ = false;
  int64_t last_done_ = 0;
  int64_t last_us_ = 0;
};

// Seconds left; 0 when done >= total; nullopt where total or rate is unknown or the rate is 0.
std::optional<double> EtaSeconds(int64_t done, std::optional<int64_t> total,
                                 std::optional<double> per_second);

// "[########............]  41.0 %", rounded down; "[....................]     ? %" when unknown.
// `width` >= 1.
std::string ProgressBar(std::optional<double> percent, int width = 20);

}  // namespace pg_cutover::core

#include "core/no_postgres.hpp"
