// Comparing range by range, so that no snapshot is old.
//
// First pass: ranges in the order of the source's key, half-open, the first and the last open to
// the outside; each is read on both sides under one fresh snapshot. The end of the range and what
// was found commit together, so that a crash resumes after the last finished range.
//
// Second pass: a row may have changed after its range was compared. Each range is looked at again:
// both sides must have the same keys in it (by number and sum), and rows of which a version is
// newer than the horizon (noted before the first pass) must be equal once more. A row that was
// deleted on one side alone shows in the keys.
//
// What "equal" then says: every row was equal when its range was compared last, and so was every
// row that had changed since the first look. It does not say that both tables were equal at one
// instant; `snapshot` does.
#pragma once

#include "job/session.hpp"

namespace pg_cutover::compare {

inline constexpr const char* kRecheck = "recheck";

// From where the job's cursor stands to the end. The comparison has begun.
void CompareRanges(job::Session& session);

}  // namespace pg_cutover::compare
