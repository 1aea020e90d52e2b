// What a swap would run for one kind of dependent, for tests that run it themselves. Debug builds
// only.
#ifdef PG_CUTOVER_DEBUG_POINTS
#include <array>
#include <map>

#include <fmt/format.h>

#include "entry/arguments.hpp"
#include "link/expression.hpp"
#include "pg/call.hpp"
#include "pg/entry.hpp"
#include "pg/ownership.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"
#include "swap/dependents.hpp"
#include "swap/object_pairs.hpp"

namespace pg_cutover::entry {

namespace {

using swap::Dependents;
using swap::Pair;

struct Steps {
  Dependents dependents;
  std::vector<catalog::DeferredObject> remember;
};

// The way back: every column that the link carries over, bare.
catalog::LinkRow Backwards(const catalog::LinkRow& link) {
  catalog::LinkRow back;
  back.source = link.target;
  back.target = link.source;
  for (const swap::ColumnPair& column : swap::LoadPair(link, {}).columns)
    back.mapping.push_back({column.live, "source." + pg::QuoteIdentifier(column.mirror)});
  return back;
}

Pair PairOf(Oid source, Oid target) {
  if (const std::optional<catalog::LinkRow> link = catalog::FindLink(source, target))
    return swap::LoadPair(*link, {});
  if (const std::optional<catalog::LinkRow> link = catalog::FindLink(target, source))
    return swap::LoadPair(Backwards(*link), {});
  pg::Raise(ERRCODE_UNDEFINED_OBJECT,
            fmt::format("{} and {} are not linked", pg::QualifiedName(source),
                        pg::QualifiedName(target)));
}

void Find(const Pair& pair, const std::string& family, bool deparsed, Steps* steps) {
  const std::vector<catalog::RenamedPair> reverted = swap::StandingRenames(pair);
  const Pair now = deparsed ? swap::Aligned(pair) : pair;
  Dependents* const found = &steps->dependents;
  if (family == "views") return swap::AddViews(pair, deparsed, found);
  if (family == "functions") return swap::AddFunctions(pair, deparsed, found);
  if (family == "foreign_keys") return swap::AddForeignKeys(pair, found, &steps->remember);
  if (family == "refusals") return swap::AddRefusals(pair, found);
  if (family == "properties") return swap::AddProperties(pair, deparsed, found);
  if (family == "sequences") return swap::AddSequences(now, found);
  if (family == "names") return swap::AddNames(now, reverted, found);
  if (family != "all")
    pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, fmt::format("family \"{}\" is not known", family));
  *found = swap::FindDependents(pair, deparsed, reverted, &steps->remember);
}

void Run(const std::vector<std::string>& statements) {
  const link::CanonicalSettings settings;
  pg::Spi spi;
  for (const std::string& statement : statements)
    spi.Execute(statement);
}

class Answer {
 public:
  explicit Answer(FunctionCallInfo call)
      : result_(reinterpret_cast<ReturnSetInfo*>(call->resultinfo)) {}

  void Put(const char* part, const std::string& statement) {
    std::array<Datum, 3> values = {pg::MakeText(part), Int32GetDatum(++position_[part]),
                                   pg::MakeText(statement)};
    Datum* const data = values.data();
    pg::Section([=, this] {
      bool nulls[3] = {false, false, false};
      tuplestore_putvalues(result_->setResult, result_->setDesc, data, nulls);
    });
  }

  void Put(const char* part, const std::vector<std::string>& statements) {
    for (const std::string& statement : statements)
      Put(part, statement);
  }

 private:
  ReturnSetInfo* const result_;
  std::map<std::string, int> position_;
};

}  // namespace

}  // namespace pg_cutover::entry

// migrate.debug_swap_steps(live, mirror, family, deparsed)
PG_CUTOVER_FUNCTION(pg_cutover_debug_swap_steps) {
  namespace entry = pg_cutover::entry;
  namespace pg = pg_cutover::pg;
  namespace swap = pg_cutover::swap;
  const entry::Arguments arguments(fcinfo);
  const Oid live = arguments.Relation(0, "live");
  const Oid mirror = arguments.Relation(1, "mirror");
  const std::string family = arguments.Text(2, "family");
  const bool deparsed = arguments.Bool(3, "deparsed");
  pg::RequireOwner(live);
  pg::Section([=] { InitMaterializedSRF(fcinfo, 0); });

  const swap::Pair pair = entry::PairOf(live, mirror);
  const swap::Alignment alignment = deparsed ? swap::AlignColumnNames(pair) : swap::Alignment{};
  entry::Steps steps;
  entry::Run(alignment.align);
  entry::Find(pair, family, deparsed, &steps);
  entry::Run(alignment.restore);

  entry::Answer answer(fcinfo);
  const swap::Dependents& found = steps.dependents;
  for (const swap::Refusal& refusal : found.refusals)
    answer.Put("refusal", fmt::format("{}: {} ({})", refusal.object, refusal.reason, refusal.hint));
  answer.Put("carried", found.carried);
  for (const Oid relation : found.lock)
    answer.Put("lock", std::to_string(relation));
  answer.Put("before", found.before);
  answer.Put("after", found.after);
  answer.Put("later", found.later);
  for (const pg_cutover::catalog::RenamedPair& renamed : found.renames) {
    answer.Put("rename", std::to_string(renamed.live));
    answer.Put("rename", std::to_string(renamed.mirror));
  }
  return 0;
}

#endif
