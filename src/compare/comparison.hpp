// The job that compares two tables.
//
//   snapshot   one snapshot over both tables: exact at one instant while dual-write is on; the
//              snapshot lives as long as both scans take, and holds back VACUUM for that long
//   rolling    ranges of the key, each under a snapshot of its own (rolling.hpp)
#pragma once

#include <optional>

#include "catalog/job_rows.hpp"
#include "catalog/link_rows.hpp"
#include "compare/sides.hpp"
#include "job/session.hpp"

namespace pg_cutover::compare {

inline constexpr const char* kCompare = "compare";

// The body of the job; JobRow::method is snapshot, rolling or auto.
void LeadCompare(job::Session& session);

// For other jobs: compares the tables of a link under one snapshot and records what was found as
// that job's comparison. Returns whether nothing differs; nullopt, with nothing recorded, where the
// link is gone or not kept in step any more by the time that both tables are locked.
std::optional<bool> CompareNow(job::Session& session, const catalog::LinkRow& link);

// Raises object_not_in_prerequisite_state: what that job's comparison has found, and what to do.
[[noreturn]] void RaiseDifferent(int64_t job);

// pg_cutover.max_snapshot_age, max_verification_age and verification_interval, in milliseconds.
void DefineSettings();
int64_t MaxSnapshotAgeMs();
int64_t MaxVerificationAgeMs();
int64_t VerificationIntervalMs();

}  // namespace pg_cutover::compare
