// Everything that a swap has to carry over; see dependents.hpp.
#include "swap/dependents.hpp"

#include "swap/object_pairs.hpp"

namespace pg_cutover::swap {

Dependents FindDependents(const Pair& pair, bool deparsed,
                          const std::vector<catalog::RenamedPair>& reverted,
                          std::vector<catalog::DeferredObject>* remember) {
  // Sequences and names look columns up in the catalogs, where the live table's have the mirror's
  // names while definitions are deparsed.
  const Pair now = deparsed ? Aligned(pair) : pair;
  Dependents dependents;
  AddViews(pair, deparsed, &dependents);
  AddFunctions(pair, deparsed, &dependents);
  AddForeignKeys(pair, &dependents, remember);
  AddRefusals(pair, &dependents);
  AddProperties(pair, deparsed, &dependents);
  AddSequences(now, &dependents);
  // Last: everything before it goes by the names that indexes and sequences have now.
  AddNames(now, reverted, &dependents);
  return dependents;
}

}  // namespace pg_cutover::swap
