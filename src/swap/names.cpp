// AddNames; see dependents.hpp.
//
// Names of indexes, sequences and statistics objects are unique in a schema, so the mirror's had to
// differ. Here each pair exchanges its names: what monitoring and hints call orders_pkey is the
// index that is in use. A constraint is renamed with its index; CHECK, foreign key and trigger
// names are unique in their table only, and were equal from the start.
//
// A pair is recorded as it stands after the swap: RenamedPair.live belongs to the table that was
// the mirror and is live from then on, RenamedPair.mirror to the table that is retired.
#include <algorithm>

#include <fmt/format.h>

#include "swap/dependents.hpp"

#include "link/expression.hpp"
#include "pg/text.hpp"
#include "swap/object_pairs.hpp"

namespace pg_cutover::swap {

namespace {

void Exchange(const char* kind, const ObjectPair& pair, Dependents* dependents) {
  const std::string schema = pg::QuoteIdentifier(pair.schema);
  const auto rename = [&](const std::string& from, const std::string& to) {
    dependents->after.push_back(fmt::format("ALTER {} {}.{} RENAME TO {}", kind, schema,
                                            pg::QuoteIdentifier(from), pg::QuoteIdentifier(to)));
  };
  const std::string between = fmt::format("pg_cutover_exchange_{}", pair.live);
  rename(pair.live_name, between);
  rename(pair.mirror_name, pair.live_name);
  rename(between, pair.mirror_name);
  dependents->renames.push_back({pair.mirror, pair.live});
}

void Lock(Oid relation, Dependents* dependents) {
  std::vector<Oid>& lock = dependents->lock;
  if (std::find(lock.begin(), lock.end(), relation) == lock.end()) lock.push_back(relation);
}

}  // namespace

void AddNames(const Pair& pair, const std::vector<catalog::RenamedPair>& reverted,
              Dependents* dependents) {
  const link::CanonicalSettings settings;
  for (const ObjectPair& index : PairIndexes(pair, reverted))
    Exchange("INDEX", index, dependents);
  for (const ObjectPair& statistics : PairStatistics(pair, reverted))
    Exchange("STATISTICS", statistics, dependents);
  for (const SequencePair& sequence : PairSequences(pair)) {
    // One that no column owns may be in use elsewhere under its name.
    if (!sequence.live.owned || !sequence.mirror.owned) continue;
    Lock(sequence.live.sequence, dependents);
    Lock(sequence.mirror.sequence, dependents);
    Exchange("SEQUENCE",
             {sequence.live.sequence, sequence.mirror.sequence, sequence.live.schema,
              sequence.live.name, sequence.mirror.name},
             dependents);
  }
}

}  // namespace pg_cutover::swap
