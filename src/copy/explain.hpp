// What a backfill would do, in words: method and why, rows and batches, disk space, locks.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

namespace pg_cutover::copy {

struct Step {
  std::string step;
  std::string detail;
};

// Reads catalogs and sizes only. Needs an active snapshot; takes AccessShareLock on both relations.
std::vector<Step> Explain(const catalog::LinkRow& link);

}  // namespace pg_cutover::copy
