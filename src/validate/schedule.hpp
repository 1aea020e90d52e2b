// Validation on a schedule, by pg_cron where that is there.
//
// pg_cron is nothing that the extension depends on: it is looked for when it is asked for, and
// called by its SQL functions as the caller, so that its own rules about who may schedule what
// hold. Its jobs live in one database of the server; from there they can be run in others.
#pragma once

#include <cstdint>
#include <string>

namespace pg_cutover::validate {

// Returns the id of pg_cron's job. A schedule that the caller has given the migration before is
// replaced, and a notice says so.
int64_t Schedule(const std::string& migration, const std::string& schedule);

// Raises undefined_object where the caller has none.
void Unschedule(const std::string& migration);

}  // namespace pg_cutover::validate
