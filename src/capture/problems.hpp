// Looking for what has happened to a link that is kept in step, without waiting for anybody.
#pragma once

#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

namespace pg_cutover::capture {

// As Problems() of install.hpp, for views: a table that somebody has locked against reading is left
// out instead of waited for.
std::vector<std::string> ProblemsWithoutWaiting(const catalog::LinkRow& link);

// What capture.broken is to say where there are several problems, and DETAIL.
std::string Joined(const std::vector<std::string>& problems);

}  // namespace pg_cutover::capture
