// What a copy is bound to; see plan.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "capture/install.hpp"
#include "copy/plan.hpp"
#include "link/fingerprint.hpp"
#include "pg/call.hpp"
#include "pg/resource.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

namespace pg_cutover::copy {

namespace {

bool StoresRows(::Relation relation) {
  return relation->rd_rel->relkind == RELKIND_RELATION;
}

catalog::JobPart Describe(::Relation relation, int32_t number) {
  catalog::JobPart part;
  part.part = number;
  part.relation = RelationGetRelid(relation);
  part.filenode = pg::compat::RelationFileNumber(relation);
  part.fingerprint = link::TreeFingerprint(relation);
  return part;
}

std::vector<Oid> Members(Oid relation, LOCKMODE lock) {
  std::vector<Oid> members;
  // find_all_inheritors() leaves the table itself to its caller.
  List* const all = pg::Section([=] {
    LockRelationOid(relation, lock);
    return find_all_inheritors(relation, lock, nullptr);
  });
  for (int i = 0; i < list_length(all); ++i) members.push_back(list_nth_oid(all, i));
  return members;
}

}  // namespace

const catalog::JobPart& Plan::PartAt(int64_t block) const {
  const auto next = std::upper_bound(
      parts.begin(), parts.end(), block,
      [](int64_t value, const catalog::JobPart& part) { return value < part.first_block; });
  return *std::prev(next);
}

std::vector<int64_t> Plan::Boundaries() const {
  std::vector<int64_t> boundaries;
  for (const catalog::JobPart& part : parts)
    if (boundaries.empty() || boundaries.back() != part.first_block)
      boundaries.push_back(part.first_block);
  return boundaries;
}

catalog::LinkRow LinkOf(const catalog::JobRow& job) {
  if (!job.link)
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("the link of job {} was removed", job.id), {},
              fmt::format("SELECT migrate_cancel({}), and start a new job.", job.id));
  return catalog::LoadLink(*job.link);
}

Plan LoadPlan(const catalog::JobRow& job) {
  Plan plan;
  plan.job = job.id;
  plan.link = LinkOf(job);
  plan.source_name = pg::QualifiedName(plan.link.source);
  plan.target_name = pg::QualifiedName(plan.link.target);
  for (catalog::JobPart& part : catalog::Parts(job.id)) {
    if (part.part < 0)
      plan.guards.push_back(part);
    else
      plan.parts.push_back(part);
    plan.total_blocks += part.blocks;
  }
  std::sort(plan.parts.begin(), plan.parts.end(),
            [](const auto& a, const auto& b) { return a.part < b.part; });
  plan.boundary = XidFromFullTransactionId(FullTransactionIdFromU64(job.boundary.value_or(0)));
  plan.start = XidFromFullTransactionId(FullTransactionIdFromU64(job.start_xid.value_or(0)));
  plan.synced = job.sync;
  return plan;
}

void FixExtent(const catalog::JobRow& job, const catalog::LinkRow& link,
               std::optional<uint64_t> captured_since) {
  int32_t number = 0;
  int32_t guard = 0;
  int64_t first_block = 0;
  double rows = 0;
  bool rows_known = true;
  for (const Oid oid : Members(link.source, AccessShareLock)) {
    const pg::OpenRelation relation(oid, NoLock);
    if (!StoresRows(relation.get())) {
      catalog::InsertPart(job.id, Describe(relation.get(), --guard));
      continue;
    }
    catalog::JobPart part = Describe(relation.get(), number++);
    part.first_block = first_block;
    part.blocks = pg::Section([&] { return RelationGetNumberOfBlocks(relation.get()); });
    first_block += part.blocks;
    catalog::InsertPart(job.id, part);
    // -1: never analysed.
    if (relation->rd_rel->reltuples < 0 && part.blocks > 0)
      rows_known = false;
    else
      rows += std::max<double>(0, relation->rd_rel->reltuples);
  }
  for (const Oid oid : Members(link.target, RowExclusiveLock)) {
    const pg::OpenRelation relation(oid, NoLock);
    catalog::InsertPart(job.id, Describe(relation.get(), --guard));
  }
  // Without capture nothing marks an exact moment: every transaction that runs now may still write
  // versions with its older id, so the oldest of them is the boundary.
  const uint64_t oldest_running = pg::Section([]() -> uint64 {
    const FullTransactionId next = ReadNextFullTransactionId();
    const TransactionId oldest = GetLatestSnapshot()->xmin;
    const uint32 behind = XidFromFullTransactionId(next) - oldest;
    return U64FromFullTransactionId(next) - behind;
  });
  const uint64_t start =
      pg::Section([] { return U64FromFullTransactionId(GetTopFullTransactionId()); });
  catalog::SetExtent(job.id, captured_since.value_or(oldest_running), start,
                     rows_known ? std::optional<int64_t>(static_cast<int64_t>(rows)) : std::nullopt,
                     first_block);
}

