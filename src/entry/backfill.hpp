// What the calls that begin a copy have in common.
#pragma once

#include "catalog/job_rows.hpp"

namespace pg_cutover::entry {

// Raises invalid_parameter_value for a batch size, delay or number of workers that cannot be.
void CheckOptions(const catalog::JobRow& job);

}  // namespace pg_cutover::entry
