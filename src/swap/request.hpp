// What the caller of migrate_cutover or migrate_revert asked for, as the job keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/pg.hpp"

namespace pg_cutover::swap {

struct Request {
  // How long one attempt may wait for its locks, all of them together.
  int64_t lock_timeout_ms = 200;
  int32_t attempts = 30;
  bool verify = true;
  // Only a cutover asks for these: a revert turns everything back as it was.
  bool reverse_sync = true;
  std::optional<std::string> retire_as;
  // jsonb text: old columns computed from new ones, with all names qualified.
  std::string reverse_columns = "{}";
  bool record_rejected = false;
  // From the first attempt on; nullopt: nothing is ever terminated.
  std::optional<int64_t> terminate_after_ms;
};

// As JobRow.request, and back.
std::string RequestText(const Request& request);
Request ReadRequest(const std::string& text);

}  // namespace pg_cutover::swap