void FixRowEstimate(const catalog::JobRow& job, const catalog::LinkRow& link) {
  pg::Spi spi;
  const pg::Rows rows = spi.Query(
      "SELECT pg_catalog.sum(greatest(c.reltuples, 0))::bigint, "
      "       pg_catalog.bool_and(c.reltuples >= 0) "
      "  FROM pg_catalog.pg_class c "
      " WHERE c.oid = $1 AND c.relkind <> 'p' "
      "    OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1) WHERE isleaf)",
      {pg::Argument::RegClass(link.source)});
  const bool known = rows.Bool(0, 2).value_or(false);
  catalog::SetExtent(job.id, 0, 0, known ? rows.Int8(0, 1) : std::nullopt, std::nullopt);
}

void CheckUnchanged(const Plan& plan, const catalog::JobPart& part, ::Relation relation) {
  if (part.fingerprint != link::TreeFingerprint(relation))
    pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
              fmt::format("the definition of {} changed while it was copied",
                          pg::QualifiedName(part.relation)),
              "A column or partition was added, dropped or altered since the copy began.",
              plan.synced ? fmt::format("SELECT migrate_cancel({}), unlink, and start again.", plan.job)
                          : "Undo the change and resume with migrate_resume, or cancel the job with "
                            "migrate_cancel, unlink, and start again.");
  if (part.filenode == pg::compat::RelationFileNumber(relation)) return;
  // Mirrored, or of no consequence to the rows; unless dual-write has a problem with it.
  if (plan.synced) capture::RequireIntact(plan.link);
  pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            fmt::format("{} was rewritten or truncated while it was copied",
                        pg::QualifiedName(part.relation)),
            plan.synced ? "The finished block ranges describe its old storage. Dual-write is intact: "
                          "every row of the target is exact."
                        : "The finished block ranges describe its old storage.",
            plan.synced
                ? fmt::format("SELECT migrate_cancel({}), then a new migrate_backfill({}, {}) can begin "
                              "at once; the target need not be emptied.",
                              plan.job, pg::QuoteLiteral(plan.source_name),
                              pg::QuoteLiteral(plan.target_name))
                : "Cancel the job with migrate_cancel, empty the target and start a new backfill.");
}

void CheckGuards(const Plan& plan) {
  for (const catalog::JobPart& part : plan.guards) {
    const pg::OpenRelation relation(part.relation, AccessShareLock);
    CheckUnchanged(plan, part, relation.get());
  }
  if (plan.synced) capture::RequireIntact(plan.link);
}

void RequirePresent(const Plan& plan) {
  const auto require = [&](Oid relation, const char* role, const std::string& name) {
    if (pg::Call(get_rel_relkind, relation) != '\0') return;
    pg::Raise(ERRCODE_UNDEFINED_TABLE, fmt::format("{} {} was dropped", role, name), {},
              fmt::format("SELECT migrate_cancel({}).", plan.job));
  };
  require(plan.link.source, "source", plan.source_name);
  require(plan.link.target, "target", plan.target_name);
}

std::vector<Oid> Leaves(Oid relation, LOCKMODE lock) {
  std::vector<Oid> leaves;
  for (const Oid oid : Members(relation, lock)) {
    const pg::OpenRelation member(oid, NoLock);
    if (StoresRows(member.get())) leaves.push_back(oid);
  }
  return leaves;
}

}  // namespace pg_cutover::copy
