// Rows of migrate.capture, migrate.capture_part and migrate.rejected_row: links that are kept in step.
//
// All functions run in the caller's transaction and need an active snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/link_rows.hpp"

#include "pg/pg.hpp"

namespace pg_cutover::catalog {

// What happens to a write whose row the target rejects.
enum class RejectPolicy {
  kFail,     // the application's statement fails
  kSuspend,  // it succeeds; nothing is mirrored any more, and the target must be copied again
  kRecord,   // it succeeds; the key is noted, everything else is mirrored
};
std::string RejectPolicyName(RejectPolicy policy);
std::optional<RejectPolicy> RejectPolicyFromName(const std::string& name);

struct CaptureRow {
  int64_t link = 0;
  RejectPolicy policy = RejectPolicy::kSuspend;
  uint64_t boundary = 0;                 // full transaction id
  std::optional<uint64_t> complete_xid;  // set: the target equals the mapped source
  std::optional<std::string> broken;     // why it is not to be trusted
  int64_t rejected_rows = 0;
};

struct CapturePart {
  Oid relation = InvalidOid;
  int64_t fingerprint = 0;
  Oid filenode = InvalidOid;
  int64_t column_xmins = 0;
  std::vector<Oid> triggers;  // none: a table of the target
  std::vector<TransactionId> trigger_xmins;
  // Of the target's tables, as they were before dual-write; nullopt: not set.
  std::optional<std::string> vacuum_truncate;
  std::optional<std::string> toast_vacuum_truncate;
};

struct RejectedRow {
  int64_t id = 0;
  std::vector<std::string> key;
  std::string sqlstate;
  std::string message;
};

void InsertCapture(int64_t link, RejectPolicy policy, uint64_t boundary);
std::optional<CaptureRow> FindCapture(int64_t link);
// The target equals the mapped source from now on.
void SetComplete(int64_t link, uint64_t next_xid);
// The first reason stays.
void SetBroken(int64_t link, const std::string& reason);
void DeleteCapture(int64_t link);

void InsertCapturePart(int64_t link, const CapturePart& part);
std::vector<CapturePart> CaptureParts(int64_t link);

// Row and parts in one query, as they are at this instant whatever the isolation level.
struct CaptureState {
  CaptureRow row;
  std::vector<CapturePart> parts;
};
std::optional<CaptureState> LoadCapture(int64_t link);
// Links into this target that are kept in step, the oldest first.
std::vector<int64_t> CapturedInto(Oid target);

void InsertRejectedRow(int64_t link, const std::vector<std::string>& key, const std::string& sqlstate,
                       const std::string& message);
// The oldest first, at most `limit`.
std::vector<RejectedRow> RejectedRows(int64_t link, int64_t limit);
void DeleteRejectedRow(int64_t id);

// What a writer's trigger needs to know of a link, read with a snapshot of this instant: a transaction
// at REPEATABLE READ does not see a link that is younger than its own snapshot, but fires its trigger.
struct Mirrored {
  LinkRow link;
  RejectPolicy policy = RejectPolicy::kSuspend;
  // The target is not written to: suspended after a rejected row, or broken.
  bool suspended = false;
  // Nothing else accounts for rows of the target: no other link into it, and no filter between the two
  // tables in either direction. Emptying the source empties the target then.
  bool alone = false;
  // The link of a swap's way back: its target is the table that was replaced.
  bool way_back = false;
  // Partial links (owner => false) into the same target that are kept in step, or the link that owns
  // the rows where this one is partial.
  std::vector<LinkRow> siblings;
};
// nullopt when the link or its capture is gone.
std::optional<Mirrored> FindMirrored(int64_t link);

}  // namespace pg_cutover::catalog
