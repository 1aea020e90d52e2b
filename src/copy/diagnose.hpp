// Which row an error is about.
#pragma once

#include <string>
#include <vector>

#include "copy/direct_batch.hpp"
#include "copy/plan.hpp"
#include "job/session.hpp"
#include "pg/error.hpp"

namespace pg_cutover::copy {

// "(id) = (42)"
std::string KeyText(const std::vector<std::string>& columns,
                    const std::vector<std::string>& values);

// The error with the row's key and table in its DETAIL and the way on in its HINT; SQLSTATE and
// message stay the server's own. Runs a transaction of its own to read the row's key.
pg::Error WithRow(job::Session& session, const Plan& plan, const Failing& failing,
                  const pg::Error& error);
// The same where the row is known by its key.
pg::Error WithKey(const Plan& plan, const std::vector<std::string>& columns,
                  const std::vector<std::string>& key, const pg::Error& error);

}  // namespace pg_cutover::copy
