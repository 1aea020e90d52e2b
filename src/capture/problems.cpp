// What has happened to a link since dual-write was turned on; see install.hpp.
//
// The triggers themselves cannot notice that they are disabled, that a partition with rows is
// attached, or that ALTER TABLE rewrites every row. So the definitions of T0 are kept in
// migrate.capture_part and compared with the catalogs, before every batch and at every gate.
//
// A trigger's state is compared with the transaction that wrote its row in pg_trigger: whoever
// disables it, writes and enables it again leaves the same state, but another row.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "capture/install.hpp"
#include "capture/problems.hpp"
#include "capture/tables.hpp"
#include "catalog/event_rows.hpp"
#include "link/dropped.hpp"
#include "link/fingerprint.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/text.hpp"

namespace pg_cutover::capture {

namespace {

class Examination {
 public:
  Examination(const catalog::LinkRow& link, bool wait) : link_(link), wait_(wait) {}

  std::vector<std::string> Run() {
    const std::optional<catalog::CaptureState> state = catalog::LoadCapture(link_.id);
    if (!state) return {"dual-write is not on"};
    if (state->row.broken) return {*state->row.broken};
    // Where they are only recorded, everything else is mirrored, and the list says what is missing.
    if (state->row.rejected_rows > 0 && state->row.policy != catalog::RejectPolicy::kRecord)
      Add("{} rejected {} of a write that went on without it; nothing was mirrored since",
          NameOf(link_.target), state->row.rejected_rows == 1 ? "the row" : "rows");
    if (!Exists(link_.source)) Add("the source {} was dropped", NameOf(link_.source));
    if (!Exists(link_.target)) Add("the target {} was dropped", NameOf(link_.target));
    for (const catalog::CapturePart& part : state->parts)
      known_.insert(part.relation);
    CompareMembers(link_.source, "source");
    CompareMembers(link_.target, "target");
    for (const catalog::CapturePart& part : state->parts)
      Compare(part);
    return std::move(problems_);
  }

 private:
  template <class... Arguments>
  void Add(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    std::string problem = fmt::format(text, std::forward<Arguments>(arguments)...);
    // Both triggers of a table have in general met the same fate.
    if (std::find(problems_.begin(), problems_.end(), problem) == problems_.end())
      problems_.push_back(std::move(problem));
  }

  bool Lock(Oid relation) const {
    if (wait_) {
      pg::Call(LockRelationOid, relation, AccessShareLock);
      return true;
    }
    return pg::Call(ConditionalLockRelationOid, relation, AccessShareLock);
  }

  void CompareMembers(Oid root, const char* role) {
    if (!Exists(root)) return;
    const bool partitioned = pg::Call(get_rel_relkind, root) == RELKIND_PARTITIONED_TABLE;
    for (const Oid member : TreeOf(root)) {
      members_.insert(member);
      if (known_.count(member) > 0) continue;
      if (partitioned)
        Add("partition {} was attached to the {}", NameOf(member), role);
      else
        Add("{} inherits from the {} since", NameOf(member), role);
      members_changed_ = true;
    }
  }

  void Compare(const catalog::CapturePart& part) {
    const bool is_root = part.relation == link_.source || part.relation == link_.target;
    const char* const role = part.triggers.empty() ? "target" : "source";
    if (!Exists(part.relation)) {
      members_changed_ = true;
      if (!is_root) Add("partition {} of the {} was dropped", NameOf(part.relation), role);
      return;
    }
    if (!is_root && members_.count(part.relation) == 0) {
      members_changed_ = true;
      Add("partition {} was detached from the {}", NameOf(part.relation), role);
      return;
    }
    if (!Lock(part.relation)) return;
    CompareTriggers(part);
    const pg::OpenRelation open(part.relation, NoLock);
    if (part.fingerprint != link::TreeFingerprint(open.get())) {
      // Which partitions there are has been said better.
      if (members_changed_ && open->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) return;
      Add("the definition of {} was altered", NameOf(part.relation));
      return;
    }
    // TRUNCATE is mirrored, and VACUUM FULL or CLUSTER change no row. An ALTER TABLE that computes
    // rows anew fires no trigger; but it writes the column's row in the catalog.
    if (part.filenode != pg::compat::RelationFileNumber(open.get()) &&
        part.column_xmins != ColumnXmins(part.relation))
      Add("the rows of {} were rewritten by ALTER TABLE", NameOf(part.relation));
  }

  void CompareTriggers(const catalog::CapturePart& part) {
    for (size_t i = 0; i < part.triggers.size(); ++i) {
      const std::optional<TriggerFacts> trigger = FindTrigger(part.triggers[i]);
      const std::string name = NameOf(part.relation);
      if (!trigger || trigger->relation != part.relation)
        Add("a trigger of ours on {} was dropped", name);
      else if (trigger->enabled == TRIGGER_DISABLED)
        Add("a trigger of ours on {} is disabled", name);
      else if (trigger->enabled != TRIGGER_FIRES_ALWAYS)
        Add("a trigger of ours on {} does not fire always, but depending on "
            "session_replication_role",
            name);
      else if (trigger->xmin != part.trigger_xmins[i])
        Add("a trigger of ours on {} was disabled for a time, or altered", name);
    }
  }

  const catalog::LinkRow& link_;
  const bool wait_;
  std::set<Oid> known_;
  std::set<Oid> members_;
  bool members_changed_ = false;
  std::vector<std::string> problems_;
};

std::string Pair(const catalog::LinkRow& link) {
  return fmt::format("{} to {}", NameOf(link.source), NameOf(link.target));
}

}  // namespace

std::string Joined(const std::vector<std::string>& problems) {
  return fmt::format("{}", fmt::join(problems, "; "));
}

std::vector<std::string> Problems(const catalog::LinkRow& link) {
  return Examination(link, true).Run();
}

std::vector<std::string> ProblemsWithoutWaiting(const catalog::LinkRow& link) {
  return Examination(link, false).Run();
}

void RequireIntact(const catalog::LinkRow& link) {
  const std::vector<std::string> problems = Problems(link);
  if (problems.empty()) return;
  link::RequireThere(link);
  const std::string source = pg::QuoteLiteral(pg::QualifiedName(link.source));
  const std::string target = pg::QuoteLiteral(pg::QualifiedName(link.target));
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("dual-write from {} is broken", Pair(link)),
            fmt::format("{}.", Joined(problems)),
            fmt::format("SELECT migrate_cancel(...) its job, SELECT migrate_unsync({0}, {1}), "
                        "TRUNCATE {2}, then migrate_backfill({0}, {1}) begins again.",
                        source, target, pg::QualifiedName(link.target)));
}

void MarkBroken(const catalog::LinkRow& link) {
  const std::optional<catalog::CaptureState> state = catalog::LoadCapture(link.id);
  if (!state || state->row.broken) return;
  const std::vector<std::string> problems = Problems(link);
  if (problems.empty()) return;
  catalog::SetBroken(link.id, Joined(problems));
  // Writers learn of it with the next lock they take.
  if (Exists(link.source)) pg::Call(CacheInvalidateRelcacheByRelid, link.source);

  catalog::Event event;
  event.kind = "sync";
  event.message = fmt::format("dual-write from {} is broken: {}", Pair(link), Joined(problems));
  event.migration = link.migration;
  event.link = link.id;
  if (Exists(link.source)) event.source = link.source;
  if (Exists(link.target)) event.target = link.target;
  catalog::RecordEvent(event);
}

}  // namespace pg_cutover::capture
