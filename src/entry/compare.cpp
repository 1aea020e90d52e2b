// migrate_compare and migrate_repair: what was asked is checked, and a job queued; and the equality
// that tells a changed value from another way to write the same one.
#include <fmt/format.h>

#include "catalog/comparison_rows.hpp"
#include "catalog/link_rows.hpp"
#include "compare/comparison.hpp"
#include "compare/image.hpp"
#include "compare/part.hpp"
#include "compare/ranges.hpp"
#include "compare/repair.hpp"
#include "compare/shape.hpp"
#include "compare/sides.hpp"
#include "entry/arguments.hpp"
#include "job/create.hpp"
#include "link/dropped.hpp"
#include "link/expression.hpp"
#include "link/migration.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/text.hpp"

namespace pg_cutover::entry {

namespace {

void RequirePermanent(Oid relation) {
  if (pg::Call(get_rel_persistence, relation) != RELPERSISTENCE_TEMP) return;
  pg::Raise(ERRCODE_WRONG_OBJECT_TYPE, fmt::format("{} is temporary", pg::QualifiedName(relation)),
            "Background workers cannot see the temporary tables of a session.");
}

int64_t Compare(const Arguments& arguments) {
  catalog::JobRow job;
  job.kind = compare::kCompare;
  job.source = arguments.Relation(0, "source");
  job.target = arguments.Relation(1, "target");
  job.method = arguments.Text(2, "mode");
  if (!arguments.IsNull(3)) job.throttle = pg::OutputText(JSONBOID, arguments.OptionalDatum(3));
  job.migration = arguments.OptionalText(4);
  if (job.method != "auto" && job.method != "snapshot" && job.method != "rolling")
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("mode \"{}\" is not known", job.method),
              {},
              "Use snapshot (one snapshot over both tables), rolling (ranges of the key) or auto.");
  if (job.source == job.target)
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE,
              fmt::format("{} cannot be compared with itself", pg::QualifiedName(job.source)));
  for (const Oid relation : {job.source, job.target}) {
    compare::RequireRows(relation);
    RequirePermanent(relation);
    pg::RequireReadable(relation);
  }
  // While it is unfinished no other job may work on the target: that is its owner's to ask for.
  pg::RequireOwner(job.target);
  if (job.migration) link::JoinMigration(*job.migration);
  // Names are quoted here as they are in the stored mapping, which they are compared with.
  const link::CanonicalSettings canonical;
  const compare::Sides sides = compare::LoadSides(job.source, job.target);
  if (sides.link) {
    job.link = sides.link->id;
    if (!job.migration) job.migration = sides.link->migration;
  }
  if (job.method == "rolling") (void)compare::KeyRanges(sides);
  // What cannot be planned is refused here, and not by a job that fails.
  compare::PlanScans(sides, 0);
  return job::Create(std::move(job));
}

int64_t StartRepair(const Arguments& arguments) {
  const int64_t comparison = arguments.Int8(0, "comparison");
  const bool dry_run = arguments.Bool(1, "dry_run");
  if (const std::optional<catalog::ComparisonRow> found = catalog::FindComparison(comparison))
    for (const Oid table : {found->target, found->source})
      link::RequireThere(table);
  const catalog::LinkRow link = compare::RequireRepairable(comparison);
  pg::RequireOwner(link.source);
  pg::RequireOwner(link.target);
  catalog::JobRow job;
  job.kind = compare::kRepair;
  job.link = link.id;
  job.source = link.source;
  job.target = link.target;
  job.migration = link.migration;
  job.request = fmt::format(R"({{"comparison": {}, "dry_run": {}}})", comparison, dry_run);
  return job::Create(std::move(job));
}

struct Equality {
  FmgrInfo* function;             // of the type's default operator class
  compare::ImagePlan* images[2];  // where there is none (json, xml, point), or types of one shape
};

// For as long as the call's FmgrInfo lives. Neither function nor images: nothing is equal.
Equality* MakeEquality(FmgrInfo* call, Oid left, Oid right) {
  const MemoryContext context = call->fn_mcxt;
  auto* const equality = static_cast<Equality*>(MemoryContextAllocZero(context, sizeof(Equality)));
  if (left == right) {
    TypeCacheEntry* const cache = lookup_type_cache(left, TYPECACHE_EQ_OPR_FINFO);
    if (OidIsValid(cache->eq_opr_finfo.fn_oid)) {
      equality->function = &cache->eq_opr_finfo;
      return equality;
    }
  } else if (!compare::OfOneShape(left, right)) {
    return equality;
  }
  equality->images[0] = compare::MakeImagePlan(context, &left, 1);
  equality->images[1] = compare::MakeImagePlan(context, &right, 1);
  return equality;
}

// Whether two values of one type are equal as the type's own default operator class has it, or
// where it has none, or for two types of one shape, whether they are written alike.
bool EqualValues(FunctionCallInfo call) {
  if (call->args[0].isnull || call->args[1].isnull)
    return call->args[0].isnull && call->args[1].isnull;
  return pg::Section([=] {
    auto* equality = static_cast<Equality*>(call->flinfo->fn_extra);
    if (equality == nullptr) {
      equality = MakeEquality(call->flinfo, getBaseType(get_fn_expr_argtype(call->flinfo, 0)),
                              getBaseType(get_fn_expr_argtype(call->flinfo, 1)));
      call->flinfo->fn_extra = equality;
    }
    if (equality->function != nullptr)
      return DatumGetBool(FunctionCall2Coll(equality->function, call->fncollation,
                                            call->args[0].value, call->args[1].value));
    if (equality->images[0] == nullptr) return false;
    constexpr uint64_t kAnySeed = 0;
    return compare::HashRow(equality->images[0], kAnySeed, &call->args[0]) ==
           compare::HashRow(equality->images[1], kAnySeed, &call->args[1]);
  });
}

}  // namespace

}  // namespace pg_cutover::entry

PG_CUTOVER_FUNCTION(pg_cutover_compare) {
  return Int64GetDatum(pg_cutover::entry::Compare(pg_cutover::entry::Arguments(fcinfo)));
}

PG_CUTOVER_FUNCTION(pg_cutover_repair) {
  return Int64GetDatum(pg_cutover::entry::StartRepair(pg_cutover::entry::Arguments(fcinfo)));
}

PG_CUTOVER_FUNCTION(pg_cutover_equal_values) {
  return BoolGetDatum(pg_cutover::entry::EqualValues(fcinfo));
}
