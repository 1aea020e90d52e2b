// Reading a job's throttle: the jsonb that the user gave.
//
// Durations go through PostgreSQL's interval input, sizes are written as in its settings ("16 MB").
// max_replication_lag takes either; a bare number there means bytes. A key with a JSON null is as
// if absent. An unknown key, a value out of range and a query that could not run are errors.
#pragma once

#include <string>

#include "core/throttle.hpp"

namespace pg_cutover::job {

// As the caller, now: `query` is parsed and planned with his search_path, so that a mistake is
// reported at once and with its position. In the result it is canonical: every name qualified.
core::ThrottleSpec ParseThrottle(const std::string& jsonb_text);

// The document to store: as given, with the query in its canonical form. Raises what ParseThrottle
// raises.
std::string CanonicalThrottle(const std::string& jsonb_text);

// A stored document, without another look at the query: what it names may be gone by now, and then
// the job is to hold, not to fail.
core::ThrottleSpec ReadThrottle(const std::string& jsonb_text);

}  // namespace pg_cutover::job
